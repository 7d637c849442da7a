// SPDX-License-Identifier: Apache-2.0

/// What kind of graphics a guest has.
public enum GuestProfile: String, CaseIterable, Sendable {
  /// A slice of a GPU, an mdev such as Intel GVT-g's, which the host shows.
  case gvtG = "gvt-g"
  /// The host's whole Intel graphics (IGD).
  case igd
  /// A whole discrete GPU, on a monitor of its own.
  case gpu

  /// The mainboard that suits. QEMU's legacy mode for Intel's graphics, in which they are the
  /// guest's first screen, needs the old one; on `q35` they are a second GPU without a firmware's
  /// screen (universal pass-through).
  public var machine: GuestConfiguration.Machine { self == .igd ? .pc : .q35 }

  /// Whether UEFI is the firmware that suits: it needs no VGA registers, which two GPUs contend for.
  /// Intel's graphics want SeaBIOS, which sets up their stolen memory as OVMF does not.
  public var prefersUEFI: Bool { self == .gpu }
}
