// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeClient
import BridgeProtocol
import BridgeServer
import Foundation
import HostDevices
import LinuxSystem
import Logging
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
    let path = path
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
    let facts = Result { try Guest(.bridge(path: path, vGPU: wanted)).look() }
    handle.stop()
    thread.join()
    return try facts.get()
  }

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
        "vfio: other-target", "bridge: several-on-bridge", "dbus: other-target",
        "synthetic: other-target",
      ])
    #expect(
      several.why(.size) == [
        "edid: other-target", "bridge: several-on-bridge", "dbus: other-target",
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
        "vfio: other-target", "bridge: not-on-bridge", "dbus: other-target",
        "synthetic: other-target",
      ])
    #expect(
      other.why(.size) == [
        "edid: other-target", "bridge: not-on-bridge", "dbus: other-target",
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
        "edid: other-target", "bridge: not-on-bridge", "dbus: other-target",
        "agent: no-agent-named",
      ])
  }

  /// A bridge says of each guest whether its size can be asked for.
  @Test func sizeIsOfferedWhereTheBridgeAllowsIt() throws {
    let kept = try look(shown: [false])
    #expect(kept.chosen == [.screen: "bridge"])
    #expect(
      kept.why(.size) == [
        "edid: other-target", "bridge: bridge-keeps-size", "dbus: other-target",
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
