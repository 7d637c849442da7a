// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeClient
import BridgeProtocol
import BridgeServer
import Foundation
import HostDevices
import LinuxSystem
import Logging
import SystemPackage
import Testing
import VGPUDisplay

@testable import Guests

/// What is offered of the guests that a bridge shows, by what the bridge lists.
@Suite(.timeLimit(.minutes(15))) struct BridgeOfferTests {
  private static let identifiers = (1...2).map { VGPUIdentifier(high: 0xB1D6E, low: UInt64($0)) }

  private let path = "/tmp/bridge-\(UUID().uuidString.prefix(8)).sock"

  /// Looks at a guest of a real bridge.
  ///
  /// - Parameters:
  ///   - wanted: which one; the only one by default.
  ///   - shown: the bridge's vGPUs: whether a client may ask each for another size.
  private func look(at wanted: VGPUIdentifier = .only, shown: [Bool]) throws -> GuestFacts {
    try during(path, shown: shown) { try Guest(.bridge(path: path, vGPU: wanted)).look() }
  }

  /// Does something while a real bridge runs.
  private func during<Found>(
    _ path: String, shown: [Bool], _ body: () throws -> Found
  ) throws -> Found {
    let handle = try BridgeHandle()
    let isThere = DispatchSemaphore(value: 0)
    let thread = try SystemThread(for: "a bridge") {
      let vGPUs = zip(Self.identifiers, shown).map { identifier, canResize in
        BridgedVGPU(
          identifier: identifier, title: "guest \(identifier.low)",
          policy: AccessPolicy(allowed: [.user(geteuid())]),
          source: { DisplaySource(try SyntheticGuest()) },
          monitor: { canResize ? BridgedVGPU.Monitor(maximum: nil) { _, _ in } : nil })
      }
      // Without a bridge the look below fails.
      let bridge = try? Bridge(
        BridgeListener(path: path), handle: handle,
        logger: Logger(label: "bridge") { _ in SwiftLogNoOpLogHandler() }, catalogue: { vGPUs })
      isThere.signal()
      try? bridge?.run()
    }
    isThere.wait()
    let found = Result(catching: body)
    handle.stop()
    thread.join()
    return try found.get()
  }

  // MARK: The machine's own

  /// A vGPU of another user's process.
  private func hidden(_ bridge: MachineBridge) -> GuestFacts {
    let uuid = Self.identifiers[1]
    var facts = GuestFacts(.mdev(uuid))
    facts.isLookedAt = true
    facts.vGPUs = [MdevDevice(uuid: uuid, type: "i915-GVTg_V5_4")]
    facts.device = .failure(.noRights(pid: 7, .otherUser("libvirt-qemu", ptraceScope: 1)))
    facts.machineBridge = (bridge, bridge.listing())
    return facts
  }

  /// A machine whose files are below a folder.
  private func machine(_ body: (String, MachineBridge) throws -> Void) throws {
    let root = "/tmp/machine-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: "\(root)/run/vgpu", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try body(root, MachineBridge(of: HostHardware(root: FilePath(root))))
  }

  @Test func machinesBridgeServesWhoMayNotLook() throws {
    try machine { _, bridge in
      let shown = try during(bridge.path, shown: [true, true]) { hidden(bridge) }
      #expect(shown.chosen[.screen] == "machine-bridge" && shown.chosen[.size] == "machine-bridge")
      #expect(shown.vGPUObstacle == nil, "it is the vGPU's own picture")
      #expect(shown.why(.screen).first == "vfio: device")
      let kept = try during(bridge.path, shown: [true, false]) { hidden(bridge) }
      #expect(kept.chosen[.screen] == "machine-bridge" && kept.chosen[.size] != "machine-bridge")
      let other = try during(bridge.path, shown: [true]) { hidden(bridge) }
      #expect(other.chosen[.screen] == nil)
      #expect(other.why(.screen).contains("machine-bridge: not-on-bridge"))
      // A process's own words would have to be believed to find its vGPU.
      var process = GuestFacts(.process(7))
      process.isLookedAt = true
      process.device = shown.device
      process.machineBridge = shown.machineBridge
      #expect(process.chosen[.screen] == nil)
    }
  }

  @Test func remedyIsTheOneThatIsMissing() throws {
    try machine { root, bridge in
      #expect(bridge.advice == nil)
      #expect(
        hidden(bridge).reasons(.screen).contains { $0.contains("let root show you the guest") })
      let units = "\(root)/usr/lib/systemd/system"
      try FileManager.default.createDirectory(atPath: units, withIntermediateDirectories: true)
      try "".write(
        toFile: "\(units)/vgpu-bridge.socket", atomically: false, encoding: .utf8)
      let facts = hidden(bridge)
      #expect(facts.why(.screen).contains("machine-bridge: no-machine-bridge"))
      #expect(
        facts.reasons(.screen).contains {
          $0.contains("`sudo systemctl enable --now vgpu-bridge.socket`")
        })
      try during(bridge.path, shown: []) {
        #expect(bridge.advice?.contains("usermod -aG vfio") == true)
      }
    }
  }

  // MARK: A named one

  @Test func onlyGuestNeedsNoName() throws {
    let facts = try look(shown: [true])
    #expect(facts.kind == .bridge && facts.isLookedAt)
    #expect(facts.bridge?.vGPUs.map(\.identifier) == [Self.identifiers[0]])
    #expect(facts.chosen == [.screen: "bridge", .size: "bridge"])
  }

  @Test func oneOfSeveralMustBeNamed() throws {
    let several = try look(shown: [true, true])
    #expect(several.chosen.isEmpty)
    #expect(
      several.why(.screen) == [
        "vfio: other-target", "bridge: several-on-bridge", "machine-bridge: other-target",
        "dbus: other-target",
        "synthetic: other-target",
      ])
    #expect(
      several.why(.size) == [
        "edid: other-target", "bridge: several-on-bridge", "machine-bridge: other-target",
        "dbus: other-target",
        "agent: no-agent-named",
      ])
    #expect(
      several.reasons(.screen) == [
        """
        \(path): the bridge shows several vGPUs: name one as bridge:\(path)/\(Self.identifiers[0])
        """
      ])
    let named = try look(at: Self.identifiers[1], shown: [true, true])
    #expect(named.chosen == [.screen: "bridge", .size: "bridge"])
  }

  @Test func guestThatIsNotShownIsNotOffered() throws {
    let other = try look(at: Self.identifiers[1], shown: [true])
    #expect(other.chosen.isEmpty)
    #expect(
      other.why(.screen) == [
        "vfio: other-target", "bridge: not-on-bridge", "machine-bridge: other-target",
        "dbus: other-target",
        "synthetic: other-target",
      ])
    #expect(
      other.why(.size) == [
        "edid: other-target", "bridge: not-on-bridge", "machine-bridge: other-target",
        "dbus: other-target",
        "agent: no-agent-named",
      ])
    #expect(
      other.reasons(.size) == [
        "\(path): the bridge shows you no such vGPU; see `vgpu list --bridge`"
      ])
  }

  @Test(.enabled(if: geteuid() == 0, "only root can look at a bridge that shows nothing"))
  func bridgeWithoutAGuestOffersNothing() throws {
    let none = try look(shown: [])
    #expect(none.bridge?.vGPUs.isEmpty == true)
    #expect(none.chosen.isEmpty)
    #expect(
      none.why(.size) == [
        "edid: other-target", "bridge: not-on-bridge", "machine-bridge: other-target",
        "dbus: other-target",
        "agent: no-agent-named",
      ])
  }

  /// A bridge says of each guest whether its size can be asked for.
  @Test func sizeIsOfferedWhereTheBridgeAllowsIt() throws {
    let kept = try look(shown: [false])
    #expect(kept.chosen == [.screen: "bridge"])
    #expect(
      kept.why(.size) == [
        "edid: other-target", "bridge: bridge-keeps-size", "machine-bridge: other-target",
        "dbus: other-target",
        "agent: no-agent-named",
      ])
    #expect(
      kept.reasons(.size) == [
        "\(path): the bridge does not let you resize; start it with --allow-resize"
      ])
    for (index, size) in [nil, "bridge"].enumerated() {
      let one = try look(at: Self.identifiers[index], shown: [false, true])
      #expect(one.chosen[.screen] == "bridge" && one.chosen[.size] == size)
    }
  }
}
