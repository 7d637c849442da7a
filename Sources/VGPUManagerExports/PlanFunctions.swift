// SPDX-License-Identifier: Apache-2.0
//
// vgpu-guest.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CVGPU
import GuestSession
import HostCheckEGL
import HostDevices
import QEMU
import Synchronization
import VGPUExports

@c @implementation
public func vgpu_plan_new() -> OpaquePointer! { Plan().passedToC() }

@c @implementation
public func vgpu_plan_free(_ plan: OpaquePointer!) { Plan.release(plan) }

@c @implementation
public func vgpu_plan_set_name(
  _ plan: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.name = try CText.optional(name, "name")
  }
}

@c @implementation
public func vgpu_plan_set_profile(
  _ plan: OpaquePointer!, _ profile: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.profile =
      switch Int(profile) {
      case VGPU_PROFILE_DEFAULT: nil
      case VGPU_PROFILE_GVT_G: .gvtG
      case VGPU_PROFILE_IGD: .igd
      case VGPU_PROFILE_GPU: .gpu
      case VGPU_PROFILE_VIRTIO: .virtio
      default: throw Failure(.argument, "profile \(profile): not one of VGPU_PROFILE_*")
      }
  }
}

@c @implementation
public func vgpu_plan_set_vgpu(
  _ plan: OpaquePointer!, _ vgpu: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    let text = try CText.optional(vgpu, "vgpu")
    if text == "" { throw Failure(.argument, "vgpu: empty; give a UUID, a type's id or NULL") }
    state.plan.vGPU = text.map { GuestPlan.VGPU($0) }
  }
}

@c @implementation
public func vgpu_plan_set_gpu(
  _ plan: OpaquePointer!, _ address: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.gpu = address == nil ? nil : try PCISelector(c: address)
  }
}

@c @implementation
public func vgpu_plan_set_rom(
  _ plan: OpaquePointer!, _ file: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.rom = try CText.optional(file, "file")
  }
}

@c @implementation
public func vgpu_plan_add_disk(
  _ plan: OpaquePointer!, _ disk: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.disks.append(try NamedDisk(c: disk))
  }
}

@c @implementation
public func vgpu_plan_set_cdrom(
  _ plan: OpaquePointer!, _ disk: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.cdroms = disk == nil ? [] : [try NamedDisk(c: disk)]
  }
}

@c @implementation
public func vgpu_plan_add_cdrom(
  _ plan: OpaquePointer!, _ disk: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.cdroms.append(try NamedDisk(c: disk))
  }
}

@c @implementation
public func vgpu_plan_set_memory(
  _ plan: OpaquePointer!, _ mebibytes: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    guard (1...1 << 24).contains(mebibytes) else {
      throw Failure(.argument, "\(mebibytes) MiB of memory: give 1 to \(1 << 24)")
    }
    state.plan.memory = Int(mebibytes)
  }
}

@c @implementation
public func vgpu_plan_set_cpus(
  _ plan: OpaquePointer!, _ count: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    guard GuestPlan.processorCounts.contains(Int(count)) else {
      throw Failure(
        .argument, "\(count) processors: give 1 to \(GuestPlan.processorCounts.upperBound)")
    }
    state.plan.cpus = Int(count)
  }
}

@c @implementation
public func vgpu_plan_set_firmware(
  _ plan: OpaquePointer!, _ firmware: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.firmware =
      switch Int(firmware) {
      case VGPU_FIRMWARE_DEFAULT: nil
      case VGPU_FIRMWARE_BIOS: .bios
      case VGPU_FIRMWARE_UEFI: .uefi
      default: throw Failure(.argument, "firmware \(firmware): not one of VGPU_FIRMWARE_*")
      }
  }
}

@c @implementation
public func vgpu_plan_set_machine(
  _ plan: OpaquePointer!, _ machine: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.machine =
      switch Int(machine) {
      case VGPU_MACHINE_DEFAULT: nil
      case VGPU_MACHINE_Q35: .q35
      case VGPU_MACHINE_PC: .pc
      default: throw Failure(.argument, "machine \(machine): not one of VGPU_MACHINE_*")
      }
  }
}

@c @implementation
public func vgpu_plan_set_feature(
  _ plan: OpaquePointer!, _ feature: Int32, _ value: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    let isOn: Bool? =
      switch value {
      case -1: nil
      case 0: false
      case 1: true
      default: throw Failure(.argument, "value \(value): give 1, 0 or -1")
      }
    switch Int(feature) {
    case VGPU_FEATURE_WINDOWS: state.plan.isWindows = isOn ?? false
    case VGPU_FEATURE_VIRTIO: state.plan.hasVirtio = isOn
    case VGPU_FEATURE_BOOT_SCREEN: state.plan.hasBootScreen = isOn
    case VGPU_FEATURE_KVM: state.plan.hasKVM = isOn
    case VGPU_FEATURE_HIDDEN_HYPERVISOR: state.plan.hidesHypervisor = isOn
    case VGPU_FEATURE_VGA: state.plan.hasVGA = isOn
    case VGPU_FEATURE_PINNING: state.plan.isPinned = isOn ?? false
    case VGPU_FEATURE_GL: state.plan.hasGL = isOn
    case VGPU_FEATURE_SECURE_BOOT: state.plan.hasSecureBoot = isOn ?? false
    case VGPU_FEATURE_TPM: state.plan.hasTPM = isOn ?? false
    case VGPU_FEATURE_GUEST_AGENT: state.plan.hasGuestAgent = isOn ?? true
    default: throw Failure(.argument, "feature \(feature): not one of VGPU_FEATURE_*")
    }
  }
}

