// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage

extension HostHardware {
  /// What a type's vGPUs are made of. A type that no GPU offers counts as one of mdevs, unless its id
  /// says otherwise.
  ///
  /// - Throws: `HostDevicesError.system` when a folder may not be read.
  public func kind(ofType id: String) throws(HostDevicesError) -> VGPUKind {
    if id == OfferedType.virtualFunction { return .sriov }
    // NVIDIA's mdevs, of vGPU 16 and earlier, have ids like those of 17 and later.
    let functions = try pciFunctions()
    guard functions.contains(where: { nvidiaType(of: $0) != nil }),
      try !types().contains(where: { $0.id == id }), id.hasPrefix("nvidia-")
    else { return .mdev }
    return .nvidia
  }

  /// Makes vGPUs that are PCI functions.
  ///
  /// - `sriov`: makes virtual functions and binds them to vfio-pci. When the GPU has virtual functions
  ///   already, it binds those that are free: the kernel makes no further ones.
  /// - `nvidia-N`: writes the type's number to `nvidia/current_vgpu_type` of a virtual function that can
  ///   get it.
  ///
  /// - Parameters:
  ///   - type: the id.
  ///   - parent: the physical function's address; `nil` for the first that offers the type.
  ///   - count: how many.
  ///   - timeout: the longest wait for udev and the driver.
  /// - Returns: the vGPUs, by address.
  /// - Throws: `VirtualFunctionError`; nothing is changed then.
  public func createFunctions(
    type: String, parent: String? = nil, count: Int = 1, timeout: Duration = .seconds(2)
  ) throws(VirtualFunctionError) -> [PCIVGPU] {
    let functions: [PCIFunction]
    do {
      functions = try pciFunctions()
    } catch {
      throw .host(error)
    }
    guard count > 0 else { return [] }
    if type == OfferedType.virtualFunction {
      let gpu = try parentOf(virtualFunctionTypes(among: functions), type, parent)
      return try createVirtualFunctions(of: gpu, count: count, timeout)
    }
    var made: [PCIVGPU] = []
    do {
      for _ in 0..<count {
        made.append(try createNVIDIA(type, parent, among: functions, timeout))
      }
    } catch {
      for vGPU in made {
        do {
          try writeNVIDIA(0, to: vGPU.address, type: nil)
        } catch let failure {
          throw .notPutBack(vGPU.address, cause: error.description, remains: failure.description)
        }
      }
      throw error
    }
    return made.sorted { $0.address < $1.address }
  }

  /// The GPU that a caller means. Naming a function that is no GPU is a person's own decision.
  private func parentOf(
    _ types: [OfferedType], _ id: String, _ name: String?
  ) throws(VirtualFunctionError) -> PCIAddress {
    if let name {
      guard let address = PCIAddress(name) else {
        throw .otherParent(id: id, named: name, parents: types.map(\.type.parent))
      }
      return address
    }
    let free = types.first { $0.type.availableInstances ?? 0 > 0 } ?? types.first
    guard let address = free.flatMap({ PCIAddress($0.type.parent) }) else {
      throw .noType(id: id, existing: offeredIDs())
    }
    return address
  }

  private func offeredIDs() -> [String] {
    Set(((try? offeredTypes()) ?? []).map(\.type.id)).sorted()
  }

  // MARK: SR-IOV

  private func createVirtualFunctions(
    of gpu: PCIAddress, count: Int, _ timeout: Duration
  ) throws(VirtualFunctionError) -> [PCIVGPU] {
    let driver = "vfio-pci"
    guard sysfs.exists(PCIDriver.path(driver)) else { throw .binding(.noDriver(driver)) }
    let virtual = VirtualFunctions(host: self, timeout: timeout)
    let existing = virtual.all(of: gpu)
    var made: [PCIFunction] = []
    if existing.isEmpty {
      made = try virtual.make(count, of: gpu)
    } else {
      made = Array(existing.filter(isFree).prefix(count))
      guard made.count == count else {
        throw .madeAlready(gpu, made: existing.count, free: made.count)
      }
    }
    do {
      _ = try PCIBindings(host: self, timeout: timeout).bind(made.map(\.address), to: driver)
    } catch {
      guard existing.isEmpty else { throw .binding(error) }
      try virtual.undo(gpu, because: .binding(error))
    }
    // udev makes the nodes a moment later.
    let addresses = made.map(\.address)
    _ = waitUntil(timeout) {
      addresses.allSatisfy { pciVGPU(at: $0).map { $0.groupNode ?? $0.deviceNode } != nil }
    }
    return addresses.compactMap(pciVGPU)
  }

