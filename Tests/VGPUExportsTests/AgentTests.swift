// SPDX-License-Identifier: Apache-2.0

import CVGPU
import Foundation
import TestSupport
import Testing
import VGPUExports
import VGPUManagerExports

/// A guest's agent as a program in C has it, with Debian's own agent at the other end.
@Suite(RealAgent.isPossible, .onOwnThread, .timeLimit(.minutes(10)), .serialized)
final class AgentTests {
  private let real: RealAgent
  private let agent: OpaquePointer
  private var error = vgpu_error()

  init() throws {
    real = try RealAgent()
    let socket = try real.accept()
    agent = try #require(vgpu_agent_open_fd(socket, nil))
    close(socket)
    #expect(vgpu_agent_wait(agent, 60_000, &error) == VGPU_OK, "\(message)")
  }

  deinit { vgpu_agent_close(agent) }

  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private var message: String { Self.text(error.message) }

  /// The next event of a kind.
  private func event(_ kind: Int) throws -> vgpu_agent_event {
    var event = vgpu_agent_event()
    while true {
      var entry = pollfd(fd: vgpu_agent_fd(agent, nil), events: Int16(POLLIN), revents: 0)
      try #require(poll(&entry, 1, 60_000) == 1)
      try #require(vgpu_agent_read_event(agent, &event) == 1)
      if event.kind == kind { return event }
    }
  }

  @Test func textGoesBothWays() async throws {
    #expect(vgpu_agent_state(agent) == VGPU_AGENT_CONNECTED)
    #expect(vgpu_agent_message(agent, nil, 0) == 0)
    _ = try event(VGPU_AGENT_EVENT_CONNECTED)
    var text: UnsafeMutablePointer<CChar>?
    var size = 0
    #expect(vgpu_agent_get_text(agent, 1000, &text, &size, &error) == VGPU_ERROR_NOT_FOUND)
    let bytes = Array("Grüße, 漢字 🙂\n".utf8)
    try real.copy(real.write(bytes, to: "text"), "UTF8_STRING", in: "clipboard")
    while try event(VGPU_AGENT_EVENT_CLIPBOARD).detail != 1 {}
    #expect(
      vgpu_agent_get_text(agent, 30_000, &text, &size, &error) == VGPU_OK, "\(message)")
    let copy = try #require(text)
    #expect(Array(UnsafeRawBufferPointer(start: copy, count: size)) == bytes && copy[size] == 0)
    free(text)

    let own = "from the host: é"
    #expect(vgpu_agent_offer_text(agent, own, own.utf8.count, &error) == VGPU_OK)
    #expect(try event(VGPU_AGENT_EVENT_CLIPBOARD).detail == 0)
    try await eventually {
      try self.real.paste("UTF8_STRING", from: "clipboard") == Array(own.utf8)
    }
    #expect(vgpu_agent_withdraw(agent, &error) == VGPU_OK)
    try await eventually { try self.real.paste("UTF8_STRING", from: "clipboard") == [] }
    #expect(vgpu_agent_offer_text(agent, "\u{FF}", 1, &error) == VGPU_ERROR_ARGUMENT)
    #expect(message.contains("not UTF-8"))
    #expect(vgpu_agent_offer_text(agent, "x", -1, &error) == VGPU_ERROR_ARGUMENT)
  }

  @Test func filesGoToTheGuest() throws {
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let paths = [try real.write(bytes, to: "one"), "\(real.folder)/folder"]
    _ = try real.write([1, 2], to: "folder/two")
    var transfer: UInt64 = 0
    func send(_ paths: [String], _ transfer: UnsafeMutablePointer<UInt64>?) -> Int32 {
      let copies = paths.map { UnsafePointer<CChar>(strdup($0)) }
      defer { for copy in copies { free(UnsafeMutablePointer(mutating: copy)) } }
      return vgpu_agent_send_files(agent, copies, copies.count, transfer, &error)
    }
    #expect(send(paths, &transfer) == VGPU_OK, "\(message)")
    #expect(transfer == 1)
    let end = try event(VGPU_AGENT_EVENT_ENDED)
    #expect(end.transfer == 1 && Self.text(end.text) == "" && end.bytes_sent == 300_002)
    #expect(end.files_done == 2 && end.files_failed == 0 && end.files_total == 2)
    #expect(FileManager.default.contents(atPath: "\(real.received)/one") == Data(bytes))
    #expect(FileManager.default.contents(atPath: "\(real.received)/folder/two") == Data([1, 2]))

    // It is too large to end before it is cancelled.
    let huge = "\(real.folder)/huge"
    _ = FileManager.default.createFile(atPath: huge, contents: nil)
    truncate(huge, 8 << 30)
    #expect(send([huge], &transfer) == VGPU_OK && transfer == 2)
    let progress = try event(VGPU_AGENT_EVENT_PROGRESS)
    #expect(progress.transfer == 2 && progress.bytes_total == 8 << 30)
    #expect(vgpu_agent_cancel(agent, 2, &error) == VGPU_OK)
    let cancelled = try event(VGPU_AGENT_EVENT_ENDED)
    #expect(cancelled.transfer == 2 && cancelled.files_failed == 1)
    #expect(Self.text(cancelled.text) == "cancelled")
    // Nothing to cancel is no error, and nothing to send is one.
    #expect(vgpu_agent_cancel(agent, 2, &error) == VGPU_OK)
    #expect(send(["/no/such/file"], nil) == VGPU_ERROR_NOT_FOUND)
    #expect(send([], nil) == VGPU_ERROR_ARGUMENT)
  }
}