@c @implementation
public func vgpu_plan_add_pci(
  _ plan: OpaquePointer!, _ address: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.pci.append(try PCISelector(c: address))
  }
}

@c @implementation
public func vgpu_plan_add_usb(
  _ plan: OpaquePointer!, _ device: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    let text = try CText.read(device, "device")
    guard let selector = USBSelector(text) else {
      throw Failure(
        .argument,
        "\(text): no USB device; give VENDOR:PRODUCT (046d:c52b) or BUS.DEVICE (1.4)")
    }
    state.plan.usb.append(selector)
  }
}

@c @implementation
public func vgpu_plan_add_scsi(
  _ plan: OpaquePointer!, _ node: UnsafePointer<CChar>!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    guard state.plan.scsi.count < GuestPlan.mostSCSIDevices else {
      throw Failure(.argument, "SCSI devices: give \(GuestPlan.mostSCSIDevices) at most")
    }
    state.plan.scsi.append(try CText.read(node, "node"))
  }
}

@c @implementation
public func vgpu_plan_add_share(
  _ plan: OpaquePointer!, _ folder: UnsafePointer<CChar>!, _ isReadOnly: Int32,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    guard state.plan.shares.count < FolderShare.most else {
      throw Failure(.argument, "folders: give \(FolderShare.most) at most")
    }
    let path = try CText.read(folder, "folder")
    state.plan.shares.append(SharedFolder(path: path, isReadOnly: isReadOnly != 0))
  }
}

@c @implementation
public func vgpu_plan_set_network(
  _ plan: OpaquePointer!, _ network: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    let text = try CText.read(network, "network")
    guard let network = GuestNetwork(text) else {
      throw Failure(.argument, "\(text): no network; give user, tap, tap:NAME or none")
    }
    state.plan.network = network
  }
}

@c @implementation
public func vgpu_plan_set_huge_pages(
  _ plan: OpaquePointer!, _ mebibytes: UInt32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    let size = HugePages.Size.allCases.first { $0.mebibytes == Int(mebibytes) }
    guard size != nil || mebibytes == 0 else {
      throw Failure(.argument, "huge pages of \(mebibytes) MiB: give 2, 1024 or 0")
    }
    state.plan.hugePages = size
  }
}

@c @implementation
public func vgpu_plan_add_argument(
  _ plan: OpaquePointer!, _ argument: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.plan.extra.append(try CText.read(argument, "argument"))
  }
}

@c @implementation
public func vgpu_plan_set_qemu(
  _ plan: OpaquePointer!, _ program: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Plan.change(plan, error) { (state) throws(Failure) in
    state.program = try CText.optional(program, "program") ?? QEMUDefault.program
  }
}

@c @implementation
public func vgpu_plan_set_folders(
  _ plan: OpaquePointer!, _ state: UnsafePointer<CChar>!, _ sockets: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  let (folder, socketFolder) = (state, sockets)
  return Plan.change(plan, error) { (state) throws(Failure) in
    let folder = try CText.optional(folder, "state")
    let socketFolder = try CText.optional(socketFolder, "sockets")
    switch (folder, socketFolder) {
    case (nil, nil): state.folders = Plan.usualFolders
    case (let folder?, let socketFolder?):
      state.folders = .at(state: folder, sockets: socketFolder)
    case (_, _): throw Failure(.argument, "state, sockets: give both folders, or two NULLs")
    }
  }
}

@c @implementation
public func vgpu_plan_domain_xml(
  _ plan: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> UnsafeMutablePointer<CChar>! {
  Failure.result(error) { () throws(Failure) in
    let state = try Plan.borrowed(plan).current
    let program = try QEMUProgram(named: state.program)
    let xml: String
    do throws(GuestError) {
      let configuration = try state.plan.configuration(
        for: program, tryingOpenGL: .inThisProcess)
      do throws(QEMUError) {
        xml = try configuration.domainXML(emulator: program.path)
      } catch {
        throw .qemu(error)
      }
    } catch {
      throw Failure(error)
    }
    return try CText.copy(xml)
  }
}

/// The object behind a `vgpu_plan`.
final class Plan: Handle, Sendable {
  static let cName = "vgpu_plan"
  static let usualFolders = GuestFolders.user(program: "vgpu")

  struct State {
    var plan = GuestPlan()
    var program = QEMUDefault.program
    var folders = Plan.usualFolders
  }

  private let state = Mutex(State())

  var current: State { state.withLock(\.self) }

  /// Changes a plan; a failed change leaves it as it was.
  static func change(
    _ plan: OpaquePointer?, _ told: UnsafeMutablePointer<vgpu_error>?,
    _ body: (inout State) throws(Failure) -> Void
  ) -> Int32 {
    Failure.code(told) { () throws(Failure) in
      try borrowed(plan).state.withLock { (state) throws(Failure) in try body(&state) }
    }
  }
}

extension QEMUProgram {
  init(named name: String) throws(Failure) {
    self = try Failure.of { () throws(QEMUError) in try .probe(name) }
  }
}

extension PCISelector {
  fileprivate init(c text: UnsafePointer<CChar>?) throws(Failure) {
    let text = try CText.read(text, "address")
    guard let selector = PCISelector(text) else {
      throw Failure(
        .argument, "\(text): no PCI device; give one function (01:00.0) or a whole device (01:00)")
    }
    self = selector
  }
}

extension NamedDisk {
  fileprivate init(c text: UnsafePointer<CChar>?) throws(Failure) {
    let text = try CText.read(text, "disk")
    do {
      try self.init(parsing: text)
    } catch {
      throw Failure(.argument, "\(error)")
    }
  }
}
