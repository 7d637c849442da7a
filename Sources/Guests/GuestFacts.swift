// SPDX-License-Identifier: Apache-2.0

public import Attachment
public import BridgeClient
import BridgeProtocol
public import GuestControl
public import HostDevices
public import Libvirt
import LinuxSystem
import QMP

/// What is known of a guest: what the user names, and, where it was looked at, where its process, its
/// sockets, its domain and its vGPUs are.
///
/// A look opens no device and no QMP socket, and sends nothing to the guest: a device's descriptor is
/// duplicated for a moment, libvirt and a bridge are asked what they list.
public struct GuestFacts: Sendable {
  /// What kind of thing the target names.
  @nonexhaustive
  public enum Kind: String, Hashable, Codable, Sendable {
    /// A mediated device, whichever process has it.
    case vGPU = "vgpu"
    /// A process.
    case process
    /// A domain of libvirt's.
    case domain
    /// A vGPU that a bridge shows.
    case bridge
    /// The synthetic guest.
    case synthetic
  }

  /// A domain of libvirt's.
  public struct Domain: Hashable, Sendable {
    /// Its name.
    public let name: String
    /// Its UUID.
    public let uuid: String
    /// The connection that knows it.
    public let uri: String
    /// What it does.
    public let state: LibvirtDomainState
    /// The host's devices that its XML assigns to it.
    public let devices: [AssignedDevice]
  }

  /// What the target is.
  public let target: Target
  /// Where QEMU serves QMP, as the user has named it.
  public let namedSocket: String?
  /// Why this user cannot connect to that socket, where the guest was looked at; `nil` where he may.
  public internal(set) var namedSocketObstacle: QMPUnavailable?
  /// Whether the guest was looked at; what follows is empty and `nil` where it was not.
  public internal(set) var isLookedAt = false
  /// The processes that have the device open, or that were named: QEMU, and those beside it.
  public internal(set) var processes: [ProcessReport] = []
  /// Who has the device, and what that can show; or why that cannot be told.
  public internal(set) var device: Result<DeviceReport, AttachmentError>?
  /// Where QEMU's command line says that QMP is served; or why nowhere.
  public internal(set) var qmp: Result<QMPSockets, QMPUnavailable>?
  /// The vGPUs that are the guest's, in the order of its domain's XML.
  public internal(set) var vGPUs: [MdevDevice] = []
  /// The domain, where the target is one.
  public internal(set) var domain: Domain?
  /// What the bridge shows to this user, where the target is one.
  public internal(set) var bridge: BridgeListing?

  /// What the target's text tells.
  public init(_ target: Target, namedSocket: String? = nil) {
    self.target = target
    self.namedSocket = namedSocket
  }

  /// What kind of thing the target names.
  public var kind: Kind {
    switch target {
    case .mdev: .vGPU
    case .process: .process
    case .libvirt: .domain
    case .bridge: .bridge
    case .demo: .synthetic
    }
  }
}

extension GuestFacts {
  /// Looks at the guest. Blocks as long as libvirt or a bridge takes to answer.
  ///
  /// - Throws: `AttachmentError` where there is no such vGPU, process, domain or bridge.
  mutating func look(descriptor: Int32?, on host: HostHardware) throws(AttachmentError) {
    isLookedAt = true
    namedSocketObstacle = namedSocket.flatMap(QMPError.obstacle).map { .socket($0) }
    switch target {
    case .demo: return
    case .bridge(let path, _):
      do {
        bridge = try BridgeListing(path: path)
      } catch {
        throw .bridge(error)
      }
      return
    case .process(let pid): processes = [try Self.report(pid)]
    case .mdev(let uuid):
      guard let vGPU = host.device(uuid) else {
        throw .noSuchVGPU(uuid, existing: (try? host.devices().map(\.uuid)) ?? [])
      }
      vGPUs = [vGPU]
      processes = host.users(of: uuid).compactMap { try? Self.report($0) }
    case .libvirt(let name, let daemon):
      let domain: Domain
      do {
        domain = try Domain(name: name, uri: daemon?.uri)
      } catch {
        throw .libvirt(error)
      }
      self.domain = domain
      vGPUs = domain.devices.compactMap { device in
        if case .mdev(let uuid) = device { host.device(uuid) } else { nil }
      }
      processes = vGPUs.flatMap { host.users(of: $0.uuid) }.compactMap { try? Self.report($0) }
    }
    do throws(AttachmentError) {
      device = try DeviceReport(of: target, descriptor: descriptor, host: host).map { .success($0) }
    } catch {
      device = .failure(error)
    }
    if case .success(let device)? = device {
      if vGPUs.isEmpty, let vGPU = device.vGPU { vGPUs = [vGPU] }
      // The one that has the device is the guest's.
      let pid = device.process.pid
      processes.sort { ($0.pid == pid ? 0 : 1, $0.pid) < ($1.pid == pid ? 0 : 1, $1.pid) }
    }
    qmp = Self.sockets(of: processes.map(\.pid))
  }

  private static func report(_ pid: Int32) throws(AttachmentError) -> ProcessReport {
    guard let process = try? RunningProcess(pid), let report = ProcessReport(process) else {
      throw .noSuchProcess(pid)
    }
    return report
  }

  /// The first that names some; else what is wrong with the first that looks like a QEMU.
  private static func sockets(of pids: [Int32]) -> Result<QMPSockets, QMPUnavailable>? {
    var failure: QMPUnavailable?
    for pid in pids {
      guard let process = try? RunningProcess(pid) else { continue }
      do throws(QMPUnavailable) {
        return .success(try QMPSockets(of: process))
      } catch {
        if case .noSocket? = failure { failure = error }
        failure = failure ?? error
      }
    }
    return failure.map { .failure($0) }
  }
}

extension GuestFacts.Domain {
  fileprivate init(name: String, uri: String?) throws(LibvirtError) {
    let domain = try LibvirtDomain.open(name: name, uri: uri)
    self.init(
      name: domain.name, uuid: domain.uuid, uri: domain.uri, state: try domain.state(),
      devices: try domain.devices())
  }

  /// Whether a process runs it.
  var isRunning: Bool { state != .shutOff && state != .crashed }
}