  // MARK: NVIDIA vGPU 17 and later

  private func createNVIDIA(
    _ id: String, _ parent: String?, among functions: [PCIFunction], _ timeout: Duration
  ) throws(VirtualFunctionError) -> PCIVGPU {
    // Each vGPU changes what the GPU has room for.
    let offers = functions.filter { nvidiaType(of: $0) == .untyped }.flatMap { function in
      nvidiaTypes(of: function).filter { $0.id == id }.map { (function: function, type: $0) }
    }
    guard !offers.isEmpty else { throw .noType(id: id, existing: offeredIDs()) }
    let wanted = parent.flatMap { PCIAddress($0) }
    // A person may name the GPU, or one of its virtual functions.
    let chosen = offers.first { offer in
      parent == nil || offer.function.physicalFunction == wanted
        || offer.function.address == wanted
    }
    guard let chosen else {
      throw .otherParent(
        id: id, named: parent ?? "",
        parents: Set(offers.map { "\($0.function.physicalFunction ?? $0.function.address)" })
          .sorted())
    }
    let address = chosen.function.address
    try writeNVIDIA(chosen.type.number, to: address, type: id)
    var made: PCIVGPU?
    _ = waitUntil(timeout) {
      made = pciVGPU(at: address)
      return made?.type == id && (made?.groupNode ?? made?.deviceNode) != nil
    }
    guard let made, made.type == id, (made.groupNode ?? made.deviceNode) != nil else {
      do {
        try writeNVIDIA(0, to: address, type: nil)
      } catch {
        throw .notPutBack(
          address, cause: VirtualFunctionError.incomplete(address, type: id).description,
          remains: error.description)
      }
      throw .incomplete(address, type: id)
    }
    return made
  }

  /// Writes a type's number, or 0 for none.
  private func writeNVIDIA(
    _ number: Int, to address: PCIAddress, type: String?
  ) throws(VirtualFunctionError) {
    let folder = sysfs.resolve("/sys/bus/pci/devices/\(address)/nvidia")
    do {
      try sysfs.write("\(number)", to: "\(folder ?? "/sys")/current_vgpu_type")
    } catch {
      throw .refused(address, type: type, error.advising(Self.nvidiaRemedy(error.errno)))
    }
  }

  private static func nvidiaRemedy(_ errno: Errno) -> String {
    switch errno {
    case .permissionDenied, .notPermitted: "giving types needs root"
    case .resourceBusy: "a guest uses it; end the guest"
    default:
      """
      the kernel log (dmesg) tells why; a GPU takes vGPUs of one size only, unless nvidia-smi vgpu -shm \
      lets it mix them
      """
    }
  }
}

extension HostHardware {
  /// Removes a vGPU that is a PCI function.
  ///
  /// - A virtual function with a type of NVIDIA's loses the type.
  /// - Another virtual function goes back to the driver that it had. When it was the last one in use,
  ///   and `create` made them, all virtual functions of the GPU are removed.
  /// - A physical function loses all its virtual functions.
  ///
  /// A function that somebody has open stays, and so does the physical function's driver.
  ///
  /// - Parameters:
  ///   - address: the function's.
  ///   - timeout: the longest wait for a user that has just ended, and for the driver.
  /// - Throws: `VirtualFunctionError`.
  public func removeFunction(
    _ address: PCIAddress, timeout: Duration = .seconds(2)
  ) throws(VirtualFunctionError) {
    guard let function = pciFunction(at: address) else { throw .noSuchFunction(address) }
    let virtual = VirtualFunctions(host: self, timeout: timeout)
    guard let gpu = function.physicalFunction else {
      guard virtual.most(of: address) != nil, !virtual.all(of: address).isEmpty,
        function.driver != "nvidia"
      else { throw .noVGPU(address) }
      return try virtual.removeAll(of: address)
    }
    guard let vGPU = pciVGPU(at: address) else { throw .noVGPU(address) }
    let bindings = PCIBindings(host: self, timeout: timeout)
    do {
      try bindings.checkUnheld(function)
    } catch .guestHolds(_, _, let processes) {
      throw .inUse(address, processes: processes)
    } catch {
      throw .binding(error)
    }
    if vGPU.kind == .nvidia { return try writeNVIDIA(0, to: address, type: nil) }
    do {
      if bindings.remembered.contains(address) {
        _ = try bindings.restore([address])
      } else {
        _ = try bindings.unbind([address])
      }
    } catch {
      throw .binding(error)
    }
    if virtual.areOurs(of: gpu), virtual.all(of: gpu).allSatisfy({ $0.driver == nil }) {
      try virtual.removeAll(of: gpu)
    }
  }
}
