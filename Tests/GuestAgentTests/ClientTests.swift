// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import GuestAgent

/// What became of a request.
private final class Asked: Sendable {
  private let result = Mutex<Result<[UInt8], AgentError>?>(nil)

  init(_ client: AgentClient, _ type: ClipboardType = .text) {
    client.content(type) { [self] result in self.result.withLock { $0 = result } }
  }

  func outcome() async throws -> Result<[UInt8], AgentError> {
    while true {
      if let result = result.withLock(\.self) { return result }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

/// A client and an agent that a test plays.
@Suite(.onOwnThread, .timeLimit(.minutes(5))) struct AgentClientTests {
  /// As a Windows agent announces itself.
  private static let windows: AgentCapabilities = [
    .mouseState, .monitorsConfig, .reply, .displayConfig, .clipboardByDemand, .sparseMonitors,
    .carriageReturns, .maxClipboard,
  ]
  private static let linux: AgentCapabilities = [
    .clipboardByDemand, .clipboardSelection, .grabSerial, .noReleaseOnRegrab, .maxClipboard,
  ]

  private func connected(
    _ capabilities: AgentCapabilities, _ log: EventLog = EventLog(),
    goodbye: Duration = .seconds(1)
  ) async throws -> (AgentClient, ScriptedAgent) {
    let (ours, theirs) = ScriptedAgent.pair()
    let agent = ScriptedAgent(theirs, capabilities)
    let client = try AgentClient(
      owning: OwnedFileDescriptor(owning: ours), name: "guest", goodbye: goodbye,
      onEvent: log.add)
    agent.announce(capabilities)
    let state = await client.stateAfterWaiting(atMost: .seconds(60))
    try #require(state.capabilities == capabilities)
    return (client, agent)
  }

  /// Text with CR and LF, a BMP, no serials, both ways; a file onto the desktop.
  @Test func windowsAgent() async throws {
    let (client, agent) = try await connected(Self.windows)
    client.offer(
      ClipboardOffer(types: [.text, .bmp]) { $0 == .text ? Array("a\nb".utf8) : [66, 77] })
    #expect(
      agent.receive { if case .grab = $0 { true } else { false } }
        == .grab(.clipboard, serial: nil, types: [1, 3]))
    agent.send(.request(.clipboard, type: 1))
    #expect(agent.receive() == .clipboard(.clipboard, type: 1, Array("a\r\nb".utf8)))
    agent.send(.request(.clipboard, type: 3))
    #expect(agent.receive() == .clipboard(.clipboard, type: 3, [66, 77]))

    agent.send(.grab(.clipboard, serial: nil, types: [2, 3]))
    try await eventually { client.guestClipboard()?.types == [.png, .bmp] }
    let bmp = sample(1 << 20)
    let content = Asked(client, .bmp)
    #expect(agent.receive() == .request(.clipboard, type: 3))
    agent.send(.clipboard(.clipboard, type: 3, bmp))
    #expect(try await content.outcome() == .success(bmp))
    #expect(client.guestClipboard(.primary) == nil)

    let folder = NSTemporaryDirectory() + "/windows-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let bytes = sample(100_000)
    _ = FileManager.default.createFile(atPath: "\(folder)/aux:1.txt", contents: Data(bytes))
    let transfer = client.send(
      [AgentFile(path: "\(folder)/aux:1.txt"), AgentFile(path: "/x", components: ["d", "x"])])
    guard case .fileStart(let id, let description)? = agent.receive() else {
      Issue.record("no file")
      return
    }
    #expect(
      String(decoding: description, as: UTF8.self).contains("\nname=aux_1.txt\nsize=100000\n"))
    agent.send(.fileStatus(id: id, .canSendData))
    var received: [UInt8] = []
    while received.count < bytes.count, case .fileData(id, let piece)? = agent.receive() {
      received += piece
    }
    agent.send(.fileStatus(id: id, .success))
    #expect(received == bytes)
    let outcomes = await transfer.outcomes()
    #expect(outcomes.first { $0.file.components.count == 1 }?.error == nil)
    #expect(
      outcomes.first { $0.file.components.count == 2 }?.error
        == .file("/x", reason: "this guest's agent takes no folders; pack it, and send the archive")
    )
  }

