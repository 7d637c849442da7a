// SPDX-License-Identifier: Apache-2.0

package import HostDevices

/// What the helper does and does not do for a user to whom polkit has given one kind of change. A person at
/// root's prompt decides more.
extension HostChange {
  /// Carries the change out as the helper does.
  ///
  /// - Throws: `HostChangeError`; `HelperRefusal.beyondTheAction` for what needs root.
  package func carryOutForUser(
    on host: HostHardware = HostHardware()
  ) throws(HostChangeError) -> Outcome {
    guard isForHelper else {
      throw .helper(.beyondTheAction("it binds to VFIO drivers alone, and forces nothing"))
    }
    try checkNames(on: host)
    try checkKind(on: host)
    return try carryOut(on: host)
  }

  /// The functions that the change names exist. Reading sysfs takes no rights, so this is found before
  /// anybody is asked.
  func checkNames(on host: HostHardware) throws(HostChangeError) {
    switch self {
    case .bind(let addresses, _, _, _), .unbind(let addresses, _), .restore(let addresses?, _):
      for address in addresses where host.pciFunction(at: address) == nil {
        throw .binding(.noSuchFunction(address))
      }
    case .remove(.pci(let address), _):
      guard host.pciFunction(at: address) != nil else { throw .functions(.noSuchFunction(address)) }
    default: break
    }
  }

  /// "Make and remove virtual GPUs" is no right to a network card's virtual functions, and giving back is no
  /// way to take what the host uses by now.
  private func checkKind(on host: HostHardware) throws(HostChangeError) {
    switch self {
    case .createFunctions(_, let parent?, _):
      guard let address = PCIAddress(parent), isGPU(address, on: host) else {
        throw .helper(.beyondTheAction("\(parent) is no GPU"))
      }
    case .remove(.pci(let address), _):
      guard isGPU(address, on: host) else {
        throw .helper(.beyondTheAction("\(address) is no GPU, nor a part of one"))
      }
    case .restore(let addresses, _):
      for address in addresses ?? PCIBindings(host: host).remembered {
        guard let function = host.pciFunction(at: address),
          let use = host.uses(of: function).first
        else { continue }
        throw .binding(.inUse(address, use))
      }
    default: break
    }
  }

  private func isGPU(_ address: PCIAddress, on host: HostHardware) -> Bool {
    guard let function = host.pciFunction(at: address) else { return false }
    let whole = function.physicalFunction.flatMap(host.pciFunction(at:)) ?? function
    return function.classCode.isDisplay && whole.classCode.isDisplay
  }
}
