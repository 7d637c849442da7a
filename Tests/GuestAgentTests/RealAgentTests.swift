// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import GuestAgent

/// The whole way with Debian's own agent.
@Suite(RealAgent.isPossible, .serialized, .onOwnThread, .timeLimit(.minutes(10)))
struct RealAgentTests {
  private static let selections: [(ClipboardSelection, String)] = [
    (.clipboard, "clipboard"), (.primary, "primary"),
  ]

  /// Text and a picture, both ways, in both selections, byte for byte.
  @Test func clipboardsGoBothWays() async throws {
    let agent = try RealAgent()
    let log = EventLog()
    let client = try await agent.client(log)
    let contents: [(ClipboardType, String, [UInt8])] = [
      (.text, "UTF8_STRING", Array("Grüße\nan \u{1F30D}\n".utf8)),
      (.png, "image/png", Self.png),
    ]
    for (selection, name) in Self.selections {
      for (type, target, bytes) in contents {
        // From the guest.
        let before = client.guestClipboard(selection)?.generation
        try agent.copy(try agent.write(bytes, to: "copied"), target, in: name)
        try await eventually {
          guard let clipboard = client.guestClipboard(selection) else { return false }
          return clipboard.generation != before && clipboard.types.contains(type)
        }
        #expect(try await client.content(type, in: selection) == bytes, "\(name) \(type)")
        // To the guest.
        let own = type == .text ? bytes.reversed().filter { $0 < 0x80 } : bytes
        client.offer(ClipboardOffer(types: [type]) { $0 == type ? own : nil }, in: selection)
        try await eventually { try agent.paste(target, from: name) == own }
        #expect(client.guestClipboard(selection) == nil)
      }
    }
    var refusal: AgentError?
    do throws(AgentError) { _ = try await client.content(.text) } catch { refusal = error }
    #expect(refusal == .noContent)
  }

  /// The most that a clipboard may have, each way, with progress. It takes some seconds.
  @Test func largestClipboardsGoBothWays() async throws {
    let agent = try RealAgent()
    let client = try await agent.client()
    let bytes = sampleText(64 << 20)
    try agent.copy(try agent.write(bytes, to: "copied"), "UTF8_STRING", in: "clipboard")
    try await eventually { client.guestClipboard()?.types.contains(.text) == true }
    let progress = Mutex<[Int]>([])
    let content = try await client.content(.text) { received, total in
      #expect(total == bytes.count + 8)
      progress.withLock { $0.append(received) }
    }
    #expect(content == bytes)
    let steps = progress.withLock(\.self)
    #expect(steps.count > 1 && steps == steps.sorted())
    client.offer(ClipboardOffer(types: [.text]) { _ in bytes })
    try await eventually { try agent.paste("UTF8_STRING", from: "clipboard") == bytes }
  }

  /// A tree of many files, with names that some systems dislike.
  @Test func treeOfFilesArrives() async throws {
    let agent = try RealAgent()
    let client = try await agent.client()
    var sums: [String: [UInt8]] = [:]
    for index in 0..<1000 {
      let name = "tree/\(index % 10)/ä b\\c \(index).bin"
      let bytes = sample(index * 37 % 5000, seed: UInt64(index))
      _ = try agent.write(bytes, to: name)
      sums[name] = bytes
    }
    sums["tree/large"] = sample(3 << 20)
    sums["tree/empty"] = []
    for name in ["tree/large", "tree/empty"] { _ = try agent.write(sums[name] ?? [], to: name) }
    let files = try AgentFile.gather(["\(agent.folder)/tree"])
    #expect(files.count == 1002)
    let seen = Mutex<[FileTransfer.Progress]>([])
    let transfer = client.send(files) { progress in seen.withLock { $0.append(progress) } }
    let outcomes = await transfer.outcomes()
    let errors = outcomes.compactMap(\.error)
    #expect(outcomes.count == 1002 && errors.isEmpty, "\(errors.first as Any)")
    for (name, bytes) in sums {
      let data = try? Data(contentsOf: URL(fileURLWithPath: "\(agent.received)/\(name)"))
      #expect(data.map { [UInt8]($0) == bytes } == true, "\(name)")
    }
    let last = try #require(seen.withLock { $0.last })
    #expect(last.filesDone == 1002 && last.bytesSent == last.bytesTotal)
    #expect(last.bytesTotal == UInt64(sums.values.reduce(0) { $0 + $1.count }))
    // The same again gets other names.
    let again = await client.send([AgentFile(path: "\(agent.folder)/tree/large")]).outcomes()
    #expect(again.first?.error == nil)
  }

  /// The guest removes what it has of a cancelled file.
  @Test func cancelledFileIsRemoved() async throws {
    let agent = try RealAgent()
    let client = try await agent.client()
    let path = "\(agent.folder)/huge"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    // Without bytes on the disk: it is long enough for a cancellation.
    truncate(path, 8 << 30)
    let small = try agent.write(sample(100), to: "small")
    let transfer = client.send([AgentFile(path: path)])
    let part = "\(agent.received)/huge"
    try await eventually {
      FileManager.default.fileExists(atPath: part) && transfer.progress.bytesSent > 1 << 20
    }
    // Others go on meanwhile.
    #expect(await client.send([AgentFile(path: small)]).outcomes().map(\.error) == [nil])
    transfer.cancel()
    #expect(await transfer.outcomes().map(\.error) == [.cancelled])
    try await eventually { !FileManager.default.fileExists(atPath: part) }
    #expect(transfer.progress.bytesSent < 8 << 30)
  }

  @Test func fullDiskIsSaid() async throws {
    let agent = try RealAgent(disk: 1)
    let client = try await agent.client()
    let large = try agent.write(sample(2 << 20), to: "large")
    let outcome = try #require(await client.send([AgentFile(path: large)]).outcomes().first)
    guard case .refused(file: "large", .notEnoughSpace(let free)) = outcome.error else {
      Issue.record("\(outcome.error as Any)")
      return
    }
    #expect((1...1 << 20).contains(free ?? 0))
  }

  @Test func monitorsFollow() async throws {
    let agent = try RealAgent()
    let client = try await agent.client()
    client.setMonitors([AgentMonitor(width: 1024, height: 768)])
    try await eventually { try agent.screenSize() == "current 1024 x 768" }
    client.setMonitors([AgentMonitor(width: 800, height: 600)])
    try await eventually { try agent.screenSize() == "current 800 x 600" }
  }

  /// A client that goes and comes again finds the agent, and what was offered is gone from the guest.
  @Test func nextClientFindsTheAgent() async throws {
    let agent = try RealAgent()
    do {
      let client = try await agent.client()
      client.offer(ClipboardOffer(text: "one"))
      try await eventually {
        try agent.paste("UTF8_STRING", from: "clipboard") == Array("one".utf8)
      }
      client.close()
      try await eventually { client.state == .closed }
    }
    let client = try await agent.client()
    try await eventually { try agent.paste("UTF8_STRING", from: "clipboard").isEmpty }
    client.offer(ClipboardOffer(text: "two"))
    try await eventually { try agent.paste("UTF8_STRING", from: "clipboard") == Array("two".utf8) }
  }

  /// A picture of 1x1.
  private static let png: [UInt8] = [
    0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1,
    0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1F, 0x15, 0xC4, 0x89, 0, 0, 0, 0x0D, 0x49, 0x44, 0x41, 0x54, 0x78,
    0xDA, 0x63, 0x64, 0x60, 0xF8, 0x5F, 0x0F, 0, 2, 0x87, 1, 0x80, 0xEB, 0x47, 0xBA, 0x92, 0, 0, 0,
    0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
  ]
}
