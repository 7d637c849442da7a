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
      The GPU that the guest gets, with all functions of its card, such as 01:00.0. (default with \
      igd: 00:02.0)
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
  /// - Parameter functions: those of its device that the host has.
  func slot(of functions: [PCIFunction]) -> PassedSlot? {
    guard let address else { return nil }
    // Intel's graphics have no functions that belong to them.
    let isAlone = profile == .igd || functions.isEmpty
    return PassedSlot(
      role: profile == .igd
        ? .integratedGraphics : .graphicsCard(hasVGA: xVga ?? Self.hasVGA(functions)),
      functions: isAlone ? [address] : functions.map(\.address), rom: rom)
  }

  /// Whether a card has VGA's registers: a display controller that says it is none of VGA's (0x0302)
  /// has not.
  private static func hasVGA(_ functions: [PCIFunction]) -> Bool {
    let displays = functions.filter(\.classCode.isDisplay)
    return displays.isEmpty || displays.contains { $0.classCode.rawValue >> 8 == 0x0300 }
  }

  private enum CodingKeys: CodingKey {
    case profile, vgpu, gpu, rom, xVga
  }
}

extension GuestProfile: ExpressibleByArgument {}
