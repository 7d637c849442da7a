// SPDX-License-Identifier: Apache-2.0

public import HostDevices

extension PassedSlot {
  /// The functions of a graphics card that a guest gets when its user names the GPU.
  ///
  /// - Parameters:
  ///   - address: the GPU.
  ///   - isWholeCard: whether the card was named: its audio and USB functions then come too, in
  ///     whatever IOMMU groups. Else only what shares the GPU's group, which no guest can have
  ///     without the GPU.
  ///   - device: the functions of its device that the host has.
  /// - Returns: by address; none where the GPU is not among them.
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
