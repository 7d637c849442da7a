// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

extension WindowTests {
  /// A guest's agent that does what it likes to a window.
  @Suite(.timeLimit(.minutes(15)), .onOwnThread) struct HostileAgentTests {
    /// The frames of a second, and those that the guest makes.
    private static let (rate, frames) = (20, 240)

    private struct Outcome {
      /// The guest's frames that were shown, and those that it made meanwhile.
      var (shown, made) = (0, 0)
      /// The most memory of the window's own, in KiB.
      var memory = 0
      var connections = 0
      var bytes = 0
      /// What is in the window's folders afterwards.
      var files: Set<String> = []
    }

    /// Shows a guest from its first frame to its last.
    private func show(_ attacks: [HostileAgent.Attack]) throws -> Outcome {
      let screen = try Screen(.xvfb)
      let folder = FileManager.default.temporaryDirectory.appending(path: "hostile-\(UUID())")
      let home = folder.appending(path: "home")
      try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let agent = HostileAgent("\(folder.path)/agent", attacks, writesTo: "\(folder.path)/outside")
      let viewer = try screen.view(
        [
          "tells=\(Self.rate)", "stops-after=\(Self.frames)", "agent=\(agent.path)",
          "seconds=\(Self.frames / Self.rate + 1)",
        ],
        // What GTK itself keeps lies elsewhere.
        environment: [
          "HOME": home.path, "GSETTINGS_BACKEND": "memory", "MESA_SHADER_CACHE_DISABLE": "true",
        ])
      var outcome = Outcome()
      // With the focus, a copy of the guest's becomes the desktop's.
      try Screen.wait(for: viewer) {
        guard let window = try screen.windows(titled: "swift-vgpu").first else { return false }
        try screen.xdotool("windowfocus", window)
        return true
      }
      while let holdings = ProcessHoldings(of: viewer.pid), viewer.isRunning {
        outcome.memory = max(outcome.memory, holdings.memory)
        usleep(50_000)
      }
      let end = try viewer.finish()
      #expect(end.status == 0)
      for line in String(decoding: end.output, as: UTF8.self).split(separator: "\n") {
        if line.hasPrefix("flips=") { outcome.shown = Int(line.dropFirst(6)) ?? 0 }
        if line.hasPrefix("made=") { outcome.made = Int(line.dropFirst(5)) ?? 0 }
      }
      (outcome.connections, outcome.bytes) = agent.end()
      outcome.files = Set(try FileManager.default.subpathsOfDirectory(atPath: folder.path))
      #expect(!FileManager.default.fileExists(atPath: "/tmp/\(HostileAgent.name)"))
      return outcome
    }

    /// One attack after the other, each on a connection of its own, against the same without any.
    @Test func aWindowStaysAsItIs() throws {
      var told: [String] = []
      // A busy machine loses frames by itself.
      for _ in 0..<4 {
        let (quiet, attacked) = (try show([]), try show(HostileAgent.Attack.allCases))
        told.append("\(quiet), \(attacked)")
        // Every attack came.
        #expect(attacked.connections >= HostileAgent.Attack.allCases.count)
        // A message of a known size is kept up to 64 MiB when it was asked for, and none was.
        #expect(
          attacked.memory < quiet.memory + (16 << 10), "KiB: \(quiet.memory), \(attacked.memory)")
        #expect(attacked.files == quiet.files, "nothing is written")
        #expect(quiet.made > 160 && attacked.made > 160)
        if attacked.shown * quiet.made * 100 >= quiet.shown * attacked.made * 99 { return }
      }
      Issue.record("frames are lost: \(told)")
    }
  }
}

/// The other end of an agent's port, which believes in no protocol. It connects one client after the other.
private final class HostileAgent: Sendable {
  enum Attack: CaseIterable {
    /// As many copies in the guest as there can be.
    case grabs
    /// An agent that begins anew, again and again.
    case announcements
    /// A clipboard's content of 4 GiB, which nobody asked for.
    case fourGiB
    /// One of as many bytes as there may be, as many of them as the client takes.
    case content
    /// The guest pastes what the host has, all the time.
    case requests
    /// A message that does not end, and one that hardly begins.
    case half
    /// Files for the host, with names that lead out of any folder.
    case files
    /// Bytes.
    case noise
  }

  /// No file has this name.
  static let name = "swift-vgpu-hostile"

