// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// Functions of a host PCI device that a guest gets together on one PCI device, because a driver
/// looks for a graphics card's audio function beside the GPU.
public struct PassedSlot: Hashable, Sendable {
  /// The slot's purpose in the guest.
  @nonexhaustive
  public enum Role: Hashable, Sendable {
    /// The processor's graphics. They must have their usual address, 00:02.0.
    case integratedGraphics
    /// The guest's graphics card, with or without VGA registers.
    case graphicsCard(hasVGA: Bool)
    /// Any other device, such as a USB controller.
    case device
  }

  /// The slot's purpose.
  public let role: Role
  /// The host's functions, by address.
  public private(set) var functions: [PCIAddress]
  /// A file with the first function's ROM. It is needed when the ROM cannot be read from the card,
  /// such as on the card that the host itself started on.
  public var rom: String?

  /// Whether one of the functions must keep its driver (`PCIFunction.mustKeepDriver`). libvirt then
  /// must not bind it to another driver.
  public var mustKeepDriver = false

  /// Makes a slot.
  public init(role: Role, functions: [PCIAddress], rom: String? = nil) {
    self.role = role
    self.functions = functions.sorted()
    self.rom = rom
  }

  /// Adds functions of the same device. Functions that the slot already has are not added again.
  public mutating func add(_ others: [PCIAddress]) {
    functions = Set(functions + others).sorted()
  }

  /// The guest's function number for each host function. The numbers are the host's, or count from
  /// 0 when the host's function 0 is missing, because a guest does not find a device without
  /// function 0.
  var guestFunctions: [(number: Int, address: PCIAddress)] {
    let keeps = functions.first?.function == 0
    return functions.enumerated().map { (keeps ? Int($1.function) : $0, $1) }
  }
}

extension GuestConfiguration {
  /// The place of a passed slot in the guest.
  enum SlotPlace: Hashable {
    /// A device on the first bus.
    case firstBus(device: Int)
    /// The only device behind its own PCI Express port.
    case port(Int)
  }

  /// Each slot with its place. On the old mainboard the slots begin at device 16, because QEMU puts
  /// no other device there.
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
  /// The functions of a graphics card that a guest gets when the user names the GPU.
  ///
  /// - Parameters:
  ///   - address: the GPU's address.
  ///   - isWholeCard: whether the user named the whole card. The card's audio and USB functions
  ///     then come too, from any IOMMU group. Otherwise only the functions in the GPU's group come,
  ///     because no guest can have these without the GPU.
  ///   - device: the host's functions of the GPU's device.
  /// - Returns: the functions by address; empty when `device` does not contain the GPU.
  public static func graphicsCard(
    at address: PCIAddress, isWholeCard: Bool, of device: [PCIFunction]
  ) -> [PCIFunction] {
    let named = device.first { $0.address == address }
    // The named function need not be the GPU of the card: take the first display function.
    let gpu = isWholeCard ? device.first(where: \.classCode.isDisplay) ?? named : named
    guard let gpu else { return [] }
    return device.filter { function in
      function.address == gpu.address
        || (isWholeCard ? function.isPart(ofCard: gpu) : function.goes(with: gpu))
    }
  }

  /// Whether a card has VGA registers. A display controller of class 0x0302 has none, and a virtual
  /// function (SR-IOV) has none in any class.
  public static func hasVGA(_ functions: [PCIFunction]) -> Bool {
    let displays = functions.filter(\.classCode.isDisplay)
    return displays.isEmpty
      || displays.contains { $0.classCode.rawValue >> 8 == 0x0300 && !$0.isVirtual }
  }
}
