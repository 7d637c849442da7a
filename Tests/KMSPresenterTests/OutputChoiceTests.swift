// SPDX-License-Identifier: Apache-2.0

import KMSPresenter
import Testing
import VGPUDisplay

/// Choosing among what the kernel tells of a display engine; no card is needed.
struct OutputChoiceTests {
  private typealias Engine = DisplayEngine

  private static func mode(
    _ width: Int, _ height: Int, _ rate: Double = 60, isPreferred: Bool = false,
    isInterlaced: Bool = false
  ) -> ScreenMode {
    ScreenMode(
      size: PixelSize(width: width, height: height), interval: Int((1e9 / rate).rounded()),
      isPreferred: isPreferred, isInterlaced: isInterlaced)
  }

  private static func connector(
    _ id: UInt32, _ name: String, isConnected: Bool = true, modes: [ScreenMode] = modes,
    possible: UInt32 = 0b11, crtc: UInt32 = 0
  ) -> Engine.Connector {
    Engine.Connector(
      id: id, name: name, isConnected: isConnected, modes: modes, possibleCRTCs: possible,
      crtc: crtc)
  }

  /// As a monitor lists them.
  private static let modes = [
    mode(1920, 1080, 60, isPreferred: true), mode(1920, 1080, 144), mode(1920, 1080, 50),
    mode(1920, 1080, 120, isInterlaced: true), mode(1280, 800), mode(1024, 768, 75),
    mode(1024, 768, 60),
  ]

  /// Two CRTCs, with two planes each.
  private static func engine(
    _ connectors: [Engine.Connector], _ shown: [UInt32: UInt32] = [:]
  ) -> Engine {
    let kinds: [(UInt32, Engine.Plane.Kind, UInt32)] = [
      (31, .primary, 0b01), (32, .cursor, 0b01), (33, .primary, 0b10), (34, .overlay, 0b11),
    ]
    return Engine(
      connectors: connectors, crtcs: [41, 42],
      planes: kinds.map {
        Engine.Plane(id: $0.0, kind: $0.1, possibleCRTCs: $0.2, crtc: shown[$0.0] ?? 0)
      })
  }

  private func chosen(
    _ guest: (Int, Int), _ wish: ModeWish? = nil, _ modes: [ScreenMode] = modes
  ) throws -> String {
    let size = PixelSize(width: guest.0, height: guest.1)
    return
      "\(try OutputChoice.mode(for: size, wish, of: Self.connector(1, "DP-1", modes: modes)))"
  }

  @Test func aGuestGetsTheQuickestModeOfItsOwnSize() throws {
    #expect(try chosen((1024, 768)) == "1024x768@75")
    #expect(try chosen((1920, 1080)) == "1920x1080@144")
  }

  @Test func anyOtherGuestGetsThePreferredMode() throws {
    #expect(try chosen((800, 600)) == "1920x1080@60")
    #expect(try chosen((3840, 2160)) == "1920x1080@60")
    let unmarked = [Self.mode(1280, 800), Self.mode(640, 480)]
    #expect(try chosen((800, 600), nil, unmarked) == "1280x800@60")
  }

