// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import HostDevices
public import QEMU

/// What a user can say of the graphics that a guest has.
struct GraphicsOptions: ParsableArguments {
  @Option(
    help: """
      gvt-g: a vGPU, a slice of a GPU, shown in a window. igd: Intel's graphics whole. gpu: a whole \
      graphics card.
      """)
  var profile = GuestProfile.gvtG

  @Option(
    help: ArgumentHelp(
      "The vGPU's UUID, or a type of which one is made (see `vgpu types`).",
      valueName: "uuid|type"))
  var vgpu: String?

  @Option(
    help: ArgumentHelp(
      """
      The GPU that the guest gets: 01:00 with the other functions of its card, such as its audio; \
      01:00.0 alone, but for what shares its IOMMU group. (default with igd: 00:02.0)
      """,
      valueName: "address"))
  var gpu: PCISelector?

  @Option(
    help: ArgumentHelp(
      "The GPU's ROM, where its own cannot be read: that of the card the host started on.",
      valueName: "file"))
  var rom: String?

  @Flag(
    inversion: .prefixedNo,
    help: """
      With gpu: the guest gets VGA's registers too. Leave them out where that disturbs the host's \
      own GPU; UEFI needs none. (default: where the card has them)
      """)
  var xVga: Bool?

  func validate() throws {
    switch profile {
    case .gvtG:
      guard vgpu != nil else {
        throw ValidationError("--vgpu: name a vGPU, or a type of which one is made (`vgpu types`)")
      }
      guard gpu == nil, rom == nil, xVga == nil else {
        throw ValidationError("--gpu, --rom, --x-vga: they go with --profile gpu or igd")
      }
    case .igd:
      guard xVga == nil else { throw ValidationError("--x-vga: it goes with --profile gpu") }
    case .gpu:
      guard gpu != nil else {
        throw ValidationError(
          "--profile gpu: name the card, as `vgpu pci list` has it: --gpu 01:00")
      }
    }
  }

  /// Where the GPU is that is passed on; `nil` where the profile has none.
  var address: PCIAddress? {
    switch profile {
    case .gvtG: nil
    case .igd: gpu?.address ?? PCIAddress(bus: 0, device: 2, function: 0)
    case .gpu: gpu?.address
    }
  }

  /// The slot of the GPU that is passed on.
  ///
  /// - Parameter device: the functions of its device that the host has.
  func slot(of device: [PCIFunction]) -> PassedSlot? {
    guard let address else { return nil }
    // Intel's graphics have no functions that belong to them.
    if profile == .igd {
      return PassedSlot(role: .integratedGraphics, functions: [address], rom: rom)
    }
    let functions = PassedSlot.graphicsCard(
      at: address, isWholeCard: gpu?.isWholeDevice ?? false, of: device)
    return PassedSlot(
      role: .graphicsCard(hasVGA: xVga ?? PassedSlot.hasVGA(functions)),
      functions: functions.isEmpty ? [address] : functions.map(\.address), rom: rom)
  }

  private enum CodingKeys: CodingKey {
    case profile, vgpu, gpu, rom, xVga
  }
}

extension GuestProfile: ExpressibleByArgument {}

/// Which PCI functions a user means: one, `01:00.0`, or all of a device, `01:00`.
struct PCISelector: ExpressibleByArgument {
  let address: PCIAddress
  let isWholeDevice: Bool

  init(address: PCIAddress, isWholeDevice: Bool) {
    self.address = address
    self.isWholeDevice = isWholeDevice
  }

  init?(argument: String) {
    if let address = PCIAddress(argument) {
      self.init(address: address, isWholeDevice: false)
    } else if let address = PCIAddress("\(argument).0") {
      self.init(address: address, isWholeDevice: true)
    } else {
      return nil
    }
  }
}
