// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// Functions of one of the host's PCI devices that a guest gets, on one device of its own: a driver
/// looks for a graphics card's audio beside it.
public struct PassedSlot: Hashable, Sendable {
  /// What the guest takes it for.
  @nonexhaustive
  public enum Role: Hashable, Sendable {
    /// The processor's graphics, which must have their usual place, 00:02.0.
    case integratedGraphics
    /// The guest's graphics card, with VGA's registers or without.
    case graphicsCard(hasVGA: Bool)
    /// Anything else, such as a USB controller.
    case device
  }

  /// What it is.
  public let role: Role
  /// The host's functions, by address.
  public private(set) var functions: [PCIAddress]
  /// A file with the first function's ROM, when its own cannot be read, as that of the card on
  /// which the host itself started.
  public var rom: String?

  /// Whether a function of it must keep its driver (`PCIFunction.mustKeepDriver`), so that libvirt is
  /// not to bind it to another.
  public var mustKeepDriver = false

  /// Makes a slot.
  public init(role: Role, functions: [PCIAddress], rom: String? = nil) {
    self.role = role
    self.functions = functions.sorted()
    self.rom = rom
  }

  /// Adds functions of the same device, those that are not there yet.
  public mutating func add(_ others: [PCIAddress]) {
    functions = Set(functions + others).sorted()
  }

  /// The guest's function number for each of the host's: the same, or counted from 0 when the host's
  /// first is not among them, because a device without function 0 is not found.
  var guestFunctions: [(number: Int, address: PCIAddress)] {
    let keeps = functions.first?.function == 0
    return functions.enumerated().map { (keeps ? Int($1.function) : $0, $1) }
  }
}

extension GuestConfiguration {
  /// Where the guest finds a passed slot.
  enum SlotPlace: Hashable {
    /// A device on the first bus.
    case firstBus(device: Int)
    /// The only device behind a PCI Express port of its own.
    case port(Int)
  }

  /// Each slot with its place. On the old mainboard they sit at 16 and up, free of what else QEMU
  /// puts there.
  var placedSlots: [(slot: PassedSlot, place: SlotPlace)] {
    passedSlots.enumerated().map { index, slot in
      if slot.role == .integratedGraphics { return (slot, .firstBus(device: 2)) }
      return (slot, machine == .q35 ? .port(index + 1) : .firstBus(device: 16 + index))
    }
  }

  /// The most slots that a guest can have.
  public static let mostPassedSlots = 8
}

extension PassedSlot {
  /// The functions of a graphics card that a guest gets when its user names the GPU.
  ///
  /// - Parameters:
  ///   - address: the GPU.
  ///   - isWholeCard: whether the card was named: its audio and USB functions then come too, in
  ///     whatever IOMMU groups. Else only what shares the GPU's group, which no guest can have
  ///     without the GPU.
  ///   - device: the functions of its device that the host has.
  /// - Returns: by address; none when the GPU is not among them.
  public static func graphicsCard(
    at address: PCIAddress, isWholeCard: Bool, of device: [PCIFunction]
  ) -> [PCIFunction] {
    let named = device.first { $0.address == address }
    // Of a device whose first function is no display the GPU is another.
    let gpu = isWholeCard ? device.first(where: \.classCode.isDisplay) ?? named : named
    guard let gpu else { return [] }
    return device.filter { function in
      function.address == gpu.address
        || (isWholeCard ? function.isPart(ofCard: gpu) : function.goes(with: gpu))
    }
  }

  /// Whether a card has VGA's registers. A display controller that says it is none of VGA's (0x0302)
  /// has not, and a virtual function (SR-IOV) has none whatever it says.
  public static func hasVGA(_ functions: [PCIFunction]) -> Bool {
    let displays = functions.filter(\.classCode.isDisplay)
    return displays.isEmpty
      || displays.contains { $0.classCode.rawValue >> 8 == 0x0300 && !$0.isVirtual }
  }
}
