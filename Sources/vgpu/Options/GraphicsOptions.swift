// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import GuestSession
public import QEMU

/// The options of a guest's graphics.
struct GraphicsOptions: ParsableArguments {
  @Option(
    help: """
      Choose the graphics. virtio: QEMU's own GPU, for which the host needs none, shown in a window. \
      gvt-g: a vGPU (a slice of a GPU), shown in a window. igd: Intel's whole integrated GPU. gpu: a \
      whole graphics card. (default: gvt-g with --vgpu, else virtio)
      """)
  var profile: GuestProfile?

  @Option(
    help: ArgumentHelp(
      "Use the vGPU with this UUID, or make a vGPU of this type (`vgpu types` lists the types).",
      valueName: "uuid|type"),
    completion: .typesAndVGPUs)
  var vgpu: String?

  @Option(
    help: ArgumentHelp(
      """
      Give the guest this GPU. 01:00 means the whole card with its audio. 01:00.0 means one function, \
      with the card's other functions in the same IOMMU group. (default with igd: 00:02.0)
      """,
      valueName: "address"),
    completion: .gpus)
  var gpu: PCISelector?

  @Option(
    help: ArgumentHelp(
      """
      Use this file as the GPU's ROM. Needed for the host's boot GPU, because that GPU's own ROM \
      cannot be read.
      """,
      valueName: "file"),
    completion: .file())
  var rom: String?

  @Flag(
    inversion: .prefixedNo,
    help: """
      With --profile gpu: give the guest the VGA registers too. Use --no-x-vga if this disturbs the \
      host's own GPU; UEFI does not need the registers. (default: if the card has them)
      """)
  var xVga: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      With --profile virtio: let the host's GPU draw for the guest (OpenGL). (default: if QEMU can, a GPU \
      whose render node you may open passes a trial, and the guest is not Windows)
      """)
  var gl: Bool?

  func validate() throws {
    let profile = GuestPlan(profile: profile, vGPU: vgpu.map { .init($0) }).graphics
    if profile == .virtio || profile == .gvtG {
      guard gpu == nil, rom == nil, xVga == nil else {
        throw ValidationError("--gpu, --rom, --x-vga: need a whole GPU; add --profile gpu or igd")
      }
    }
    guard profile == .virtio || gl != true else {
      throw ValidationError("--gl: needs a virtio GPU; leave out --vgpu and --profile")
    }
    switch profile {
    case .virtio:
      guard vgpu == nil else {
        throw ValidationError("--profile virtio: has no vGPU; leave out --vgpu or --profile")
      }
    case .gvtG:
      guard vgpu != nil else {
        throw ValidationError(
          "--vgpu: name a vGPU (`vgpu list`), or a type to make one of (`vgpu types`)")
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
    plan.hasGL = gl
  }

  private enum CodingKeys: CodingKey {
    case profile, vgpu, gpu, rom, xVga, gl
  }
}

extension GuestProfile: ExpressibleByArgument {}

extension PCISelector: ExpressibleByArgument {
  public static var defaultCompletionKind: CompletionKind { .functions }
}
