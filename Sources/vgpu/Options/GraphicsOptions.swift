// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GuestSession
public import QEMU

/// The options of a guest's graphics.
struct GraphicsOptions: ParsableArguments {
  @Option(
    help: """
      Choose the graphics. gvt-g: a vGPU (a slice of a GPU), shown in a window. igd: Intel's whole \
      integrated GPU. gpu: a whole graphics card.
      """)
  var profile = GuestProfile.gvtG

  @Option(
    help: ArgumentHelp(
      "Use the vGPU with this UUID, or make one of this type (see `vgpu types`).",
      valueName: "uuid|type"))
  var vgpu: String?

  @Option(
    help: ArgumentHelp(
      """
      Give the guest this GPU. 01:00 is the whole card, with its audio. 01:00.0 is one function, with \
      the functions of the card in the same IOMMU group. (default with igd: 00:02.0)
      """,
      valueName: "address"))
  var gpu: PCISelector?

  @Option(
    help: ArgumentHelp(
      "Use this file as the GPU's ROM. Needed for the GPU that the host booted on: its ROM cannot be read.",
      valueName: "file"))
  var rom: String?

  @Flag(
    inversion: .prefixedNo,
    help: """
      With gpu: give the guest the VGA registers too. Use --no-x-vga if they disturb the host's own \
      GPU; UEFI does not need them. (default: when the card has them)
      """)
  var xVga: Bool?

  func validate() throws {
    switch profile {
    case .gvtG:
      guard vgpu != nil else {
        throw ValidationError(
          "--vgpu: name a vGPU (`vgpu list`), or a type to make one of (`vgpu types`)")
      }
      guard gpu == nil, rom == nil, xVga == nil else {
        throw ValidationError("--gpu, --rom, --x-vga: need a whole GPU; add --profile gpu or igd")
      }
    case .igd:
      guard xVga == nil else {
        throw ValidationError("--x-vga: needs a graphics card; add --profile gpu")
      }
    case .gpu:
      guard gpu != nil else {
        throw ValidationError(
          "--profile gpu: needs a card; name one from `vgpu pci list`: --gpu 01:00")
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
