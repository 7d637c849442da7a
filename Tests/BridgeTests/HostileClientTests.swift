// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import BridgeServer
import CLinux
import DMABuf
import Foundation
import LinuxSystem
import TestSupport
import Testing
import VGPUDisplay

@testable import BridgeClient

extension BridgeTests {
  /// Clients that break every rule, beside one that does not.
  @Suite(.serialized) struct HostileClients {
    private let path = TestBridge.path()

    private static func limits(_ change: (inout BridgeLimits) -> Void) -> BridgeLimits {
      var limits = BridgeLimits()
      limits.connectionsPerSecond = 1_000_000
      limits.messagesPerSecond = 1_000_000
      limits.messagesPerSecondPerUser = 1_000_000
      change(&limits)
      return limits
    }

    /// That the bridge shows its guest to somebody else as before, and holds nothing of who has gone.
    private func expectUnharmed(
      _ bridge: TestBridge, _ source: BridgeSource, location: SourceLocation = #_sourceLocation
    ) throws {
      let flips = source.counters.flips
      BridgeTests.frame(of: source) { _ in source.counters.flips > flips + 5 }
      var listing = try BridgeListing(path: bridge.path)
      // Who has gone is noticed a moment later.
      while listing.counters.clients > 2 { listing = try BridgeListing(path: bridge.path) }
      #expect(listing.vGPUs.map(\.viewers) == [1], sourceLocation: location)
      #expect(becomes(2) { socketCount(of: bridge.path) }, sourceLocation: location)
    }

    @Test func nonsenseIsAnsweredByTheDoor() throws {
      do {
        let bridge = try TestBridge(
          path: path, framesPerSecond: 100, limits: Self.limits { _ in })
        let source = try BridgeSource(path: bridge.path)
        let corpus = ProtocolTests.questions.map { RawClient.bytes($0, serial: 1) }
        var generator = SeededGenerator(seed: 20)
        var client = try RawClient(path: bridge.path, opening: .only)
        for _ in 0..<30_000 {
          let bytes = ProtocolTests.mutate(corpus, &generator)
          client.waitUntilWritable()
          client.send(bytes)
          while poll(client), let (_, descriptor) = client.answer() {
            if descriptor >= 0 { close(descriptor) }
          }
          // Who was thrown out comes again.
          if client.hasEnded { client = try RawClient(path: bridge.path, opening: .only) }
        }
        let counters = try BridgeListing(path: bridge.path).counters
        #expect(counters.malformed > 100 && counters.expelled >= counters.malformed)
        _ = consume client
        try expectUnharmed(bridge, source)
      }
      #expect(becomes(0) { socketCount(of: path) })
    }

    /// docs/bridge-protocol.md tells what each of these gets.
    @Test func nonsenseIsNamed() throws {
      let bridge = try TestBridge(path: path)
      let look = RawClient.bytes(.look, serial: 7)
      var hello = RawClient.bytes(.hello(oldest: 1, newest: 1), serial: 7)
      for malformed: [UInt8] in [
        [], [0], Array(look.dropLast()), look + [0], [0xFF, 0xFF] + Array(look.dropFirst(2)),
      ] {
        let client = try RawClient(path: bridge.path)
        client.send(malformed)
        let answer = try #require(client.answerWithSerial())
        guard case .refused(.malformed, _) = answer.message else {
          Issue.record("\(malformed): \(answer)")
          continue
        }
        #expect(answer.serial == 0 && client.answer() == nil)
      }
      for (oldest, newest, refusal) in [
        (0, 0, Refusal.malformed), (0, 1, .malformed), (2, 1, .malformed), (2, 9, .version),
        (1, 9, nil),
      ] as [(UInt16, UInt16, Refusal?)] {
        let client = try RawClient(path: bridge.path)
        hello.withUnsafeMutableBytes {
          $0.storeBytes(of: oldest.littleEndian, toByteOffset: 12, as: UInt16.self)
          $0.storeBytes(of: newest.littleEndian, toByteOffset: 14, as: UInt16.self)
        }
        client.send(hello)
        let answer = try #require(client.answerWithSerial())
        switch answer.message {
        case .refused(let code, _):
          #expect(code == refusal && answer.serial == (code == .malformed ? 0 : 7))
        case .welcome(let welcome): #expect(refusal == nil && welcome.version == 1)
        default: Issue.record("\(oldest) to \(newest): \(answer)")
        }
      }
      #expect(try BridgeListing(path: bridge.path).counters.malformed == 8)
    }