  /// Whoever ends the process next has said goodbye, also to a guest that reads late.
  @Test func aGoodbyeIsWaitedFor() async throws {
    let (client, agent) = try await connected(Self.linux, goodbye: .seconds(240))
    let path = "\(NSTemporaryDirectory())/goodbye-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = FileManager.default.createFile(atPath: path, contents: Data(sample(4 << 20)))
    let transfer = client.send([AgentFile(path: path)])
    let start = agent.receive { if case .fileStart = $0 { true } else { false } }
    guard case .fileStart(let id, _)? = start else { return #expect(Bool(false), "no file") }
    agent.send(.fileStatus(id: id, .canSendData))
    // More than the socket takes is on its way, and nobody reads.
    try await eventually { transfer.progress.bytesSent > 0 }
    let (lasts, last) = AsyncStream.makeStream(of: AgentMessage?.self)
    // Not a task: on a busy machine its turn may come late.
    DispatchQueue(label: "a guest that reads late").async {
      usleep(300_000)
      var message: AgentMessage?
      while let next = agent.receive() { message = next }
      last.yield(message)
    }
    await client.closeAndWait()
    #expect(client.state == .closed)
    #expect(await lasts.first { _ in true } == .clientDisconnected)
    // Once more, after the end.
    await client.closeAndWait()
  }

  /// Everybody who listens begins anew with an agent, so a hostile one would keep a window busy.
  @Test func agentThatBeginsAnewWithoutEndIsLeft() async throws {
    let log = EventLog()
    let (client, agent) = try await connected(Self.linux, log)
    let flood = Task.detached {
      for _ in 0..<10_000 {
        guard agent.send(.capabilities(Self.linux, isRequest: true)) else { return }
      }
    }
    try await eventually { client.state == .closed || log.events.count > 200 }
    #expect(log.events.count < 100, "\(log.events.count) events of 10000 beginnings")
    agent.close()
    await flood.value
  }

  /// Floods, lies and never-ending messages: the memory stays, and the client goes on.
  @Test func floodsStayOutside() async throws {
    let (client, agent) = try await connected(Self.linux)
    let before = try Self.residentKiB()
    // Nobody has asked for it: 48 MiB that are dropped, at the guest's own pace.
    let flood = Task.detached {
      var serial: UInt32 = 0
      for _ in 0..<20_000 {
        guard agent.send(.grab(.primary, serial: serial, types: [1, 2, 99])) else { break }
        serial &+= 1
        agent.send(.request(.clipboard, type: 1))
      }
      for _ in 0..<3 where agent.send(.clipboard(.primary, type: 1, sample(2 << 20))) {}
    }
    // The guest's own messages are answered meanwhile.
    let drain = Task.detached { while agent.receive() != nil {} }
    for _ in 0..<100 {
      try await Task.sleep(for: .milliseconds(20))
      client.offer(ClipboardOffer(text: "x"))
    }
    #expect(try Self.residentKiB() - before < 40_000)
    #expect(client.state.capabilities != nil)
    client.close()
    agent.close()
    await flood.value
    await drain.value
  }

  private static func residentKiB() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0
  }

  /// 4 GiB are announced: the request fails, and the connection ends.
  @Test func contentOfFourGiBIsRefused() async throws {
    let (client, agent) = try await connected(Self.linux)
    agent.send(.grab(.clipboard, serial: 0, types: [1]))
    try await eventually { client.guestClipboard() != nil }
    let content = Asked(client)
    #expect(agent.receive { if case .request = $0 { true } else { false } } != nil)
    var writer = LittleEndianWriter()
    for number in [1, UInt32.max, 1, 4, 0, 0, .max] as [UInt32] { writer.u32(number) }
    agent.send(writer.bytes)
    #expect(try await content.outcome() == .failure(.interrupted))
    try await eventually { client.state == .closed }
    #expect(agent.receive { _ in false } == nil)
  }

