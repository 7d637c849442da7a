// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem

/// Why a vGPU that is a PCI function was not made or not removed. Each case's description is one line
/// that names the object, the cause and the remedy. What was changed until then is put back, unless the
/// description says otherwise.
@nonexhaustive
public enum VirtualFunctionError: Error, Hashable, Sendable {
  /// The kernel or the GPU's driver refused to change the number of virtual functions.
  case system(SystemCallError)
  /// The host could not be read.
  case host(HostDevicesError)
  /// A virtual function was not handed to guests, or not given back.
  case binding(PCIBindingError)
  /// No function has this address.
  case noSuchFunction(PCIAddress)
  /// The function can have no virtual functions: its hardware or its driver has no SR-IOV.
  case noSRIOV(PCIAddress)
  /// The function is itself a virtual function.
  case isVirtual(PCIAddress, of: PCIAddress)
  /// The physical function has no driver of the host's, and only such a driver makes virtual functions.
  case noHostDriver(PCIAddress, driver: String?)
  /// The driver makes at most so many.
  case tooMany(PCIAddress, wanted: Int, most: Int)
  /// There are virtual functions already, and the kernel makes them only all at once.
  case madeAlready(PCIAddress, made: Int, free: Int)
  /// The driver made fewer than it was asked for.
  case fewer(PCIAddress, wanted: Int, made: Int)
  /// A failed change could not be undone.
  case notPutBack(PCIAddress, cause: String, remains: String)
  /// No GPU offers such a type at this moment; these are offered.
  case noType(id: String, existing: [String])
  /// No GPU of this name offers the type; these offer it.
  case otherParent(id: String, named: String, parents: [String])
  /// NVIDIA's driver refused to give a virtual function a type, or to take the type away.
  case refused(PCIAddress, type: String?, SystemCallError)
  /// NVIDIA's driver accepted a type but made no vGPU that can be opened.
  case incomplete(PCIAddress, type: String)
  /// The function is no vGPU.
  case noVGPU(PCIAddress)
  /// Somebody has the function open: these processes, or, when the list is empty, processes whose
  /// descriptors `/proc` does not show.
  case inUse(PCIAddress, processes: [Int32])
}

extension VirtualFunctionError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .system(let error), .refused(_, _, let error): error.errorClass
    case .host(let error): error.errorClass
    case .binding(let error): error.errorClass
    case .noSuchFunction, .noType, .otherParent, .noVGPU: .notFound
    case .noSRIOV, .isVirtual, .noHostDriver: .unsupported
    case .tooMany: .argument
    case .madeAlready, .inUse: .busy
    case .fewer, .notPutBack, .incomplete: .other
    }
  }
}

extension VirtualFunctionError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .host(let error): error.description
    case .binding(let error): error.description
    case .noSuchFunction(let address):
      "\(address): no such PCI function; `vgpu pci list` tells which there are"
    case .noSRIOV(let address):
      """
      \(address): can have no virtual functions (it has no sriov_totalvfs); take a GPU with SR-IOV and \
      a driver that supports it, see `vgpu doctor --for sriov`
      """
    case .isVirtual(let address, let physical):
      "\(address): is itself a virtual function, of \(physical); name that one"
    case .noHostDriver(let address, let driver):
      """
      \(address): \(driver.map { "driver \($0) has it for guests" } ?? "no driver has it"), and only the \
      GPU's own driver makes virtual functions; give it back to the host (vgpu pci restore \(address))
      """
    case .tooMany(let address, let wanted, let most):
      "\(address): \(wanted) virtual functions are too many; it can have 1 to \(most)"
    case .madeAlready(let address, let made, let free):
      """
      \(address): has \(made) virtual functions already, \(free) of them free, and the kernel makes them \
      only all at once; end the guests, remove them all (vgpu remove \(address)), and make as many as you \
      need (--count)
      """
    case .fewer(let address, let wanted, let made):
      """
      \(address): the driver made \(made) of \(wanted) virtual functions, which were removed again; ask \
      for \(made == 0 ? "fewer" : "\(made)"), or see the kernel log (dmesg)
      """
    case .notPutBack(let address, let cause, let remains):
      "\(cause); putting \(address) back failed too: \(remains)"
    case .noType(let id, let existing) where existing.isEmpty:
      """
      \(id.debugDescription): no GPU offers a type of vGPU now; `vgpu doctor` tells why, and NVIDIA's \
      virtual functions come by /usr/lib/nvidia/sriov-manage -e ADDRESS
      """
    case .noType(let id, let existing):
      """
      \(id.debugDescription): no GPU offers such a type of vGPU now (a full GPU offers none); there are \
      \(existing.list(limit: 8))
      """
    case .otherParent(let id, let named, let parents):
      "\(named): does not offer \(id) now; \(parents.list(limit: 8)) \(parents.count == 1 ? "does" : "do")"
    case .refused(let address, let type?, let error):
      "\(address): the driver does not make a \(type) of it: \(error)"
    case .refused(let address, nil, let error):
      "\(address): the driver does not take its type away: \(error)"
    case .incomplete(let address, let type):
      """
      \(address): the driver accepted \(type), but no node for it came in /dev/vfio, so the type was \
      taken away again; load nvidia-vgpu-vfio, and see the kernel log (dmesg)
      """
    case .noVGPU(let address):
      "\(address): is no vGPU; `vgpu list` tells which there are"
    case .inUse(let address, let processes):
      """
      \(address): in use by \
      \(processes.isEmpty ? "a process that does not show it (a container's)"
        : "process " + processes.map(String.init).list(limit: 8)); stop that guest or viewer first
      """
    }
  }
}

extension [String] {
  fileprivate func list(limit: Int) -> String {
    let shown = prefix(limit).joined(separator: ", ")
    return count > limit ? "\(shown) and \(count - limit) more" : shown
  }
}
