// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import HostDevices
import LinuxSystem
import QEMU

/// A guest as a command line describes it.
struct GuestPlan: ParsableArguments {
  @OptionGroup(title: "GRAPHICS")
  var graphics: GraphicsOptions

  @OptionGroup(title: "GUEST")
  var guest: GuestOptions

  @OptionGroup(title: "DEVICES OF THE HOST")
  var passthrough: PassthroughOptions

  @OptionGroup(title: "RESOURCES OF THE HOST")
  var resources: ResourceOptions

  @Argument(parsing: .postTerminator, help: "Further arguments for QEMU.")
  var extra: [String] = []

  /// What a guest is made of that the host has, known before anything is made for it.
  struct Parts {
    /// The guest without its vGPU and its firmware's variables.
    fileprivate var configuration: GuestConfiguration
    fileprivate let files: GuestOptions.Files
  }

  /// What tells the guest's files from other guests': its vGPU's UUID, or its GPU.
  func identity(_ vGPU: MdevDevice?) -> String {
    if let vGPU { return "\(vGPU.uuid)" }
    let address = graphics.address.map { "\($0)" } ?? ""
    return "\(graphics.profile.rawValue)-\(String(address.map { $0 == ":" ? "-" : $0 }))"
  }

  /// - Parameter isHere: false for a guest that is only described, maybe for another host.
  func parts(for program: QEMUProgram, isHere: Bool) throws -> Parts {
    let files = try guest.files(for: program, graphics.profile)
    var configuration = GuestConfiguration(
      name: "vgpu-\(identity(nil))", isWindows: guest.windows)
    guest.describe(&configuration, files, graphics.profile)
    if let rom = graphics.rom { try Self.checkROM(rom) }
    try passthrough.add(to: &configuration, graphics, isHere: isHere)
    try resources.add(to: &configuration, isHere: isHere)
    configuration.extra = extra
    if graphics.profile == .igd, graphics.rom == nil, files.uefi != nil {
      GuestRun.say(
        """
        warning: this UEFI does not start Intel's graphics by itself; name a ROM that does with \
        --rom (such as VfioIgdPkg's), or use --firmware bios
        """)
    }
    return Parts(configuration: configuration, files: files)
  }

  /// QEMU copies a ROM's bytes as they are: it has no format that could be guessed.
  private static func checkROM(_ path: String) throws {
    do {
      _ = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
    } catch {
      throw Failure("\(path): \(error.errno); name a ROM that you may read")
    }
  }

  /// The guest.
  ///
  /// - Parameter makesStore: whether a guest with UEFI gets its own store of variables; else the
  ///   firmware's empty one stands in its place.
  func configuration(
    _ parts: Parts, _ vGPU: MdevDevice?, makesStore: Bool
  ) throws -> GuestConfiguration {
    var configuration = parts.configuration
    if let vGPU {
      let plain = GuestConfiguration(vGPU: vGPU, isWindows: guest.windows)
      configuration.name = plain.name
      configuration.vGPU = vGPU
      configuration.hasBootScreen = guest.bootScreen ?? plain.hasBootScreen
    }
    if let uefi = parts.files.uefi {
      configuration.firmware = .uefi(
        code: uefi.code,
        variables: makesStore
          ? try guest.store(of: identity(vGPU), from: uefi.variables) : uefi.variables)
    }
    return configuration
  }
}

extension GuestConfiguration {
  /// KVM runs the guest where this user can use it; where not, that is said.
  mutating func useKVM() {
    let defect = Accelerator.kvmDefect()
    hasKVM = defect == nil
    if let defect {
      GuestRun.say("warning: the guest is emulated, which is slow: KVM cannot be used: \(defect)")
    }
  }
}
