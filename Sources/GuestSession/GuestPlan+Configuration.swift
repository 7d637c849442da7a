// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HostDevices
import LinuxSystem
public import QEMU
import SystemPackage

extension GuestPlan {
  /// The guest as somebody else starts it: a person, or libvirt. No vGPU is made, and what this host
  /// lacks is taken as it was named. Disks must be here, because their headers are read.
  ///
  /// - Parameters:
  ///   - program: the QEMU that will run it.
  ///   - folders: where the guest's files will lie: its store of UEFI variables, which is made, and
  ///     its sockets. With `nil` it has no sockets, and the firmware's empty store stands in the
  ///     store's place.
  ///   - host: whose devices the guest gets.
  ///   - onNotice: called with what was supposed.
  /// - Throws: `GuestError`.
  public func configuration(
    for program: QEMUProgram, folders: GuestFolders? = nil, host: HostHardware = HostHardware(),
    onNotice: (GuestNotice) -> Void = { _ in }
  ) throws(GuestError) -> GuestConfiguration {
    let parts = try parts(for: program, on: host, isHere: false, onNotice)
    let vGPU = vGPU.map { StartedVGPU.supposed($0, on: host, onNotice) }
    let sockets = try folders.map { (folders) throws(GuestError) in
      try GuestSockets(identity(vGPU), in: folders)
    }
    return try configuration(parts, vGPU, folders, sockets, onNotice)
  }

  /// Parts of the host that a guest is made of, known before anything is made for it.
  struct Parts {
    /// The guest without its vGPU and its firmware.
    fileprivate var configuration: GuestConfiguration
    fileprivate let uefi: UEFIImages?
  }

  /// The guest's files are told from other guests' by this.
  func identity(_ vGPU: MdevDevice?) throws(GuestError) -> String {
    if let name {
      guard !name.isEmpty, name.first != ".", !name.contains(where: { $0 == "/" || $0.isNewline })
      else {
        throw .unsuitable(
          "name \(name.debugDescription)",
          reason: "files are called so; give one without / and line breaks")
      }
      return name
    }
    if let vGPU { return "\(vGPU.uuid)" }
    guard let address else {
      throw .unsuitable("guest", reason: "has neither vGPU nor GPU to be called after; give a name")
    }
    return "\(profile.rawValue)-\(String("\(address)".map { $0 == ":" ? "-" : $0 }))"
  }

  /// Reads files and the host's devices.
  ///
  /// - Parameter isHere: false for a guest that is only described, maybe for another host.
  func parts(
    for program: QEMUProgram, on host: HostHardware, isHere: Bool,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) -> Parts {
    try check()
    var configuration = GuestConfiguration(name: name ?? "vgpu", isWindows: isWindows)
    let uefi = try addMachine(to: &configuration, for: program)
    if let rom { try Self.checkROM(rom) }
    try addDevices(to: &configuration, host, isHere, onNotice)
    try addResources(to: &configuration, isHere, onNotice)
    configuration.extra = extra
    if profile == .igd, rom == nil, uefi != nil { onNotice(.firmwareNeedsROM) }
    return Parts(configuration: configuration, uefi: uefi)
  }

  private func check() throws(GuestError) {
    guard Self.processorCounts.contains(cpus) else {
      throw .unsuitable(
        "\(cpus) processors", reason: "give 1 to \(Self.processorCounts.upperBound)")
    }
    guard memory > 0 else { throw .unsuitable("\(memory) MiB of memory", reason: "give more") }
    let disks = disks.count + (cdrom == nil ? 0 : 1)
    guard hasVirtio ?? !isWindows || disks <= Self.mostSATADisks else {
      throw .unsuitable(
        "\(disks) disks", reason: "SATA takes \(Self.mostSATADisks), the CD among them; use virtio")
    }
    guard scsi.count <= Self.mostSCSIDevices else {
      throw .unsuitable(
        "\(scsi.count) SCSI devices", reason: "give \(Self.mostSCSIDevices) at most")
    }
    guard profile != .gpu || gpu != nil else {
      throw .unsuitable("profile gpu", reason: "name the graphics card")
    }
  }