  let path: String
  private let socket: ListeningSocket
  private let state = Mutex((isOver: false, connections: 0, bytes: 0))
  private let done = DispatchSemaphore(value: 0)

  init(_ path: String, _ attacks: [Attack], writesTo target: String) {
    self.path = path
    socket = ListeningSocket(path)
    Thread.detachNewThread { [self] in
      run(attacks, target)
      done.signal()
    }
  }

  /// Ends it: how often a client came, and how many bytes it took.
  func end() -> (connections: Int, bytes: Int) {
    state.withLock { $0.isOver = true }
    done.wait()
    return state.withLock { ($0.connections, $0.bytes) }
  }

  private var isOver: Bool { state.withLock(\.isOver) }

  private func run(_ attacks: [Attack], _ target: String) {
    var turn = 0
    while !isOver {
      var entry = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 100) > 0, let client = socket.accept() else { continue }
      state.withLock { $0.connections += 1 }
      // What the client says is read, for else it would stop listening.
      let hasRead = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while recv(client, &buffer, buffer.count, 0) > 0 {}
        hasRead.signal()
      }
      if attacks.isEmpty {
        send(client, Self.announcement)
        while !isOver { usleep(50_000) }
      } else {
        attack(client, attacks[turn % attacks.count], target)
        turn += 1
      }
      shutdown(client, Int32(SHUT_RDWR))
      hasRead.wait()
      close(client)
    }
  }

  @discardableResult
  private func send(_ client: Int32, _ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty, !isOver {
      var entry = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
      guard poll(&entry, 1, 100) > 0 else { continue }
      let count = rest.withUnsafeBytes {
        Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
      state.withLock { $0.bytes += count }
    }
    return !isOver
  }

  /// Some time of an attack, or as long as the client bears it.
  private func attack(_ client: Int32, _ attack: Attack, _ target: String) {
    let end = Date(timeIntervalSinceNow: 0.7)
    guard send(client, Self.announcement) else { return }
    var generator = SeededGenerator(seed: 16)
    var serial: UInt32 = 0
    while Date() < end {
      let bytes: [UInt8]
      switch attack {
      case .grabs:
        bytes = (0..<100).flatMap { _ -> [UInt8] in
          defer { serial += 1 }
          return Self.message(7, [UInt8(serial % 3), 0, 0, 0] + Self.words(serial / 3, 1, 2, 3))
        }
      case .announcements: bytes = Self.announcement
      case .fourGiB: bytes = Self.message(4, [UInt8](repeating: 65, count: 1 << 16), size: .max)
      case .content:
        let start = Self.message(4, [0, 0, 0, 0] + Self.words(1), size: 64 << 20)
        bytes = (serial == 0 ? start : []) + [UInt8](repeating: 65, count: 1 << 16)
        serial += 1
      case .requests: bytes = Self.message(8, [0, 0, 0, 0] + Self.words(1))
      case .half:
        send(client, Array(Self.message(7, [0, 0, 0, 0], size: 4000).dropLast(2)))
        usleep(600_000)
        send(client, [1, 0, 0])
        return
      case .files:
        bytes = ["/tmp/\(Self.name)", "../../../../tmp/\(Self.name)", target].flatMap { name in
          let description = "[vdagent-file-xfer]\nname=\(name)\nsize=4\n"
          return Self.message(10, Self.words(7) + Array(description.utf8) + [0])
            + Self.message(11, Self.words(7, 0))
            + Self.message(12, Self.words(7, 4, 0) + [65, 65, 65, 65])
            + Self.message(11, Self.words(7, 3))
        }
      case .noise: bytes = (0..<4096).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      }
      guard send(client, bytes) else { return }
    }
  }

  private static func words(_ words: UInt32...) -> [UInt8] {
    words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
  }

  /// A message in a chunk (spice-protocol, `spice/vd_agent.h`).
  ///
  /// - Parameter size: what it says that its body has.
  private static func message(_ kind: UInt32, _ body: [UInt8], size: UInt32? = nil) -> [UInt8] {
    let told = size ?? UInt32(body.count)
    return words(1, told > .max - 20 ? .max : told + 20, 1, kind, 0, 0, told) + body
  }

  /// It knows clipboards by demand, selections and serials.
  private static let announcement = message(6, words(1, 1 << 5 | 1 << 6 | 1 << 16 | 1 << 17))
}
