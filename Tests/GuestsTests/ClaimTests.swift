// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Attachment

/// A process that says it has what it has not.
@Suite struct ClaimTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"
  private static let domain = "c2177883-f1bb-47f0-914d-32a22e3a8804"

  /// Whoever is started with a domain's `-uuid` decides nothing: the domain's vGPU is held by nobody,
  /// and is waited for.
  @Test(.timeLimit(.minutes(15))) func commandLineOfADomainIsNoProof() async throws {
    let tree = try SysfsTree()
    let parent = "/sys/devices/pci0000:00/0000:00:02.0"
    try tree.folder("\(parent)/mdev_supported_types/i915-GVTg_V5_4")
    try tree.link("/sys/bus/mdev/devices/\(Self.uuid)", to: "\(parent)/\(Self.uuid)")
    try tree.link(
      "\(parent)/\(Self.uuid)/mdev_type", to: "\(parent)/mdev_supported_types/i915-GVTg_V5_4")
    let claimant = Process()
    claimant.executableURL = URL(fileURLWithPath: "/bin/sh")
    claimant.arguments = ["-c", "read x", "-uuid", Self.domain]
    claimant.standardInput = Pipe()
    try claimant.run()
    defer {
      // A SIGTERM may be blocked, as it is in the thread that has started it.
      kill(claimant.processIdentifier, SIGKILL)
      claimant.waitUntilExit()
    }
    // The kernel shows a command line a moment after the start.
    try await eventually {
      try ProcFiles.arguments(of: claimant.processIdentifier).last == Self.domain
    }
    let vGPU = try #require(MdevUUID(Self.uuid))
    let running = RunningDomain(
      name: "claimed", uri: "qemu:///session", uuid: Self.domain, vGPUs: [.mdev(vGPU)])
    let finder = GuestFinder(host: HostHardware(root: FilePath(tree.root)))
    for descriptor in [nil, 0] as [Int32?] {
      do {
        _ = try finder.find(running, descriptor: descriptor)
        Issue.record("nobody has it")
      } catch {
        guard case .notHeld(vGPU) = error else {
          Issue.record("\(error)")
          continue
        }
      }
    }
  }
}
