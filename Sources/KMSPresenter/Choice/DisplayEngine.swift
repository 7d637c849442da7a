// SPDX-License-Identifier: Apache-2.0

/// A card's display engine as the kernel describes it. Its parts are plain values, so that choosing
/// among them needs no card.
package struct DisplayEngine: Hashable, Sendable {
  /// A place where a monitor is plugged in.
  package struct Connector: Hashable, Sendable {
    package let id: UInt32
    /// The kernel's name, such as `HDMI-A-1`.
    package let name: String
    package let isConnected: Bool
    package let modes: [ScreenMode]
    /// A bit for each CRTC that can drive it, by the CRTC's place in `crtcs`.
    package let possibleCRTCs: UInt32
    /// The CRTC that drives it now; 0 for none.
    package let crtc: UInt32

    package init(
      id: UInt32, name: String, isConnected: Bool, modes: [ScreenMode], possibleCRTCs: UInt32,
      crtc: UInt32
    ) {
      self.id = id
      self.name = name
      self.isConnected = isConnected
      self.modes = modes
      self.possibleCRTCs = possibleCRTCs
      self.crtc = crtc
    }
  }

  /// A plane: one picture that the engine puts into a CRTC's.
  package struct Plane: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
      case primary
      case cursor
      case overlay
    }

    package let id: UInt32
    package let kind: Kind
    /// A bit for each CRTC that can show it, by the CRTC's place in `crtcs`.
    package let possibleCRTCs: UInt32
    /// The CRTC that shows it now; 0 for none.
    package let crtc: UInt32

    package init(id: UInt32, kind: Kind, possibleCRTCs: UInt32, crtc: UInt32) {
      self.id = id
      self.kind = kind
      self.possibleCRTCs = possibleCRTCs
      self.crtc = crtc
    }
  }

  package let connectors: [Connector]
  /// What makes a picture of planes, at a mode's rate.
  package let crtcs: [UInt32]
  package let planes: [Plane]

  package init(connectors: [Connector], crtcs: [UInt32], planes: [Plane]) {
    self.connectors = connectors
    self.crtcs = crtcs
    self.planes = planes
  }

  /// Whether a set of CRTCs has this one.
  func has(_ crtc: UInt32, in possible: UInt32) -> Bool {
    guard let index = crtcs.firstIndex(of: crtc), index < 32 else { return false }
    return possible & 1 << UInt32(index) != 0
  }
}
