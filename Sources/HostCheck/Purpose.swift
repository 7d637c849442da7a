// SPDX-License-Identifier: Apache-2.0

/// What a host is to be used for.
public enum Purpose: String, CaseIterable, Codable, Sendable {
  /// Slices of an Intel GPU for guests (mediated devices).
  case gvtG = "gvt-g"
  /// An Intel GPU handed to a guest whole.
  case igd
  /// A graphics card handed to a guest whole.
  case gpu

  /// Whether a real PCI device goes to the guest.
  var isPassthrough: Bool { self != .gvtG }
}
