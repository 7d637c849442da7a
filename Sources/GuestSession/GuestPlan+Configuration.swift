// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HostDevices
import LinuxSystem
public import QEMU
import SystemPackage

extension GuestPlan {
  /// The guest's description, for a person or a manager such as libvirt that starts the guest. No
  /// vGPU is made. When this host lacks a named part, the description takes the part as it was
  /// named. Disks must exist here, because their headers are read.
  ///
  /// - Parameters:
  ///   - program: the QEMU that will run it.
  ///   - folders: the folders for the guest's files: its store of UEFI variables and the folder of
  ///     its TPM, which are made, and its sockets. With `nil` it has no sockets, and the firmware's empty store takes the
  ///     place of its own.
  ///   - host: the host whose devices the guest gets.
  ///   - onNotice: called with everything that was assumed.
  /// - Throws: `GuestError`.
  public func configuration(
    for program: QEMUProgram, folders: GuestFolders? = nil, host: HostHardware = HostHardware(),
    onNotice: (GuestNotice) -> Void = { _ in }
  ) throws(GuestError) -> GuestConfiguration {
    try configuration(
      for: program, folders: folders, host: host, tryingOpenGL: nil, onNotice: onNotice)
  }

  /// The same, after a trial of the host's GPU.
  ///
  /// - Parameters:
  ///   - program: the QEMU that will run it.
  ///   - folders: the folders for the guest's files.
  ///   - host: the host whose devices the guest gets.
  ///   - trial: tries whether the host's GPU can draw for the guest; with `nil` every render node counts
  ///     that this user may open.
  ///   - onNotice: called with everything that was assumed.
  /// - Throws: `GuestError`.
  public func configuration(
    for program: QEMUProgram, folders: GuestFolders? = nil, host: HostHardware = HostHardware(),
    tryingOpenGL trial: OpenGLTrial?, onNotice: (GuestNotice) -> Void = { _ in }
  ) throws(GuestError) -> GuestConfiguration {
    let parts = try parts(for: program, on: host, trying: trial, isHere: false, onNotice)
    let vGPU = vGPU.map { StartedVGPU.supposed($0, on: host, onNotice) }
    let identity = try identity(vGPU)
    let sockets = try folders.map { (folders) throws(GuestError) in
      try GuestSockets(identity, in: folders)
    }
    var files = NewGuestFiles()
    return try configuration(parts, vGPU, identity, folders, sockets, noting: &files, onNotice)
  }

  /// Parts of the host for the guest, found before anything is made for it.
  struct Parts {
    /// The guest without its vGPU and its firmware.
    fileprivate var configuration: GuestConfiguration
    fileprivate let uefi: UEFIImages?
  }

  /// The name that tells the guest's files from other guests' files. Ask once for each guest,
  /// because a guest with neither a device nor a disk gets a random name.
  func identity(_ vGPU: MdevDevice?) throws(GuestError) -> String {
    if let name {
      guard !name.isEmpty, name.first != ".", !name.contains(where: { $0 == "/" || $0.isNewline })
      else {
        throw .unsuitable(
          "name \(name.debugDescription)",
          reason: """
            the name becomes part of file names; give a name without /, line breaks or a leading dot
            """)
      }
      return name
    }
    if let vGPU { return "\(vGPU.uuid)" }
    let profile = graphics.rawValue
    if let address {
      return "\(profile)-\(String("\(address)".map { $0 == ":" ? "-" : $0 }))"
    }
    if let disk { return "\(profile)-\(FileNamePart.of(path: disk, limit: 32))" }
    return "\(profile)-\(MdevUUID.random())"
  }

  /// Reads files and the host's devices.
  ///
  /// - Parameters:
  ///   - trial: see `configuration(for:)`.
  ///   - isHere: `false` for a guest that is only described, perhaps for another host.
  func parts(
    for program: QEMUProgram, on host: HostHardware, trying trial: OpenGLTrial?, isHere: Bool,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) -> Parts {
    try check()
    var configuration = GuestConfiguration(name: name ?? "vgpu", isWindows: isWindows)
    try addDisks(to: &configuration, isHere, onNotice)
    let uefi = try addMachine(to: &configuration, for: program)
    if let rom { try Self.checkROM(rom) }
    try addDevices(to: &configuration, host, isHere, onNotice)
    try addDisplay(to: &configuration, for: program, on: host, trying: trial, isHere, onNotice)
    try addResources(to: &configuration, isHere, onNotice)
    try addTPM(to: &configuration, for: program, isHere, onNotice)
    try addShares(to: &configuration, for: program, isHere, onNotice)
    configuration.hasGuestAgent = hasGuestAgent
    try addSound(to: &configuration, for: program, isHere, onNotice)
    configuration.extra = extra
    if graphics == .igd, rom == nil, uefi != nil { onNotice(.firmwareNeedsROM) }
    return Parts(configuration: configuration, uefi: uefi)
  }