  /// A guest that does not read holds nothing up here.
  @Test func guestThatDoesNotReadIsLeftAlone() async throws {
    let (client, agent) = try await connected(Self.linux)
    for index in 0..<5000 {
      client.offer(ClipboardOffer(text: "\(index)"))
      client.movePointer(x: 1, y: 1)
    }
    client.setMonitors([AgentMonitor(width: 800, height: 600)])
    let request = client.content(.text) { _ in }
    request.cancel()
    // No figure: a call that waited for the guest would wait for ever.
    client.close()
    try await eventually { client.state == .closed }
    agent.close()
  }

  @Test func cancelledTaskCancelsItsRequest() async throws {
    let (client, agent) = try await connected(Self.linux)
    agent.send(.grab(.clipboard, serial: 0, types: [1]))
    try await eventually { client.guestClipboard() != nil }
    // On another thread than this one, which waits for the agent.
    let task = Task.detached { () -> AgentError? in
      do throws(AgentError) {
        _ = try await client.content(.text)
        return nil
      } catch {
        return error
      }
    }
    #expect(agent.receive { if case .request = $0 { true } else { false } } != nil)
    task.cancel()
    #expect(await task.value == .cancelled)
    agent.send(.clipboard(.clipboard, type: 1, sample(1 << 20)))
    // It goes on.
    let next = Asked(client)
    #expect(agent.receive() == .request(.clipboard, type: 1))
    agent.send(.clipboard(.clipboard, type: 1, [65]))
    #expect(try await next.outcome() == .success([65]))
  }

  /// An agent whose port goes and comes is found again.
  @Test func portThatComesAgainIsConnectedTo() async throws {
    let path = NSTemporaryDirectory() + "/again-\(UUID().uuidString.prefix(8))"
    let log = EventLog()
    let client = try AgentClient(AgentSocket(path: path), onEvent: log.add)
    try await eventually { "\(client.state)".contains("start QEMU with -chardev") }
    client.offer(ClipboardOffer(text: "x"))
    let socket = ListeningSocket(path)
    defer { unlink(path) }
    for _ in 0..<2 {
      let agent = ScriptedAgent(try #require(socket.accept()), Self.linux)
      agent.announce(Self.linux)
      #expect(
        agent.receive { if case .grab = $0 { true } else { false } }
          == .grab(.clipboard, serial: 0, types: [1]))
      agent.close()
    }
    client.close()
    try await eventually { client.state == .closed }
    #expect(throws: AgentError.closed) {
      try waiting { () async throws(AgentError) in try await client.content(.text) }
    }
    #expect(await client.send([AgentFile(path: "/x")]).outcomes().map(\.error) == [.closed])
  }

  @Test func fileThatGoesWrongHereIsSaid() async throws {
    let (client, agent) = try await connected(Self.linux)
    let missing = await client.send([AgentFile(path: "/nowhere")]).outcomes()
    let reason = "\(missing.first?.error as Any)"
    #expect(reason.contains("nowhere"))
    let path = NSTemporaryDirectory() + "/short-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    _ = FileManager.default.createFile(atPath: path, contents: Data(sample(1 << 20)))
    let transfer = client.send([AgentFile(path: path)])
    guard
      case .fileStart(let id, _)? = agent.receive(where: {
        if case .fileStart = $0 { true } else { false }
      })
    else {
      Issue.record("no file")
      return
    }
    truncate(path, 10)
    agent.send(.fileStatus(id: id, .canSendData))
    #expect(
      agent.receive { if case .fileStatus = $0 { true } else { false } }
        == .fileStatus(id: id, .cancelled))
    let outcome = "\(await transfer.outcomes().first?.error as Any)"
    #expect(outcome.contains("has become shorter"))
  }
}