    /// An end is no empty message.
    @Test func endIsNotMalformed() throws {
      let bridge = try TestBridge(path: path)
      for how in [Int32(SHUT_WR), Int32(SHUT_RDWR), -1] {
        let client = try RawClient(path: bridge.path, opening: .only)
        if how >= 0 { shutdown(client.socket.rawValue, how) }
      }
      #expect(becomes(1) { socketCount(of: path) })
      #expect(try BridgeListing(path: bridge.path).counters.malformed == 0)
    }

    private func poll(_ client: RawClient) -> Bool {
      var entry = pollfd(fd: client.socket.rawValue, events: Int16(POLLIN), revents: 0)
      return CLinux.poll(&entry, 1, 0) > 0
    }

    @Test func descriptorsThatAreSentAreClosed() throws {
      do {
        let bridge = try TestBridge(
          path: path, framesPerSecond: 100, limits: Self.limits { _ in })
        let source = try BridgeSource(path: bridge.path)
        let name = "stray \(path)"
        let stray = try DMABuffer.allocate(size: 4096, name: name)
        for round in 0..<50 {
          let client = try RawClient(path: bridge.path)
          if round % 2 == 0 { client.send(.hello(oldest: 1, newest: 1)) }
          for _ in 0..<5 { client.send(RawClient.bytes(.look), fd: stray.rawValue) }
          let answers = client.rest()
          #expect(
            answers.contains { if case .refused(.malformed, _) = $0 { true } else { false } })
        }
        // Ours, as long as it is.
        #expect(becomes(1) { descriptors(named: name) })
        _ = stray
        #expect(try BridgeListing(path: bridge.path).counters.strayDescriptors >= 50)
        try expectUnharmed(bridge, source)
      }
      #expect(becomes(0) { socketCount(of: path) })
    }

    /// A TCP connection of which the last descriptor can only be closed once all is sent, or after an
    /// hour, as its other end does not read.
    private struct Lingering: ~Copyable {
      let sender: Int32
      private let reader: Int32

      init() {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        sender = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (listening, sending) = (listener, sender)
        withUnsafeMutablePointer(to: &address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(listening, $0, size)
            listen(listening, 1)
            getsockname(listening, $0, &size)
            connect(sending, $0, size)
          }
        }
        reader = accept(listener, nil, nil)
        close(listener)
        let bytes = [UInt8](repeating: 0, count: 1 << 16)
        while Glibc.send(sender, bytes, bytes.count, Int32(MSG_DONTWAIT)) > 0 {}
        var hour = linger(l_onoff: 1, l_linger: 3600)
        let length = socklen_t(MemoryLayout<linger>.size)
        setsockopt(sender, SOL_SOCKET, SO_LINGER, &hour, length)
      }