  @Test func aWishComesBeforeTheGuest() throws {
    let size = PixelSize(width: 1920, height: 1080)
    #expect(try chosen((1024, 768), ModeWish(size: size)) == "1920x1080@144")
    #expect(try chosen((1024, 768), ModeWish(size: size, refreshRate: 50)) == "1920x1080@50")
    let odd = [Self.mode(1920, 1080, 60), Self.mode(1920, 1080, 59.94)]
    #expect(
      try chosen((1024, 768), ModeWish(size: size, refreshRate: 59.94), odd) == "1920x1080@59.94")
    #expect(
      try chosen((1024, 768), ModeWish(size: size, refreshRate: 60), [odd[1]])
        == "1920x1080@59.94")
  }

  @Test func aModeThatIsMissingIsAnErrorThatListsTheOthers() {
    let wish = ModeWish(size: PixelSize(width: 1920, height: 1080), refreshRate: 100)
    let error = #expect(throws: KMSError.self) { try chosen((1024, 768), wish) }
    #expect(
      error.map { "\($0)" }
        == "DP-1: the monitor has no mode of 1920x1080@100; choose among: 1920x1080@60,"
        + " 1920x1080@144, 1920x1080@50, 1280x800@60, 1024x768@75, 1024x768@60")
    #expect(throws: KMSError.self) { try chosen((1024, 768), nil, []) }
  }

  private func found(
    _ name: String?, _ cards: (name: String, engine: Engine)...
  ) throws -> String {
    let (card, connector) = try OutputChoice.connector(named: name, among: cards)
    return "\(card) \(connector.id)"
  }

  @Test func theFirstMonitorOrTheNamedOne() throws {
    let none = Self.engine([Self.connector(1, "DP-1", isConnected: false)])
    let two = Self.engine([
      Self.connector(2, "DP-1", isConnected: false), Self.connector(3, "HDMI-A-1"),
      Self.connector(4, "DP-2"),
    ])
    #expect(try found(nil, ("a", none), ("b", two)) == "1 3")
    #expect(try found("DP-2", ("a", none), ("b", two)) == "1 4")
  }

  @Test func connectorsThatCannotBeHad() throws {
    let none = Self.engine([Self.connector(1, "DP-1", isConnected: false)])
    let one = Self.engine([Self.connector(2, "HDMI-A-1")])
    func refusal(_ name: String?, _ cards: (name: String, engine: Engine)...) -> KMSError? {
      do {
        _ = try OutputChoice.connector(named: name, among: cards)
        return nil
      } catch {
        return error
      }
    }
    #expect(refusal(nil, ("a", none)) == .notConnected(["DP-1"]))
    #expect(refusal("DP-1", ("a", none), ("b", one)) == .notConnected(["DP-1"]))
    #expect(refusal("VGA-1", ("a", one)) == .noConnector("VGA-1", offered: ["HDMI-A-1"]))
    #expect(
      refusal("HDMI-A-1", ("a", one), ("b", one))
        == .severalConnectors("HDMI-A-1", cards: ["a", "b"]))
  }

  private func output(
    _ connector: Engine.Connector, _ engine: Engine
  ) throws -> OutputChoice {
    try OutputChoice(connector, on: engine, card: "card")
  }

  @Test func aConnectorKeepsTheCRTCThatItHas() throws {
    let connector = Self.connector(1, "DP-1", crtc: 42)
    let output = try output(connector, Self.engine([connector], [33: 42, 34: 42]))
    #expect(output.crtc == 42)
    #expect(output.primary.id == 33)
    #expect(output.cursor == nil)
    #expect(output.others.map(\.id) == [34], "an overlay would cover the picture")
  }

  @Test func anotherMonitorsCRTCIsLeftAlone() throws {
    let connector = Self.connector(1, "DP-1")
    let other = Self.connector(2, "DP-2", crtc: 41)
    let output = try output(connector, Self.engine([connector, other], [31: 41]))
    #expect(output.crtc == 42)
    let narrow = Self.connector(3, "DP-3", possible: 0b01)
    #expect(throws: KMSError.noPlane(card: "card", connector: "DP-3")) {
      try self.output(narrow, Self.engine([narrow, other]))
    }
  }

  @Test func aFreeConnectorGetsAPointerPlaneToo() throws {
    let connector = Self.connector(1, "DP-1")
    let output = try output(connector, Self.engine([connector]))
    #expect(output.crtc == 41)
    #expect(output.primary.id == 31)
    #expect(output.cursor?.id == 32)
    #expect(output.others.isEmpty)
  }

  @Test func monitorsThatShowTheSamePictureAreNamed() throws {
    let connector = Self.connector(1, "DP-1", crtc: 41)
    let clone = Self.connector(2, "DP-2", crtc: 41)
    let output = try output(connector, Self.engine([connector, clone]))
    #expect(output.clones.map(\.id) == [2])
  }

  @Test func modesByName() {
    #expect("\(Self.mode(1920, 1080, 59.94))" == "1920x1080@59.94")
    #expect("\(Self.mode(1920, 1080, 30.05, isInterlaced: true))" == "1920x1080@30.05i")
    #expect("\(ScreenMode(size: PixelSize(width: 1, height: 2), interval: 0))" == "1x2@0")
  }
}
