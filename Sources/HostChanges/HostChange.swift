// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import PersistentDevices

/// A change to the host's devices that takes root's rights: making and removing vGPUs, and binding PCI
/// functions to drivers.
@nonexhaustive
public enum HostChange: Hashable, Sendable {
  /// Makes a mediated device of this type on this parent (`HostHardware.create`); `nil` is the first parent
  /// that has an instance left. `kept` says when the host makes it from now on (mdevctl); `nil` is a device
  /// that is gone after the host's next start.
  case createMdev(
    type: String, parent: String? = nil, uuid: MdevUUID = .random(),
    kept: PersistentVGPU.Start? = nil)
  /// Makes vGPUs that are PCI functions (`HostHardware.createFunctions`).
  case createFunctions(type: String, parent: String? = nil, count: Int = 1)
  /// Starts a mediated device that mdevctl keeps (`PersistentVGPUs.start`).
  case start(MdevUUID)
  /// Removes a vGPU. `isKept` says that mdevctl shall forget it too.
  case remove(AssignedDevice, isKept: Bool = false)
  /// Binds PCI functions to a driver (`PCIBindings.bind`). `isKept` binds them at each boot too; when
  /// driverctl fails at that, they stay bound until then.
  case bind([PCIAddress], driver: String, isForced: Bool = false, isKept: Bool = false)
  /// Takes PCI functions from their drivers (`PCIBindings.unbind`).
  case unbind([PCIAddress], isForced: Bool = false)
  /// Gives PCI functions back (`PCIBindings.restore`); `nil` for all that were changed. `isKept` says that
  /// driverctl shall forget the named ones too.
  case restore([PCIAddress]?, isKept: Bool = false)

  /// What a change has done.
  public struct Outcome: Hashable, Sendable {
    /// The vGPUs that it made.
    public var made: [AssignedDevice] = []
    /// The functions that it bound or unbound.
    public var bindings: [PCIBinding] = []
  }

  /// Carries the change out, with this process's own rights.
  ///
  /// - Throws: `HostChangeError`. What was changed until then is put back, unless the description says
  ///   otherwise.
  public func carryOut(on host: HostHardware = HostHardware()) throws(HostChangeError) -> Outcome {
    do {
      return try work(on: host)
    } catch let error as HostDevicesError {
      throw .host(error)
    } catch let error as VirtualFunctionError {
      throw .functions(error)
    } catch let error as PCIBindingError {
      throw .binding(error)
    } catch let error as PersistenceError {
      throw .persistence(error)
    } catch {
      throw .helper(.malformed("\(error)"))
    }
  }

  private func work(on host: HostHardware) throws -> Outcome {
    switch self {
    case .createMdev(let type, let parent, let uuid, let kept):
      if let kept {
        _ = try PersistentVGPUs(on: host).create(
          type: type, parent: parent, uuid: uuid, start: kept)
      } else {
        _ = try host.create(type: type, parent: parent, uuid: uuid)
      }
      return Outcome(made: [.mdev(uuid)])
    case .createFunctions(let type, let parent, let count):
      let made = try host.createFunctions(type: type, parent: parent, count: count)
      return Outcome(made: made.map { .pci($0.address) })
    case .start(let uuid):
      try PersistentVGPUs(on: host).start(uuid)
    case .remove(.mdev(let uuid), let isKept):
      if isKept { try PersistentVGPUs(on: host).remove(uuid) } else { try host.remove(uuid) }
    case .remove(.pci(let address), _):
      try host.removeFunction(address)
    case .bind(let addresses, let driver, let isForced, let isKept):
      let persistent = isKept ? try PersistentBindings() : nil
      let bindings = try PCIBindings(host: host).bind(addresses, to: driver, isForced: isForced)
      for binding in bindings { try persistent?.keep(driver, of: binding.address) }
      return Outcome(bindings: bindings)
    case .unbind(let addresses, let isForced):
      let bindings = try PCIBindings(host: host).unbind(addresses, isForced: isForced)
      return Outcome(bindings: bindings)
    case .restore(let addresses, let isKept):
      let persistent = isKept ? try PersistentBindings() : nil
      let bindings = try PCIBindings(host: host).restore(addresses)
      for address in Set(bindings.map(\.address) + (addresses ?? [])).sorted() {
        try persistent?.forget(address)
      }
      return Outcome(bindings: bindings)
    }
    return Outcome()
  }

  /// Whether the helper knows such a change: it hands devices to guests and back, and forces nothing.
  var isForHelper: Bool {
    switch self {
    case .bind(_, let driver, let isForced, _): !isForced && PCIDriver.isForGuests(driver)
    case .unbind(_, let isForced): !isForced
    default: true
    }
  }

  /// Whether the host's files may give an ordinary user the right to it. Everything else writes where only
  /// root can: to the records of bindings, to the files of mdevctl and driverctl.
  func isPossibleForUsers(on host: HostHardware) -> Bool {
    switch self {
    case .createMdev(_, _, _, let kept): kept == nil
    case .createFunctions(let type, _, _): type != OfferedType.virtualFunction
    case .remove(.mdev, let isKept): !isKept
    case .remove(.pci(let address), _): host.pciVGPU(at: address)?.kind == .nvidia
    case .start, .bind, .unbind, .restore: false
    }
  }
}
