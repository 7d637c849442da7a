// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import CAllocationCount
import CLinux
import DMABuf
import Foundation
import LinuxSystem
import Synchronization
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

@testable import BridgeServer

/// This process's descriptors of buffers with a name.
func descriptors(named name: String) -> Int {
  let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
  return numbers.count { number in
    let path = "/proc/self/fd/\(number)"
    return (try? FileManager.default.destinationOfSymbolicLink(atPath: path))?.contains(name)
      == true
  }
}

/// Whether a number becomes this one within a minute: a child that another test starts has our
/// descriptors for a moment.
func becomes(_ expected: Int, _ number: () -> Int) -> Bool {
  for _ in 0..<600 {
    if number() == expected { return true }
    usleep(100_000)
  }
  return false
}

/// One at a time: each has threads of its own.
@Suite(.serialized, .timeLimit(.minutes(15))) struct BridgeTests {
  /// Polls until there is a frame that is hoped for.
  @discardableResult
  static func frame(
    of source: BridgeSource, where isIt: (Frame) -> Bool = { _ in true }
  ) -> Frame {
    while true {
      if case .frame(let frame) = source.poll(), isIt(frame) { return frame }
      usleep(1000)
    }
  }

  static func reason(of source: BridgeSource, where isIt: (String) -> Bool) -> String {
    while true {
      if case .noPicture(let reason) = source.poll(), isIt("\(reason)") { return "\(reason)" }
      usleep(1000)
    }
  }

  @Test func everyPixelCrosses() throws {
    let bridge = try TestBridge()
    let source = try BridgeSource(path: bridge.path)
    #expect(source.name == "guest 1")
    let frame = Self.frame(of: source)
    let picture = try Picture(copying: frame.primary)
    var wrong = 0
    for y in 0..<64 {
      for x in 0..<64
      where picture.color(x: x, y: y) != TestBridge.pattern.color(x: x, y: y, frame: 0) {
        wrong += 1
      }
    }
    #expect(wrong == 0)
    let cursor = try #require(frame.cursor)
    #expect(cursor.buffer.layout.width == 64 && cursor.buffer.layout.format.hasAlpha)
    #expect(cursor.hotspot?.x == 0 && cursor.hotspot?.y == 0)
    #expect(source.counters.gets == 2 && source.counters.flips == 1)
  }

  @Test func flipsAreFollowedAndBuffersSentOnce() throws {
    let bridge = try TestBridge(framesPerSecond: 200)
    let source = try BridgeSource(path: bridge.path)
    var last: UInt64 = 0
    while source.counters.flips < 50 {
      let frame = Self.frame(of: source)
      #expect(frame.flip >= last)
      last = frame.flip
    }
    #expect(source.counters.gets == 4, "three buffers and the pointer's")
    let listing = try BridgeListing(path: bridge.path)
    #expect(listing.vGPUs.map(\.buffers) == [4])
    #expect(listing.vGPUs.map(\.viewers) == [1])
    #expect(listing.counters.clients == 2 && listing.counters.vGPUs == 1)
  }

  @Test(.enabled(if: allocations_are_counted() != 0, "the sanitizers' allocator is not counted"))
  func steadyStateAllocatesNothing() throws {
    let bridge = try TestBridge(framesPerSecond: 200)
    let source = try BridgeSource(path: bridge.path)
    while source.counters.gets < 4 { Self.frame(of: source) }
    for _ in 0..<50 { _ = source.poll() }
    let looks = source.counters.queries
    let before = allocation_count()
    for _ in 0..<200 { _ = source.poll() }
    #expect(allocation_count() - before == 0)
    #expect(source.counters.queries > looks)
  }

  @Test func severalAreChosenByName() throws {
    let bridge = try TestBridge(guests: 3)
    let listing = try BridgeListing(path: bridge.path)
    #expect(listing.vGPUs.map(\.identifier) == Array(TestBridge.identifiers.prefix(3)))
    let second = try BridgeSource(path: bridge.path, vGPU: TestBridge.identifiers[1])
    #expect(second.name == "guest 2")
    #expect {
      try BridgeSource(path: bridge.path)
    } throws: {
      "\($0)".contains("there are 3 vGPUs: name one") && "\($0)".contains("vgpu list --bridge")
    }
    #expect {
      try BridgeSource(path: bridge.path, vGPU: TestBridge.identifiers[9])
    } throws: {
      "\($0)".contains("no vGPU \(TestBridge.identifiers[9])")
    }
  }

  @Test func sizesAreAskedForWhereAllowed() throws {
    let sizes = SizeBox()
    let bridge = try TestBridge(sizes: sizes)
    let source = try BridgeSource(path: bridge.path)
    #expect(source.monitorLimits?.width == 4095)
    source.resize(width: 1280, height: 800)
    while sizes.last.withLock(\.self) != [1280, 800] { Self.frame(of: source) }
    #expect(source.resizeProblem == nil)
    source.resize(width: 100, height: 100)
    while source.resizeProblem == nil { Self.frame(of: source) }
    #expect("\(source.resizeProblem.map(String.init(describing:)) ?? "")".contains("too small"))

    let firm = try TestBridge()
    let other = try BridgeSource(path: firm.path)
    #expect(other.monitorLimits == nil)
    other.resize(width: 1280, height: 800)
    while other.resizeProblem == nil { Self.frame(of: other) }
  }

  @Test func noGuestGetsMonitorsWithoutEnd() throws {
    let sizes = SizeBox()
    let bridge = try TestBridge(sizes: sizes)
    let source = try BridgeSource(path: bridge.path)
    // None waits for an answer; no bridge is so slow that it reads them over five seconds.
    for size in 0..<40 { source.resize(width: 640 + size, height: 480) }
    while source.resizeProblem == nil { Self.frame(of: source) }
    #expect("\(source.resizeProblem.map(String.init(describing:)) ?? "")".contains("too often"))
  }

  @Test func bridgeThatComesBackIsFound() throws {
    let path = TestBridge.path()
    do {
      let absent = try BridgeSource(path: path, waiting: true)
      guard case .noPicture(.waiting) = absent.poll() else {
        Issue.record("a frame of nothing")
        return
      }
      #expect(throws: BridgeError.self) { try BridgeSource(path: path) }
      for _ in 0..<3 {
        let bridge = try TestBridge(path: path)
        let frame = Self.frame(of: absent)
        #expect(frame.primary.layout.width == 64)
        bridge.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
        _ = Self.reason(of: absent) { $0.contains("has ended") || $0.contains("no bridge serves") }
      }
    }
    #expect(becomes(0) { socketCount(of: path) })
  }

  @Test func socketOfADeadBridgeIsReplacedAndNoOther() throws {
    let path = TestBridge.path()
    defer { try? FileManager.default.removeItem(atPath: path) }
    do {
      // Bound, and closed without a word: as kill -9 leaves it.
      let dead = OwnedFileDescriptor(
        owning: Int32(try SystemCall.make("socket", on: path) { vgpu_packet_socket() }))
      try RawClient.listen(dead, at: path)
    }
    #expect(FileManager.default.fileExists(atPath: path))
    let bridge = try TestBridge(path: path)
    #expect(throws: SystemCallError.self) { try TestBridge(path: path) }
    #expect(try BridgeListing(path: path).vGPUs.count == 1, "the first still serves")
    bridge.stop()
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: SystemCallError.self) { try TestBridge(path: path) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("mine".utf8))
  }

  @Test func looksOfOneMomentShareAPoll() throws {
    let vGPU = BridgedVGPU(
      identifier: TestBridge.identifiers[0], title: "guest", policy: AccessPolicy(allowed: []),
      source: { DisplaySource(try SyntheticGuest(pattern: TestBridge.pattern)) })
    let now = MonotonicInstant.now
    for _ in 0..<10 { _ = vGPU.look(now, copied: 1) }
    #expect(vGPU.looks == 10 && vGPU.polls == 1)
    let look = vGPU.look(now, copied: 1)
    guard case .frame(let frame) = look.state else {
      Issue.record("no picture")
      return
    }
    #expect(frame.detectedAt <= look.at, "a flip is noticed before the look ends")
    let later = MonotonicInstant(nanoseconds: MonotonicInstant.now.nanoseconds + 1_000_000)
    _ = vGPU.look(later, copied: 1)
    #expect(vGPU.polls == 2)
  }

  /// An mdev that is to be removed is not listed any more, and its removal waits for the bridge.
  @Test(.timeLimit(.minutes(15))) func whatIsHeldIsWatchedThoughNotListed() async throws {
    let device = WatchedDevice()
    let bridge = try TestBridge(watched: device)
    do {
      let source = try BridgeSource(path: bridge.path)
      try await eventually {
        _ = source.poll()
        return device.state.withLock { $0.polls > 0 }
      }
    }
    device.state.withLock { $0.isListed = false }
    // The catalogue is asked again after a second.
    try await eventually { try BridgeListing(path: bridge.path).vGPUs.isEmpty }
    let polls = device.state.withLock(\.polls)
    try await eventually { device.state.withLock { $0.polls > polls + 3 } }
    device.state.withLock { $0.isHeld = false }
    bridge.stop()
  }

  @Test func policyGoesByUserAndGroups() {
    let policy = AccessPolicy(allowed: [.user(1000), .group(44)])
    func peer(_ user: UInt32, _ groups: UInt32...) -> Peer {
      Peer(user: user, groups: Set(groups), process: 1)
    }
    #expect(policy.allows(peer(0)))
    #expect(policy.allows(peer(1000, 1000)))
    #expect(policy.allows(peer(1001, 1001, 44)))
    #expect(!policy.allows(peer(1001, 1001, 1000)))
    #expect(!policy.allows(peer(44, 45)))
    // Nobody sits at a machine of tests.
    let seat = AccessPolicy(allowed: [.seat])
    #expect(seat.allows(peer(0)) && !seat.allows(peer(65534, 65534)))
  }

  @Test func usersTakeTurns() throws {
    let now = MonotonicInstant.now
    var users = UserAccounts(BridgeLimits())
    let accounts = [1, 2, 1].map { users.connect($0, mayLook: true, now) }
    let busy = try #require(accounts[0])
    let other = try #require(accounts[1])
    #expect(accounts[2] === busy, "all clients of a user share one")
    var answered = 0
    while busy.hasShare(of: 1), answered < 1000 {
      busy.countMessage(now)
      answered += 1
    }
    #expect(answered == 64)
    #expect(other.hasShare(of: 1))
    #expect(busy.hasShare(of: 2))
  }

  /// Users without number, as a user namespace has them, neither fill the book nor the bridge.
  @Test func strangersTakeNobodysPlace() throws {
    let now = MonotonicInstant.now
    let limits = BridgeLimits()
    var users = UserAccounts(limits)
    for user in UInt32(1000)..<5000 {
      _ = users.connect(user, mayLook: false, now)
    }
    // Those who may look: some are greedy, and one comes late.
    var admitted = 0
    for user in UInt32(10)..<20 {
      let found = users.connect(user, mayLook: true, now)
      let account = try #require(found)
      for _ in 0..<limits.clientsPerUser where users.admit(account) { admitted += 1 }
    }
    #expect(admitted > limits.clients - limits.clientsInReserve && admitted < limits.clients)
    let found = users.connect(0, mayLook: true, now)
    let isAdmitted = users.admit(try #require(found))
    #expect(isAdmitted)
  }

  @Test func rateIsKept() {
    var bucket = TokenBucket(perSecond: 100, now: MonotonicInstant(nanoseconds: 0))
    var taken = 0
    for step in 0..<1000 {
      // A millisecond each, ten questions a millisecond.
      let now = MonotonicInstant(nanoseconds: UInt64(step) * 1_000_000)
      for _ in 0..<10 where bucket.take(now) { taken += 1 }
    }
    #expect((100...125).contains(taken), "\(taken)")
  }
}