      deinit { close(reader) }
    }

    @Test func descriptorsThatCannotBeClosedHoldUpNobody() throws {
      do {
        let bridge = try TestBridge(
          path: path, framesPerSecond: 100, limits: Self.limits { $0.timeToRead = .seconds(3600) })
        let source = try BridgeSource(path: bridge.path)
        let client = try RawClient(path: bridge.path, opening: .only)
        // Who does not read is not read from: so the bridge will have the last of the descriptors.
        while try BridgeListing(path: bridge.path).counters.postponed == 0 { client.send(.look) }
        let stray = Lingering()
        try #require(client.send(RawClient.bytes(.look), fd: stray.sender))
        close(stray.sender)
        #expect(
          client.rest().contains { if case .refused(.malformed, _) = $0 { true } else { false } })
        _ = consume client
        let flips = source.counters.flips
        BridgeTests.frame(of: source) { _ in source.counters.flips > flips + 5 }
        #expect(try BridgeListing(path: bridge.path).counters.strayDescriptors == 1)
      }
      #expect(becomes(0) { socketCount(of: path) })
    }

    @Test func oneUsersMessagesAreCountedTogether() throws {
      let bridge = try TestBridge(limits: Self.limits { $0.messagesPerSecondPerUser = 100 })
      // A quarter of a second's worth comes at once, the rest waits.
      let clients = try (0..<10).map { _ in try RawClient(path: bridge.path, opening: .only) }
      for client in clients { for _ in 0..<4 { client.send(.count) } }
      for client in clients {
        for _ in 0..<4 { #expect(client.answer() != nil) }
      }
      #expect(try BridgeListing(path: bridge.path).counters.throttled > 0)
    }

    @Test func whoChoosesOverAndOverFillsNoLog() throws {
      let lines = LineCounter()
      let bridge = try TestBridge(limits: Self.limits { _ in }, lines: lines)
      let client = try RawClient(path: bridge.path, opening: .only)
      for _ in 0..<2000 {
        client.send(.open(.only))
        #expect(client.answer() != nil)
      }
      #expect((1..<1000).contains(lines.count), "\(lines.count)")
    }

    @Test func whoDoesNotReadIsOwedOneAnswerAndGoes() throws {
      do {
        let bridge = try TestBridge(
          path: path, framesPerSecond: 100,
          limits: Self.limits { $0.timeToRead = .milliseconds(300) })
        let source = try BridgeSource(path: bridge.path)
        let client = try RawClient(path: bridge.path, opening: .only)
        var isTaken = true
        while isTaken {
          isTaken = client.send(.look)
          BridgeTests.frame(of: source)
        }
        try eventuallyExpelled(bridge, 1)
        #expect(try BridgeListing(path: bridge.path).counters.postponed >= 1)
        // The kernel kept a handful of messages for it, no more.
        #expect(client.rest().count < 32)
        try expectUnharmed(bridge, source)
      }
      #expect(becomes(0) { socketCount(of: path) })
    }

    private func eventuallyExpelled(_ bridge: TestBridge, _ count: UInt64) throws {
      while try BridgeListing(path: bridge.path).counters.expelled < count { usleep(10_000) }
    }

    @Test func whoSaysNothingGoes() throws {
      let hasty = try TestBridge(limits: Self.limits { $0.timeToHello = .milliseconds(200) })
      let silent = try RawClient(path: hasty.path)
      #expect(
        silent.rest().contains { if case .refused(.malformed, _) = $0 { true } else { false } })
      let bridge = try TestBridge(limits: Self.limits { $0.timeToHello = .seconds(3600) })
      for first in [ClientMessage.look, .list(index: 0), .open(.only)] {
        let client = try RawClient(path: bridge.path)
        client.send(first)
        #expect(client.rest().count == 1, "no answer but the refusal")
      }
      let halfClosed = try RawClient(path: bridge.path, opening: .only)
      shutdown(halfClosed.socket.rawValue, Int32(SHUT_WR))
      #expect(halfClosed.rest().isEmpty)
      let twice = try RawClient(path: bridge.path, opening: .only)
      twice.send(.hello(oldest: 1, newest: 1))
      #expect(twice.rest().count == 1)
      let future = try RawClient(path: bridge.path)
      future.send(.hello(oldest: 2, newest: 9))
      #expect(
        future.rest().contains { if case .refused(.version, _) = $0 { true } else { false } })
    }

    @Test func whoKeepsEveryBufferGoes() throws {
      let bridge = try TestBridge(
        framesPerSecond: 200, limits: Self.limits { $0.buffersPerClient = 3 })
      let client = try RawClient(path: bridge.path, opening: .only)
      var answers: [BridgeMessage] = []
      var isTaken = true
      while isTaken {
        isTaken = client.send(.look)
        guard let (message, descriptor) = client.answer() else { break }
        if descriptor >= 0 { close(descriptor) }
        answers.append(message)
      }
      answers += client.rest()
      #expect(answers.count { if case .buffer = $0 { true } else { false } } == 3)
      #expect(answers.contains { if case .refused(.limit, _) = $0 { true } else { false } })

      // One that lets go in time is served for ever, by the same limit.
      let source = try BridgeSource(path: bridge.path)
      BridgeTests.frame(of: source) { _ in source.counters.flips > 20 }
      #expect(try BridgeListing(path: bridge.path).counters.expelled == 1)
    }

    @Test func oneUserDoesNotHaveAllConnections() throws {
      let bridge = try TestBridge(limits: Self.limits { $0.clientsPerUser = 4 })
      var clients: [RawClient] = []
      for _ in 0..<4 { clients.append(try RawClient(path: bridge.path, opening: .only)) }
      let fifth = try RawClient(path: bridge.path)
      #expect(fifth.rest().contains { if case .refused(.limit, _) = $0 { true } else { false } })
      clients.removeFirst()
      // Its end is noticed a moment later.
      while (try? BridgeListing(path: bridge.path)) == nil { usleep(10_000) }
      clients.removeAll()
    }

    @Test func flooderIsLeftWaiting() throws {
      var limits = BridgeLimits()
      limits.connectionsPerSecond = 1000
      limits.messagesPerSecond = 200
      let bridge = try TestBridge(framesPerSecond: 100, limits: limits)
      let source = try BridgeSource(path: bridge.path)
      let flooder = try RawClient(path: bridge.path, opening: .only)
      var sent = 0
      while try BridgeListing(path: bridge.path).counters.throttled == 0 {
        for _ in 0..<100 where flooder.send(.release(buffer: 1)) { sent += 1 }
        BridgeTests.frame(of: source)
      }
      #expect(sent > 40)
      try expectFrames(source)
      #expect(try BridgeListing(path: bridge.path).counters.expelled == 0)
      _ = flooder
    }

    private func expectFrames(_ source: BridgeSource) throws {
      let flips = source.counters.flips
      BridgeTests.frame(of: source) { _ in source.counters.flips > flips + 5 }
    }
  }
}
