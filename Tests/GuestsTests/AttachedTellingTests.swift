// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import SystemPackage
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

@testable import Attachment

/// A screen that tells of its changes, behind the source that finds guests.
@Suite struct AttachedTellingTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"
  private static let type = "i915-GVTg_V5_4"

  private func source(
    endsWith removable: MdevUUID? = nil, in tree: SysfsTree
  ) throws -> (attached: AttachedSource, inner: DisplaySource<SyntheticGuest>) {
    let parent = "/sys/devices/pci0000:00/0000:00:02.0"
    try tree.folder("\(parent)/mdev_supported_types/\(Self.type)")
    try tree.link("/sys/bus/mdev/devices/\(Self.uuid)", to: "\(parent)/\(Self.uuid)")
    try tree.link(
      "\(parent)/\(Self.uuid)/mdev_type", to: "\(parent)/mdev_supported_types/\(Self.type)")
    let host = HostHardware(root: FilePath(tree.root))
    let vGPU = try #require(try host.devices().first)
    let inner = DisplaySource(
      try SyntheticGuest(pattern: TestPattern(width: 64, height: 48), tells: true))
    let attached = AttachedSource(
      Attached(source: inner, endsWith: removable), of: vGPU, controlsMonitor: false, host: host)
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
}
