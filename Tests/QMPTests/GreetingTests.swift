// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import QMP
import Testing

/// What may happen before a client is ready.
@Suite(.timeLimit(.minutes(15))) struct GreetingTests {
  private func refusal(
    timeout: Duration = .seconds(5), limits: QMPLimits = QMPLimits(),
    _ script: @escaping @Sendable (ScriptedServer.Wire) -> Void
  ) async -> QMPError? {
    do {
      _ = try await ScriptedServer(script).client(timeout: timeout, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test func versionIsRead() async throws {
    try await ScriptedServer.with {
      _ = $0.line()
    } body: { client in
      #expect("\(client.version)" == "10.0.2")
      #expect(client.version.package == "Debian")
      #expect(client.failure == nil)
    }
  }

  @Test func silenceIsATimeout() async {
    let start = MonotonicInstant.now
    let error = await refusal(timeout: .milliseconds(200)) { _ = $0.line() }
    #expect(error == .timeout(object: "test", command: nil, after: .milliseconds(200)))
    #expect("\(error.map { "\($0)" } ?? "")".contains("one client at a time"))
    #expect(MonotonicInstant.now.seconds(since: start) >= 0.2)
  }

  @Test func silenceAfterTheGreetingIsATimeout() async {
    let error = await refusal(timeout: .milliseconds(200)) { wire in
      wire.sendLine(ScriptedServer.greeting)
      while wire.line() != nil {}
    }
    #expect(
      error == .timeout(object: "test", command: "qmp_capabilities", after: .milliseconds(200)))
  }

  @Test func hangUpIsNoticed() async {
    #expect(await refusal { _ in } == .disconnected(object: "test"))
    let afterwards = await refusal { wire in wire.sendLine(ScriptedServer.greeting) }
    #expect(afterwards == .disconnected(object: "test"))
    let halfWay = await refusal { wire in wire.send(#"{"QMP": {"version": "#) }
    #expect(halfWay == .disconnected(object: "test"))
  }

  @Test func capabilitiesMayBeRefused() async {
    let error = await refusal { wire in
      wire.sendLine(ScriptedServer.greeting)
      let id = wire.command()?.id ?? 0
      wire.sendLine(#"{"error": {"class": "GenericError", "desc": "no"}, "id": \#(id)}"#)
      while wire.line() != nil {}
    }
    #expect(
      error
        == .refused(
          object: "test", command: "qmp_capabilities", errorClass: "GenericError", reason: "no"))
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2", "{]", "{{}}", "[]", "7", "{}", "\"QMP\"", #"{"QMP": {}}"#,
    #"{"QMP": []}"#, #"{"event": 1}"#, #"{"error": {}}"#, "\u{0}\u{1}",
    #"{"QMP": {"version": {"qemu": {"major": "ten"}, "package": ""}}}"#,
  ])
  func otherProtocolsAreRefused(line: String) async {
    let error = await refusal { wire in
      wire.sendLine(line)
      while wire.line() != nil {}
    }
    guard case .malformed = error else {
      Issue.record("\(line): \(String(describing: error))")
      return
    }
  }

  /// QEMU gives a new client what a former one has not waited for, before the greeting and after it.
  @Test func aFormerClientsAnswersAreNotOurs() async throws {
    let leftovers =
      (0..<40).flatMap { id in
        [
          #"{"return": {"status": "paused", "running": false}, "id": \#(id)}"#,
          #"{"error": {"class": "GenericError", "desc": "no"}, "id": \#(id)}"#,
        ]
      } + [
        #"{"return": {}}"#, #"{"return": {}, "id": "theirs"}"#, #"{"event": "STOP"}"#,
        #"{"error": {"class": "GenericError", "desc": "JSON parse error"}}"#,
      ]
    let server = ScriptedServer { wire in
      for line in leftovers { wire.sendLine(line) }
      wire.sendLine(ScriptedServer.greeting)
      while let command = wire.command() {
        for line in leftovers { wire.sendLine(line) }
        let status = #"{"status": "running", "running": true}"#
        wire.sendLine(#"{"return": \#(status), "id": \#(command.id)}"#)
      }
    }
    let client = try await server.client()
    for _ in 0..<3 {
      let status = try await client.execute(QueryStatus())
      #expect(status.running)
    }
    await client.close()
  }

  /// QEMU does not say which command it could not read.
  @Test func whatCouldNotBeReadIsTold() async {
    let error = await refusal(timeout: .milliseconds(200)) { wire in
      wire.sendLine(ScriptedServer.greeting)
      _ = wire.command()
      wire.sendLine(#"{"error": {"class": "GenericError", "desc": "JSON parse error"}}"#)
      while wire.line() != nil {}
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("qmp_capabilities"))
    #expect("\(error.map { "\($0)" } ?? "")".contains("JSON parse error"))
  }

  @Test func secondGreetingIsRefused() async throws {
    let error = await refusal { wire in
      wire.sendLine(ScriptedServer.greeting)
      wire.sendLine(ScriptedServer.greeting)
      while wire.line() != nil {}
    }
    #expect(error == .malformed(object: "test", reason: "a second greeting"))
  }

  @Test func endlessMessageIsRefused() async {
    var limits = QMPLimits()
    limits.message = 100_000
    let error = await refusal(limits: limits) { wire in
      wire.send("{")
      for _ in 0..<1000 { wire.send([UInt8](repeating: 0x20, count: 1000)) }
      while wire.line() != nil {}
    }
    #expect(error == .tooLarge(object: "test", limit: 100_000))
  }

  @Test func messagesTooDeepAreRefused() async {
    let error = await refusal { wire in
      wire.send(#"{"QMP": "# + String(repeating: "[", count: 600))
      while wire.line() != nil {}
    }
    #expect(error == .malformed(object: "test", reason: "more than 512 levels"))
  }

  /// As QEMU writes it with `pretty=on`, and as it never does.
  @Test func whiteSpaceMeansNothing() async throws {
    let greeting = ScriptedServer.greeting.replacing(", ", with: ",\r\n        ")
      .replacing("{", with: "{\n\t")
    let server = ScriptedServer { wire in
      wire.send("\n\n \r\n" + greeting)
      guard let capabilities = wire.command() else { return }
      wire.send(#"{"return":{},"id":\#(capabilities.id)}{"event":"STOP"}"#)
      guard let command = wire.command() else { return }
      for byte in #"{ "return" : "}\"{\\" , "id" : \#(command.id) }"#.utf8 { wire.send([byte]) }
      _ = wire.line()
    }
    let client = try await server.client()
    let answer = try await client.execute("go")
    #expect(answer == .string(#"}"{\"#))
    await client.close()
  }

  @Test func connectingCanBeCancelled() async {
    let task = Task { await refusal(timeout: .seconds(60)) { _ = $0.line() } }
    try? await Task.sleep(for: .milliseconds(50))
    task.cancel()
    #expect(await task.value == .cancelled(object: "test", command: nil))
  }

  @Test func cancelledBeforehandClosesTheSocket() async {
    let (hangUp, done) = AsyncStream.makeStream(of: Bool.self)
    let server = ScriptedServer { wire in
      done.yield(wire.line() == nil)
      done.finish()
    }
    let error = await Task {
      withUnsafeCurrentTask { $0?.cancel() }
      do {
        _ = try await server.client()
        return QMPError?.none
      } catch {
        return error as? QMPError
      }
    }.value
    #expect(error == .cancelled(object: "test", command: nil))
    for await isClosed in hangUp { #expect(isClosed) }
  }

  @Test func pathsAreChecked() async {
    for path in ["", String(repeating: "x", count: 108), "a\u{0}b"] {
      let error = await #expect(throws: QMPError.self) { _ = try await QMPClient(path: path) }
      guard case .invalid = error else {
        Issue.record("\(path): \(String(describing: error))")
        continue
      }
    }
    let missing = await #expect(throws: QMPError.self) {
      _ = try await QMPClient(path: "/nonexistent/qmp")
    }
    #expect("\(missing.map { "\($0)" } ?? "")".contains("-qmp unix:/nonexistent/qmp"))
  }
}
