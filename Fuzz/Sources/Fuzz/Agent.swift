// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

@testable import GuestAgent

extension Target {
  /// What a guest's agent sends: chunks, messages, and what a session makes of them.
  static let agent = Target(name: "agent") { bytes in
    let whole = items(bytes, piece: max(1, bytes.count))
    // In pieces it is the same.
    precondition(items(bytes, piece: 7) == whole)
    for layout in [AgentLayout(), AgentLayout([.clipboardSelection, .grabSerial])] {
      for item in whole {
        guard case .message(let kind, let body) = item,
          let message = AgentMessage(kind, body, layout)
        else { continue }
        // What was read is written, and read again as the same.
        var written: [UInt8] = []
        var outgoing = OutgoingMessage(message, layout)
        outgoing.write(to: &written, limit: .max)
        guard case .message(let again, let second)? = items(written, piece: written.count).first,
          again == kind
        else { preconditionFailure("what was written is no message") }
        precondition(AgentMessage(again, second, layout) == message)
      }
    }
    converse(whole)
  }

  private static func items(_ bytes: [UInt8], piece: Int) -> [AgentStreamReader.Item] {
    var reader = AgentStreamReader()
    var items: [AgentStreamReader.Item] = []
    do throws(AgentStreamReader.Defect) {
      for start in stride(from: 0, to: bytes.count, by: piece) {
        var input = bytes[start..<min(start + piece, bytes.count)]
        while let item = try reader.next(&input, keeps: { kind, _ in kind != .audioVolume }) {
          items.append(item)
        }
      }
    } catch {
      // The reader is used no more.
    }
    return items
  }

  /// A session that has offers, requests and files, and hears all of it.
  private static func converse(_ items: [AgentStreamReader.Item]) {
    var session = AgentSession()
    var now = MonotonicInstant(nanoseconds: 1)
    session.begin(now: now)
    for selection in ClipboardSelection.allCases {
      session.offer(.init(id: 1, types: [.text, .png]), in: selection)
    }
    var request: UInt64 = 0
    for item in items {
      now = now.advanced(by: .milliseconds(300))
      switch item {
      case .message(let kind, let body):
        guard let message = AgentMessage(kind, body, session.layout) else { continue }
        session.receive(
          message.withTextOfHost(hasCarriageReturns: session.hasCarriageReturns), now: now)
      case .dropped: session.contentDropped(now: now)
      }
      request += 1
      session.request(.text, in: .clipboard, id: request, now: now)
      if session.files.count < 4 {
        session.startFile(
          UInt32(request), name: "n", size: 9, number: (1, of: 1), now: now)
      }
      for action in session.takeActions() {
        if case .fetch(let asked, _, let type) = action {
          session.provide(
            AgentText.forGuest(
              [10, 13, 10], type, hasCarriageReturns: session.hasCarriageReturns), for: asked)
          session.answerWritten(now: now)
        }
        if case .file(let id, .maySend) = action { session.fileSent(id, 9, now: now) }
      }
      session.expire(now: now)
      precondition(session.clipboards.guestRequests.count <= AgentSession.mostRequests)
      precondition(
        session.clipboards.sides.allSatisfy { $0.requests.count <= AgentSession.mostRequests })
    }
    session.end(.closed)
  }
}
