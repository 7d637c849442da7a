// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GuestSession
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

  func add(to plan: inout GuestPlan) {
    plan.profile = profile
    plan.vGPU = vgpu.map { GuestPlan.VGPU($0) }
    plan.gpu = gpu
    plan.rom = rom
    plan.hasVGA = xVga
  }

  private enum CodingKeys: CodingKey {
    case profile, vgpu, gpu, rom, xVga
  }
}

extension GuestProfile: ExpressibleByArgument {}

extension PCISelector: ExpressibleByArgument {}