  /// Checks what needs no look at the host.
  func check() throws(GuestError) {
    guard Self.processorCounts.contains(cpus) else {
      throw .unsuitable(
        "\(cpus) processors", reason: "give 1 to \(Self.processorCounts.upperBound)")
    }
    guard memory > 0 else { throw .unsuitable("\(memory) MiB of memory", reason: "give more") }
    let disks = cdroms.count + (hasVirtio ?? !isWindows ? 0 : disks.count)
    guard disks <= Self.mostSATADisks else {
      throw .unsuitable(
        "\(disks) disks",
        reason: "SATA takes \(Self.mostSATADisks), the CDs among them; use virtio for the others")
    }
    if let cd = cdroms.first(where: { $0.newSize != nil }) {
      throw .unsuitable(cd.path, reason: "a CD is not made; leave size= out")
    }
    if hasSecureBoot {
      guard firmware != .bios else {
        throw .unsuitable("Secure Boot", reason: "needs UEFI; leave the firmware BIOS out")
      }
      guard (machine ?? graphics.machine) == .q35 else {
        throw .unsuitable("Secure Boot", reason: "needs the mainboard q35")
      }
    }
    guard scsi.count <= Self.mostSCSIDevices else {
      throw .unsuitable(
        "\(scsi.count) SCSI devices", reason: "give \(Self.mostSCSIDevices) at most")
    }
    try checkGraphics()
    if let word = extra.first(where: { $0 == "-daemonize" || $0 == "--daemonize" }) {
      throw .unsuitable(word, reason: "the guest outlives this program anyway; leave it out")
    }
  }

  /// QEMU copies a ROM's bytes unchanged: a ROM has no format that could be guessed.
  private static func checkROM(_ path: String) throws(GuestError) {
    do {
      _ = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
    } catch {
      throw .system(error.advising("name a ROM that you may read"))
    }
  }

  private func addMachine(
    to configuration: inout GuestConfiguration, for program: QEMUProgram
  ) throws(GuestError) -> UEFIImages? {
    let machine = machine ?? graphics.machine
    configuration.memory = memory
    configuration.cpus = cpus
    configuration.machine = machine
    configuration.hidesHypervisor = hidesHypervisor ?? (graphics == .gpu)
    if let hasVirtio { configuration.hasVirtio = hasVirtio }
    if let hasBootScreen { configuration.hasBootScreen = hasBootScreen }
    do {
      configuration.hasSecureBoot = hasSecureBoot
      let hasUEFI = hasSecureBoot || (firmware.map { $0 == .uefi } ?? graphics.prefersUEFI)
      guard hasUEFI else { return nil }
      return try UEFIImages.find(
        machine: try program.fullName(of: machine), isSecure: hasSecureBoot)
    } catch {
      throw .qemu(error)
    }
  }

  /// Adds the TPM; its files follow when the guest's identity is known.
  private func addTPM(
    to configuration: inout GuestConfiguration, for program: QEMUProgram, _ isHere: Bool,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    guard hasTPM else { return }
    do throws(QEMUError) {
      for model in EmulatedTPM.Model.allCases where try program.hasDevice(model.rawValue) {
        configuration.tpm = EmulatedTPM(model: model)
        break
      }
      guard configuration.tpm != nil else { throw .lacks(program.path, feature: "a TPM") }
    } catch {
      throw .qemu(error)
    }
    do {
      _ = try EmulatedTPM.findProgram()
    } catch {
      guard !isHere else { throw .qemu(error) }
      onNotice(.supposed("the description assumes it", reason: "\(error)"))
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

  /// The guest's description.
  ///
  /// - Parameters:
  ///   - identity: the guest's identity.
  ///   - folders: the folders in which a guest with UEFI gets its own store of variables; with
  ///     `nil` the firmware's empty store takes its place.
  ///   - sockets: the paths at which its QEMU serves QMP.
  ///   - files: gets what was made in the folders, also when this throws.
  func configuration(
    _ parts: Parts, _ vGPU: MdevDevice?, _ identity: String, _ folders: GuestFolders?,
    _ sockets: GuestSockets?, noting files: inout NewGuestFiles,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) -> GuestConfiguration {
    var configuration = parts.configuration
    configuration.name = name ?? "vgpu-\(identity)"
    if let vGPU {
      configuration.vGPU = vGPU
      configuration.hasBootScreen =
        hasBootScreen
        ?? GuestConfiguration(vGPU: vGPU, isWindows: isWindows).hasBootScreen
    }
    let state = try folders.map { (folders) throws(GuestError) in try folders.state() }
    // A guest with a disk keeps its variables and its TPM when it gets another vGPU.
    let guest = disk ?? identity
    do {
      if let uefi = parts.uefi {
        var variables = uefi.variables
        if let state {
          variables = try VariableStore.make(
            of: guest, in: state, from: uefi.variables, isSecure: hasSecureBoot,
            noting: &files)
        }
        configuration.firmware = .uefi(code: uefi.code, variables: variables)
      }
      if let state, let sockets, configuration.tpm != nil {
        configuration.tpm?.state = try EmulatedTPM.makeState(
          of: guest, in: state, noting: &files)
        configuration.tpm?.socket = sockets.tpm
      }
    } catch {
      throw .qemu(error)
    }
    if configuration.hasGuestAgent { configuration.guestAgentSocket = sockets?.guestAgent }
    configuration.hasKVM = hasKVM ?? true
    if hasKVM == nil, let defect = Accelerator.kvmDefect() {
      configuration.hasKVM = false
      onNotice(.emulated(defect))
    }
    for (index, share) in configuration.shares.enumerated() {
      guard case .virtiofs = share.way, let sockets else { continue }
      configuration.shares[index].way = .virtiofs(socket: sockets.shares[index])
    }
    configuration.qmpSockets = sockets?.qmp ?? []
    configuration.hasAgentPort = true
    configuration.agentSocket = sockets?.agent
    return configuration
  }
}
