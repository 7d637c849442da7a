// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing
import VFIO
import VGPUDisplay

@testable import Attachment
@testable import Guests

/// When the guest's agent is the one to be asked for another size.
@Suite struct AgentSizeTests {
  private static let uuid = "11111111-2222-3333-4444-555555555555"

  /// A monitor that can be exchanged, or perhaps.
  private final class Monitor: MonitorExchange {
    let isPossible: Bool?
    init(_ isPossible: Bool?) { self.isPossible = isPossible }
    var limits: MonitorLimits? { isPossible == true ? MonitorLimits(width: nil, height: nil) : nil }
    var failure: AttachmentError? { nil }
    func largest(toCarry monitor: WantedMonitor) -> String? { nil }
    func exchange(_ monitor: WantedMonitor) throws(VFIOError) {}
    func repair() throws(VFIOError) {}
    func end() {}
  }

  /// - Parameter monitor: `nil` for a driver without an EDID region.
  private func open(
    _ monitor: Monitor?, agent: String? = "/none", controlsSize: Bool = true
  ) throws -> (OpenGuest, AttachedSource) {
    let (host, vGPU) = try SysfsTree().hostWithVGPU(Self.uuid)
    let screen = AttachedSource(
      Attached(source: DisplaySource(try SyntheticGuest()), monitor: monitor), of: vGPU,
      controlsMonitor: controlsSize, host: host)
    let guest = Guest(
      agent == nil ? .demo : .mdev(vGPU.uuid), agentSocket: agent, host: host)
    return (guest.open(showing: screen, controlsSize: controlsSize), screen)
  }

  @Test func agentIsAskedWhenNothingBetterServes() throws {
    #expect(try open(nil).0.isSizedByAgent)
    #expect(try open(Monitor(false)).0.isSizedByAgent)
    #expect(try !open(Monitor(true)).0.isSizedByAgent)
    // A bridge that has not answered.
    #expect(try !open(Monitor(nil)).0.isSizedByAgent)
    // Nobody wants another size, or no way leads to an agent.
    #expect(try !open(nil, controlsSize: false).0.isSizedByAgent)
    #expect(try !open(nil, agent: nil).0.isSizedByAgent)
  }

  @Test func guestThatIsNotThereYetMayHaveAnother() throws {
    let (host, vGPU) = try SysfsTree().hostWithVGPU(Self.uuid)
    let screen = try AttachedSource(
      .mdev(vGPU.uuid), waiting: true, controlsMonitor: true, host: host)
    let guest = Guest(.mdev(vGPU.uuid), agentSocket: "/none", host: host)
    let open = guest.open(showing: screen, controlsSize: true)
    #expect(screen.takesMonitors == nil && !open.isSizedByAgent)
  }

  /// `vgpu info` names the agent after everything better.
  @Test func agentIsOfferedLast() throws {
    var facts = GuestFacts(.demo, namedAgent: "/none")
    #expect(facts.chosen[.size] == "agent")
    #expect(
      facts.why(.size) == [
        "edid: other-target", "bridge: other-target", "machine-bridge: other-target",
        "dbus: other-target",
      ])
    #expect(GuestFacts(.demo).chosen[.size] == nil)
    facts = GuestFacts(.process(1), namedAgent: "/none")
    #expect(facts.chosen[.size] == "edid")
  }
}
