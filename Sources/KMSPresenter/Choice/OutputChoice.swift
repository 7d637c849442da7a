// SPDX-License-Identifier: Apache-2.0

package import VGPUDisplay

/// Where a picture is shown: a monitor's connector, the CRTC that drives it, and the CRTC's planes.
package struct OutputChoice: Hashable, Sendable {
  package let connector: DisplayEngine.Connector
  package let crtc: UInt32
  package let primary: DisplayEngine.Plane
  /// `nil` when the CRTC has none.
  package let cursor: DisplayEngine.Plane?
  /// The other planes that the CRTC shows now: they would cover the picture.
  package let others: [DisplayEngine.Plane]
  /// The other connectors that the CRTC drives now: they would get the picture, too.
  package let clones: [DisplayEngine.Connector]

  /// Chooses the CRTC and the planes of a connector: those that it has now, if any, and never those of
  /// another monitor that is on.
  ///
  /// - Parameter card: the card's name in the error.
  /// - Throws: `KMSError.noPlane`.
  package init(
    _ connector: DisplayEngine.Connector, on engine: DisplayEngine, card: String
  ) throws(KMSError) {
    let taken = Set(engine.connectors.filter { $0.id != connector.id }.map(\.crtc))
    let possible = engine.crtcs.filter { engine.has($0, in: connector.possibleCRTCs) }
    let crtcs =
      possible.filter { $0 == connector.crtc }
      + possible.filter { $0 != connector.crtc && !taken.contains($0) }
    for crtc in crtcs {
      guard let primary = Self.plane(.primary, of: crtc, engine) else { continue }
      let cursor = Self.plane(.cursor, of: crtc, engine)
      self.connector = connector
      self.crtc = crtc
      self.primary = primary
      self.cursor = cursor
      others = engine.planes.filter {
        $0.crtc == crtc && $0.id != primary.id && $0.id != cursor?.id
      }
      clones = engine.connectors.filter { $0.crtc == crtc && $0.id != connector.id }
      return
    }
    throw .noPlane(card: card, connector: connector.name)
  }

  /// The plane that the CRTC has now, or else the first that nobody has.
  private static func plane(
    _ kind: DisplayEngine.Plane.Kind, of crtc: UInt32, _ engine: DisplayEngine
  ) -> DisplayEngine.Plane? {
    let planes = engine.planes.filter {
      $0.kind == kind && engine.has(crtc, in: $0.possibleCRTCs)
    }
    return planes.first { $0.crtc == crtc } ?? planes.first { $0.crtc == 0 }
  }

  /// Chooses the connector: the named one, or the first with a monitor.
  ///
  /// - Parameters:
  ///   - name: as the kernel names it; `nil` for the first with a monitor.
  ///   - cards: the cards with their connectors, in the order of their names.
  /// - Returns: the card's place, and the connector.
  /// - Throws: `KMSError.noConnector`, `.severalConnectors`, `.notConnected`.
  package static func connector(
    named name: String?, among cards: [(name: String, engine: DisplayEngine)]
  ) throws(KMSError) -> (card: Int, connector: DisplayEngine.Connector) {
    let all = cards.enumerated().flatMap { index, card in
      card.engine.connectors.map { (card: index, connector: $0) }
    }
    guard let name else {
      guard let first = all.first(where: \.connector.isConnected) else {
        throw .notConnected(all.map(\.connector.name))
      }
      return first
    }
    let named = all.filter { $0.connector.name == name }
    // Two cards may each have an HDMI-A-1.
    let found = named.filter(\.connector.isConnected)
    guard let first = found.first else {
      guard named.isEmpty else { throw .notConnected([name]) }
      throw .noConnector(
        name, offered: all.filter(\.connector.isConnected).map(\.connector.name))
    }
    guard found.count == 1 else {
      throw .severalConnectors(name, cards: found.map { cards[$0.card].name })
    }
    return first
  }

  /// Chooses the mode in which a guest is shown: the wished one; else the quickest of the guest's own
  /// size; else the one that the monitor prefers.
  ///
  /// - Throws: `KMSError.noMode`.
  package static func mode(
    for guest: PixelSize, _ wish: ModeWish?, of connector: DisplayEngine.Connector
  ) throws(KMSError) -> ScreenMode {
    let whole = connector.modes.filter { !$0.isInterlaced }
    if let wish {
      guard let mode = mode(wish, among: whole) else {
        throw .noMode(wish, connector: connector.name, offered: whole)
      }
      return mode
    }
    let exact = whole.filter { $0.size == guest }.max { $0.refreshRate < $1.refreshRate }
    guard let mode = exact ?? whole.first(where: \.isPreferred) ?? whole.first else {
      throw .noMode(ModeWish(size: guest), connector: connector.name, offered: [])
    }
    return mode
  }

  /// A rate counts as the wished one when it is nearer than half a hertz: 59.94 for 60.
  private static func mode(_ wish: ModeWish, among modes: [ScreenMode]) -> ScreenMode? {
    let fitting = modes.filter { $0.size == wish.size }
    guard let rate = wish.refreshRate else {
      return fitting.max { $0.refreshRate < $1.refreshRate }
    }
    return fitting.filter { abs($0.refreshRate - rate) < 0.5 }
      .min { abs($0.refreshRate - rate) < abs($1.refreshRate - rate) }
  }
}
