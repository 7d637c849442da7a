// SPDX-License-Identifier: Apache-2.0

public import Attachment
import BridgeProtocol
public import HostDevices
import LinuxSystem
import MonitorEDID
import VFIO

/// The vGPUs that a bridge shows: those that were named, or all of the host's.
public final class BridgeCatalogue {
  /// The vGPUs that were named.
  public struct Contents: Sendable {
    /// Guests whose processes have the device; no other bridge's vGPU.
    public var targets: [Target]
    /// Devices that the bridge opens itself.
    public var opened: [MdevUUID]
    /// Devices that were handed over.
    public var handed: [HandedDevice]

    /// Makes contents of their parts; without any, all vGPUs of the host are meant.
    public init(
      targets: [Target] = [], opened: [MdevUUID] = [], handed: [HandedDevice] = []
    ) {
      self.targets = targets
      self.opened = opened
      self.handed = handed
    }

    /// The named vGPUs that have a UUID.
    public var vGPUs: [MdevUUID] {
      targets.compactMap { if case .mdev(let uuid) = $0 { uuid } else { nil } } + opened
        + handed.map(\.vGPU)
    }

    /// Whether nothing was named, so that all of the host's are meant.
    public var isEmpty: Bool { targets.isEmpty && opened.isEmpty && handed.isEmpty }

    /// Whether the bridge looks into other processes, for which it needs `Privileges.Capability`s.
    public var needsProcesses: Bool { isEmpty || targets.contains { $0 != .demo } }
  }

  private let rules: [AccessRule]
  private let starter: UInt32
  private let allowsResize: Bool
  private let host = HostHardware()
  private var named: [BridgedVGPU]?
  private var found: [MdevUUID: BridgedVGPU] = [:]

  /// Opens the devices that are to be opened, takes over those that were handed over, and begins to
  /// look at each that was named, so that a defect of any of them is an error of the bridge's start.
  ///
  /// - Parameters:
  ///   - contents: the vGPUs; the descriptors of those handed over belong to the catalogue from now on.
  ///   - rules: who may look, besides root and `starter`.
  ///   - starter: the user who starts the bridge.
  ///   - allowsResize: whether clients may ask for another size of a guest's monitor.
  /// - Throws: `BridgeCatalogueError`.
  public init(
    _ contents: Contents, rules: [AccessRule], starter: UInt32, allowsResize: Bool
  ) throws(BridgeCatalogueError) {
    self.rules = rules
    self.starter = starter
    self.allowsResize = allowsResize
    guard !contents.isEmpty else { return }
    // Every device is there before any guest is looked at.
    var devices = contents.targets.map { (target: $0, device: BridgedDevice()) }
    for uuid in contents.opened {
      devices.append(
        (.mdev(uuid), try BridgedDevice(opening: uuid, controlsMonitor: allowsResize, on: host)))
    }
    for handed in contents.handed {
      devices.append(
        (.mdev(handed.vGPU), try BridgedDevice(handed, controlsMonitor: allowsResize, on: host)))
    }
    var all: [BridgedVGPU] = []
    for (target, device) in devices {
      let vGPU = vGPU(target, device)
      do {
        vGPU.attach(to: try device.source(of: target, controlsMonitor: allowsResize))
      } catch {
        throw .attachment(error)
      }
      all.append(vGPU)
    }
    named = all
  }

  /// The vGPUs that there are now. One that has gone and come again is the same object.
  public func vGPUs() -> [BridgedVGPU] {
    if let named { return named }
    // When the host cannot tell, the bridge goes on with the known ones.
    guard let devices = try? host.devices() else { return Array(found.values) }
    return devices.map { device in
      let vGPU = found[device.uuid] ?? vGPU(.mdev(device.uuid), BridgedDevice())
      found[device.uuid] = vGPU
      return vGPU
    }
  }

  private func vGPU(_ target: Target, _ device: BridgedDevice) -> BridgedVGPU {
    let uuid: MdevUUID? = if case .mdev(let uuid) = target { uuid } else { nil }
    let allowed = rules.filter { $0.concerns(uuid) }.map(\.principal)
    let allowsResize = allowsResize
    return BridgedVGPU(
      identifier: uuid ?? .random(), title: "\(target)",
      policy: AccessPolicy(allowed: Set(allowed + [.user(starter)])),
      source: { try device.source(of: target, controlsMonitor: allowsResize) },
      monitor: { allowsResize ? device.monitor : nil })
  }
}

