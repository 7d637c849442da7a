// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import Synchronization
import SystemPackage
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

@testable import Attachment

extension SysfsTree {
  /// A host with one vGPU.
  func hostWithVGPU(_ uuid: String) throws -> (HostHardware, MdevDevice) {
    let parent = "/sys/devices/pci0000:00/0000:00:02.0"
    let type = "\(parent)/mdev_supported_types/i915-GVTg_V5_4"
    try folder(type)
    try link("/sys/bus/mdev/devices/\(uuid)", to: "\(parent)/\(uuid)")
    try link("\(parent)/\(uuid)/mdev_type", to: type)
    let host = HostHardware(root: FilePath(root))
    return (host, try #require(try host.devices().first))
  }
}

/// A screen that tells of its changes, behind the source that finds guests.
@Suite struct AttachedTellingTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"

  private func source(
    endsWith removable: MdevUUID? = nil, _ lettingGo: LettingGo = .unasked, in tree: SysfsTree
  ) throws -> (attached: AttachedSource, inner: DisplaySource<SyntheticGuest>) {
    let (host, vGPU) = try tree.hostWithVGPU(Self.uuid)
    let inner = DisplaySource(
      try SyntheticGuest(pattern: TestPattern(width: 64, height: 48), tells: true))
    let attached = AttachedSource(
      Attached(source: inner, endsWith: removable.map { .mdev($0) }), of: vGPU,
      controlsMonitor: false, lettingGo,
      host: host)
    return (attached, inner)
  }

  @Test func screenThatTellsIsHeard() async throws {
    let (attached, inner) = try source(in: try SysfsTree())
    #expect(attached.eventDescriptor != nil)
    #expect(attached.eventDescriptor == inner.eventDescriptor)
    guard case .frame(let first) = attached.poll() else {
      Issue.record("no picture")
      return
    }
    // Nothing was told of before.
    #expect(attached.takeDamage() == nil)
    #expect(attached.takeDamage() == Damage())
    try await eventually {
      guard case .frame(let frame) = attached.poll() else { return false }
      return frame.revision != first.revision
    }
    let damage = try #require(attached.takeDamage())
    #expect(!damage.isEmpty)
  }

  /// A vGPU's removal is told by no screen: it is noticed by polls.
  @Test func screenThatIsWatchedIsAsked() async throws {
    let tree = try SysfsTree()
    let (attached, inner) = try source(endsWith: MdevUUID(Self.uuid), in: tree)
    #expect(inner.eventDescriptor != nil)
    #expect(attached.eventDescriptor == nil)
    _ = attached.poll()
    #expect(attached.takeDamage() == nil)
    #expect(attached.takeDamage() == Damage())
    try FileManager.default.removeItem(atPath: "\(tree.root)/sys/bus/mdev/devices/\(Self.uuid)")
    try await eventually { if case .noPicture = attached.poll() { true } else { false } }
    #expect(attached.eventDescriptor == nil)
    #expect(attached.takeDamage() == nil)
  }

  /// Nothing of a device is written for whoever did not ask for that, and the reason says so.
  @Test func monitorIsNotExchangedUnasked() throws {
    let attached = try source(in: try SysfsTree()).attached
    let error = #expect(throws: AttachmentError.self) {
      try attached.plugIn(edid: [UInt8](repeating: 0, count: 128), size: (800, 600))
    }
    #expect(
      error?.description.hasSuffix(
        "attached without controlsMonitor, so nothing is written to the device; attach with it")
        == true)
    #expect(attached.monitorLimits == nil)
  }

  /// Nobody polls: the vGPU's removal is noticed all the same, and whoever keeps frames is told. A
  /// source that is to wait for its caller's polls does so.
  @Test func removalIsNoticedWithoutPolls() async throws {
    let trees = [try SysfsTree(), try SysfsTree(), try SysfsTree()]
    func remove(_ index: Int) throws {
      try FileManager.default.removeItem(
        atPath: "\(trees[index].root)/sys/bus/mdev/devices/\(Self.uuid)")
    }
    let uuid = MdevUUID(Self.uuid)
    let inPolls = try source(endsWith: uuid, .inPolls, in: trees[0]).attached
    let unasked = try trees[1...].map { try source(endsWith: uuid, in: $0).attached }
    let told = Mutex([0, 0, 0])
    for (index, source) in ([inPolls] + unasked).enumerated() {
      source.whenLetGo { told.withLock { $0[index] += 1 } }
      guard case .frame = source.poll() else {
        Issue.record("no picture")
        return
      }
    }
    try remove(0)
    try remove(1)
    try await eventually { told.withLock { $0[1] } == 1 }
    // The thread has looked at all sources again when it has seen a later removal.
    try remove(2)
    try await eventually { told.withLock { $0[2] } == 1 }
    #expect(told.withLock(\.self) == [0, 1, 1])
    for source in [inPolls] + unasked {
      try await eventually { if case .noPicture = source.poll() { true } else { false } }
    }
    #expect(told.withLock(\.self) == [0, 1, 1])
  }
}
