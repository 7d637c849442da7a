// SPDX-License-Identifier: Apache-2.0

public import Attachment
import BridgeProtocol
package import ErrorKinds
import Guests
public import HostDevices
import LinuxSystem
import MonitorEDID
import VFIO

/// The vGPUs that a bridge shows: the named vGPUs, or all of the host's. Named guests without a vGPU are
/// shown by QEMU's own display.
public final class BridgeCatalogue {
  /// The vGPUs that were named.
  public struct Contents: Sendable {
    /// Guests whose processes have the device, or that QEMU itself shows; not the vGPUs of other bridges.
    public var targets: [Target]
    /// The vGPUs whose devices the bridge opens itself.
    public var opened: [MdevUUID]
    /// Devices that another program has handed over.
    public var handed: [HandedDevice]

    /// Makes contents from their parts; empty contents mean all vGPUs of the host.
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

    /// Whether nothing was named; then all vGPUs of the host are meant.
    public var isEmpty: Bool { targets.isEmpty && opened.isEmpty && handed.isEmpty }

    /// Whether the bridge looks into other processes; then it needs capabilities
    /// (`Privileges.Capability`).
    public var needsProcesses: Bool {
      isEmpty
        || targets.contains { target in
          switch target {
          case .demo, .qmp: false
          default: true
          }
        }
    }
  }

  private let rules: [AccessRule]
  private let starter: UInt32
  private let allowsResize: Bool
  private let host = HostHardware()
  private var named: [BridgedVGPU]?
  private var found: [MdevUUID: BridgedVGPU] = [:]

  /// Opens devices, takes over the devices that were handed over, and begins to look at each named
  /// vGPU, so that a defect of any of these is an error at the bridge's start.
  ///
  /// - Parameters:
  ///   - contents: the vGPUs; the catalogue owns the descriptors of handed devices from now on.
  ///   - rules: the users who may look, besides root and `starter`.
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
    // All devices are opened or taken over before the bridge looks at any guest.
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
      device.look(at: target)
      let vGPU = vGPU(target, device)
      if device.isShownByQEMU {
        // The display needs threads, which would keep the rights that the bridge gives up later. So it is
        // opened for the first client.
        all.append(vGPU)
        continue
      }
      do {
        vGPU.attach(to: try device.source(of: target, controlsMonitor: allowsResize))
      } catch {
        throw .attachment(error)
      }
      all.append(vGPU)
    }
    named = all
  }

  /// The vGPUs that exist now. A vGPU that has gone and come again is the same object.
  public func vGPUs() -> [BridgedVGPU] {
    if let named { return named }
    // When the host's vGPUs cannot be read, the bridge goes on with the known ones.
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
      identifier: uuid ?? device.domain ?? .random(), title: "\(target)",
      policy: AccessPolicy(allowed: Set(allowed + [.user(starter)])),
      source: { try device.source(of: target, controlsMonitor: allowsResize) },
      monitor: { allowsResize ? device.monitor : nil }, onOpen: { device.takeBack() })
  }
}

/// An open device that another program has left to this process.
public struct HandedDevice: Hashable, Sendable {
  /// The device's vGPU.
  public let vGPU: MdevUUID
  /// The descriptor's number in this process.
  public let descriptor: Int32

  /// Makes a handed device; the descriptor stays open until `BridgeCatalogue` takes it over.
  public init(vGPU: MdevUUID, descriptor: Int32) {
    self.vGPU = vGPU
    self.descriptor = descriptor
  }
}

/// Why a bridge cannot show a named vGPU.
@nonexhaustive
public enum BridgeCatalogueError: Error, Sendable {
  /// The guest or its device cannot be looked at.
  case attachment(AttachmentError)
  /// No driver of VFIO's has the vGPU, so there is nothing to open.
  case noDriver(MdevUUID)
}

extension BridgeCatalogueError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .attachment(let error): error.errorClass
    case .noDriver: .other
    }
  }
}

extension BridgeCatalogueError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .attachment(let error): "\(error)"
    case .noDriver(let uuid):
      "mdev:\(uuid): no VFIO driver is bound to it; remove the vGPU and create it again"
    }
  }
}