  /// QEMU copies a ROM's bytes as they are: it has no format that could be guessed.
  private static func checkROM(_ path: String) throws(GuestError) {
    do {
      _ = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
    } catch {
      throw .file(path, reason: "\(error.errno); name a ROM that you may read")
    }
  }

  private func addMachine(
    to configuration: inout GuestConfiguration, for program: QEMUProgram
  ) throws(GuestError) -> UEFIImages? {
    let machine = machine ?? profile.machine
    configuration.memory = memory
    configuration.cpus = cpus
    configuration.machine = machine
    configuration.hidesHypervisor = hidesHypervisor ?? (profile == .gpu)
    if let hasVirtio { configuration.hasVirtio = hasVirtio }
    if let hasBootScreen { configuration.hasBootScreen = hasBootScreen }
    do {
      configuration.disks = try disks.map { (disk) throws(QEMUError) in try disk.image() }
      configuration.cdrom = try cdrom?.image()
      let hasUEFI = firmware.map { $0 == .uefi } ?? profile.prefersUEFI
      return hasUEFI ? try UEFIImages.find(machine: try program.fullName(of: machine)) : nil
    } catch {
      throw .qemu(error)
    }
  }

  private func addResources(
    to configuration: inout GuestConfiguration, _ isHere: Bool, _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    configuration.network = network
    do {
      if isHere { try network.check() }
      if isPinned { configuration.pinning = try pinning(isHere, onNotice) }
      guard let size = hugePages else { return }
      guard isHere else {
        configuration.hugePages = (try? HugePages.mounted(size)) ?? HugePages(size: size)
        return
      }
      let pages = try HugePages.mounted(size)
      try pages.check(mebibytes: memory)
      configuration.hugePages = pages
    } catch {
      throw .qemu(error)
    }
  }

  private func pinning(
    _ isHere: Bool, _ onNotice: (GuestNotice) -> Void
  ) throws(QEMUError) -> ProcessorPinning? {
    do {
      return try HostProcessors(allowed: HostProcessors.allowed()).pinning(count: cpus)
    } catch {
      guard !isHere else { throw error }
      onNotice(.supposed("the guest's processors are not pinned", reason: "\(error)"))
      return nil
    }
  }

  /// The guest.
  ///
  /// - Parameters:
  ///   - folders: where a guest with UEFI gets its own store of variables; with `nil` the firmware's
  ///     empty one stands in its place.
  ///   - sockets: where its QEMU serves QMP.
  func configuration(
    _ parts: Parts, _ vGPU: MdevDevice?, _ folders: GuestFolders?, _ sockets: GuestSockets?,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) -> GuestConfiguration {
    var configuration = parts.configuration
    let identity = try identity(vGPU)
    configuration.name = name ?? "vgpu-\(identity)"
    if let vGPU {
      configuration.vGPU = vGPU
      configuration.hasBootScreen =
        hasBootScreen
        ?? GuestConfiguration(vGPU: vGPU, isWindows: isWindows).hasBootScreen
    }
    if let uefi = parts.uefi {
      var variables = uefi.variables
      if let folders {
        // A guest with a disk keeps its variables on whatever vGPU it runs.
        let guest = disks.first.map { FileTree.realPath(of: $0.path) ?? $0.path } ?? identity
        let folder = try folders.state()
        do {
          variables = try VariableStore.make(of: guest, in: folder, from: uefi.variables)
        } catch {
          throw .qemu(error)
        }
      }
      configuration.firmware = .uefi(code: uefi.code, variables: variables)
    }
    let defect = Accelerator.kvmDefect()
    configuration.hasKVM = defect == nil
    if let defect { onNotice(.emulated(defect)) }
    configuration.qmpSockets = sockets?.paths ?? []
    return configuration
  }
}
