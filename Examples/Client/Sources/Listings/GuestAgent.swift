// SPDX-License-Identifier: Apache-2.0
// The listing of GuestAgent's article.

import GuestAgent

func speak(at path: String) async throws {
  let client = try AgentClient(AgentSocket(path: path)) { event in
    if case .guestClipboard(.clipboard, let clipboard?) = event { print(clipboard.types) }
  }
  client.offer(ClipboardOffer(text: "from the host"))
  let picture = try await client.content(.png)
  let transfer = client.send(try AgentFile.gather(["report.pdf"]))
  let outcomes = await transfer.outcomes()
  print(picture.count, outcomes.count)
}