/// A vGPU's source: from the first look on, or from the bridge's start.
///
/// The bridge polls each source ten times a second. The bridge opens devices before it gives up
/// privileges, which a second thread would keep.
private final class BridgedDevice {
  private(set) var source: (any GuestScreen)?
  /// What was found of a guest that QEMU itself shows.
  private var facts: GuestFacts?
  /// The UUID of the guest's domain.
  private(set) var domain: MdevUUID?

  /// For a source that is made at the first look.
  init() {}

  /// Opens the device, by its own node when it has one, otherwise by its group.
  init(
    opening uuid: MdevUUID, controlsMonitor: Bool, on host: HostHardware
  ) throws(BridgeCatalogueError) {
    let vGPU = try Self.device(uuid, on: host)
    let device = try Self.open(vGPU)
    do {
      source = try AttachedSource(
        owning: device, of: vGPU, controlsMonitor: controlsMonitor, lettingGo: .inPolls,
        host: host)
    } catch {
      throw .attachment(error)
    }
  }

  /// Takes over an open device, and keeps only a descriptor that can look.
  init(
    _ handed: HandedDevice, controlsMonitor: Bool, on host: HostHardware
  ) throws(BridgeCatalogueError) {
    // The descriptor is owned from here on, so that an error closes it.
    let descriptor = OwnedFileDescriptor(owning: handed.descriptor)
    let vGPU = try Self.device(handed.vGPU, on: host)
    do throws(AttachmentError) {
      source = try AttachedSource(
        showing: try Self.adopt(descriptor), of: vGPU, controlsMonitor: controlsMonitor,
        lettingGo: .inPolls, host: host)
    } catch {
      throw .attachment(error)
    }
  }

  private static func device(
    _ uuid: MdevUUID, on host: HostHardware
  ) throws(BridgeCatalogueError) -> MdevDevice {
    do {
      return try host.vGPU(uuid)
    } catch {
      throw .attachment(error)
    }
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

  /// Finds out how a named guest is shown. A guest that cannot be looked at yet is taken for one with a
  /// vGPU.
  func look(at target: Target) {
    switch target {
    case .pci, .process, .libvirt, .qmp: break
    case .demo, .bridge, .mdev: return
    }
    var guest = Guest(target)
    guest.asksBridge = false
    guard source == nil, let facts = try? guest.look() else { return }
    domain = facts.domain.flatMap { MdevUUID($0.uuid) }
    // A vGPU that may not be looked at is an error at the bridge's start, not another picture.
    if facts.isShownByQEMU, facts.vGPUObstacle == nil { self.facts = facts }
  }

  var isShownByQEMU: Bool { facts != nil }

  /// The source. When there is none yet, makes it for a target.
  func source(of target: Target, controlsMonitor: Bool) throws(AttachmentError) -> any GuestScreen {
    if let source { return source }
    let source: any GuestScreen =
      if let facts {
        try Guest(target).openScreen(facts, waiting: true, controlsSize: controlsMonitor)
      } else {
        try AttachedSource(
          target, waiting: true, controlsMonitor: controlsMonitor, lettingGo: .inPolls)
      }
    self.source = source
    return source
  }

  /// Takes QEMU's display back when another program has it.
  func takeBack() {
    // Two bridges, or a bridge and a window, must not take it from each other without a person's doing.
    guard let source, source.isTakenOver, takeBacks.take(.now) else { return }
    source.takeBack()
  }

  /// A client's opening is what a person does.
  private var takeBacks = TokenBucket(perSecond: 1, now: .now)

  /// The guest's monitor, when it can be exchanged.
  var monitor: BridgedVGPU.Monitor? {
    guard let sizing = source?.sizing, let limits = sizing.monitorLimits else { return nil }
    let maximum = limits.width.flatMap { width in
      limits.height.map { height in (width: width, height: height) }
    }
    return BridgedVGPU.Monitor(maximum: maximum) { width, height in
      let (edid, mode) = try EDID.nearest(to: DisplayMode(width: width, height: height))
      try sizing.plugIn(edid: edid.bytes, size: (mode.width, mode.height))
    }
  }
}