/// An open device that another program has left to this process.
public struct HandedDevice: Hashable, Sendable {
  /// The device's vGPU.
  public let vGPU: MdevUUID
  /// The descriptor's number in this process.
  public let descriptor: Int32

  /// Makes one of its parts; the descriptor stays open until `BridgeCatalogue` takes it over.
  public init(vGPU: MdevUUID, descriptor: Int32) {
    self.vGPU = vGPU
    self.descriptor = descriptor
  }
}

/// Why a bridge cannot show a vGPU that was named.
public enum BridgeCatalogueError: Error, Sendable {
  /// The guest or its device cannot be looked at.
  case attachment(AttachmentError)
  /// No driver of VFIO's has the vGPU, so that there is nothing to open.
  case noDriver(MdevUUID)
}

extension BridgeCatalogueError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .attachment(let error): "\(error)"
    case .noDriver(let uuid): "mdev:\(uuid): no vfio driver has it; make the vGPU anew"
    }
  }
}

/// A vGPU's source: from the first look on, or from the bridge's start.
private final class BridgedDevice {
  private(set) var source: AttachedSource?

  /// The source is made at the first look.
  init() {}

  /// Opens the device, by its own node when it has one, else by its group.
  init(
    opening uuid: MdevUUID, controlsMonitor: Bool, on host: HostHardware
  ) throws(BridgeCatalogueError) {
    let vGPU = try Self.device(uuid, on: host)
    let device = try Self.open(vGPU)
    do {
      source = try AttachedSource(
        owning: device, of: vGPU, controlsMonitor: controlsMonitor, host: host)
    } catch {
      throw .attachment(error)
    }
  }

  /// Takes over an open device, and keeps only a descriptor that can look.
  init(
    _ handed: HandedDevice, controlsMonitor: Bool, on host: HostHardware
  ) throws(BridgeCatalogueError) {
    // Owned from here on, so that an error closes it.
    let descriptor = OwnedFileDescriptor(owning: handed.descriptor)
    let vGPU = try Self.device(handed.vGPU, on: host)
    do throws(AttachmentError) {
      source = try AttachedSource(
        showing: try Self.adopt(descriptor), of: vGPU, controlsMonitor: controlsMonitor, host: host)
    } catch {
      throw .attachment(error)
    }
  }

  private static func device(
    _ uuid: MdevUUID, on host: HostHardware
  ) throws(BridgeCatalogueError) -> MdevDevice {
    if let vGPU = host.device(uuid) { return vGPU }
    let existing: [MdevUUID]
    do {
      existing = try host.devices().map(\.uuid)
    } catch {
      throw .attachment(.host(error))
    }
    throw .attachment(.noSuchVGPU(uuid, existing: existing))
  }

  private static func open(_ vGPU: MdevDevice) throws(BridgeCatalogueError) -> OwnedDevice {
    do throws(VFIOError) {
      if let node = vGPU.deviceNode { return try OwnedDevice(cdev: node) }
      if let group = vGPU.iommuGroup {
        return try OwnedDevice(named: "\(vGPU.uuid)", inGroup: group)
      }
    } catch {
      throw .attachment(.vfio(error))
    }
    throw .noDriver(vGPU.uuid)
  }

  private static func adopt(
    _ descriptor: consuming OwnedFileDescriptor
  ) throws(AttachmentError) -> Device {
    let name = "descriptor \(descriptor.rawValue)"
    do {
      return try Device(owning: descriptor, name: name)
    } catch {
      throw .vfio(error)
    }
  }

  /// The source; without one yet, makes it for a target.
  func source(of target: Target, controlsMonitor: Bool) throws(AttachmentError) -> AttachedSource {
    if let source { return source }
    let source = try AttachedSource(target, waiting: true, controlsMonitor: controlsMonitor)
    self.source = source
    return source
  }

  /// The guest's monitor, when it can be exchanged.
  var monitor: BridgedVGPU.Monitor? {
    guard let source, let limits = source.monitorLimits else { return nil }
    let maximum = limits.width.flatMap { width in
      limits.height.map { height in (width: width, height: height) }
    }
    return BridgedVGPU.Monitor(maximum: maximum) { width, height in
      let (edid, mode) = try EDID.nearest(to: DisplayMode(width: width, height: height))
      try source.plugIn(edid: edid.bytes, size: (mode.width, mode.height))
    }
  }
}
