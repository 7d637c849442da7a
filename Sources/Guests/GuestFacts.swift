// SPDX-License-Identifier: Apache-2.0

public import Attachment
public import BridgeClient
import BridgeProtocol
import ErrorKinds
public import GuestAgent
public import GuestControl
public import HostDevices
public import Libvirt
import LinuxSystem
import QMP

/// The known facts about a guest: the user's target, and, after a look, the guest's process,
/// sockets, domain and vGPUs.
///
/// A look opens no device and no QMP socket, and sends nothing to the guest: it duplicates a
/// device's descriptor for a moment, and asks libvirt and a bridge what they list.
public struct GuestFacts: Sendable {
  /// What kind of thing the target names.
  @nonexhaustive
  public enum Kind: String, Hashable, Codable, Sendable {
    /// A mediated device or a PCI function, in any process that has it.
    case vGPU = "vgpu"
    /// A process.
    case process
    /// A domain of libvirt's.
    case domain
    /// A vGPU that a bridge shows.
    case bridge
    /// A QEMU, by its QMP socket.
    case qemu
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
    /// Whether it runs, and how it ended.
    public let state: LibvirtDomainState
    /// The host's devices that its XML assigns to it.
    public let devices: [AssignedDevice]
    /// Which of its `<graphics>` elements is QEMU's display on D-Bus for direct clients; `nil` when
    /// there is none.
    public internal(set) var displayIndex: UInt32?
    /// Its channel for the guest's agent (`com.redhat.spice.0`); `nil` when there is none.
    public internal(set) var agentChannel: LibvirtChannel?
    /// Whether that display has the guest's sound.
    public internal(set) var displayHasSound = false
    /// Why this user may only read what libvirt knows of it, and neither control it nor open its displays;
    /// `nil` when the user may.
    public internal(set) var refusal: LibvirtError?
  }

  /// What the target is.
  public let target: Target
  /// The path of QEMU's QMP socket, when the user has named it.
  public let namedSocket: String?
  /// Why this user cannot connect to that socket; `nil` when the user can, and before a look.
  public internal(set) var namedSocketObstacle: QMPUnavailable?
  /// The path of the socket to the agent's port, when the user has named it.
  public let namedAgent: String?
  /// Why this user cannot connect to that socket; `nil` when the user can, and before a look.
  public internal(set) var namedAgentObstacle: AgentUnavailable?
  /// Whether there was a look at the guest; without one, the properties below are empty or `nil`.
  public internal(set) var isLookedAt = false
  /// The processes that have the device open, or that the user named: QEMU, and those beside it.
  public internal(set) var processes: [ProcessReport] = []
  /// The process that has the device, and what the device can show; or why that cannot be told.
  public internal(set) var device: Result<DeviceReport, AttachmentError>?
  /// The QMP sockets in QEMU's command line; or why there is none.
  public internal(set) var qmp: Result<QMPSockets, QMPUnavailable>?
  /// Where QEMU's command line leads the agent's port, with the process; `nil` in it when there is no port.
  var agentPort: Result<(RunningProcess, AgentPort)?, QMPUnavailable>?
  /// The guest's mdevs, in the order of its domain's XML.
  public internal(set) var vGPUs: [MdevDevice] = []
  /// The guest's vGPUs that are PCI functions, in the order of its domain's XML.
  public internal(set) var pciVGPUs: [PCIVGPU] = []
  /// The domain, when the target is one.
  public internal(set) var domain: Domain?
  /// What the bridge shows to this user, when the target is a bridge.
  public internal(set) var bridge: BridgeListing?
  /// The machine's bridge, and what it shows to this user, which is `nil` when it is not there; `nil` as a
  /// whole when it was not asked, because the device may be looked at.
  var machineBridge: (bridge: MachineBridge, listing: Result<BridgeListing, BridgeError>?)?

  /// The facts that the target's text tells.
  public init(_ target: Target, namedSocket: String? = nil, namedAgent: String? = nil) {
    self.target = target
    self.namedSocket = namedSocket
    self.namedAgent = namedAgent
  }

  /// What kind of thing the target names.
  public var kind: Kind {
    switch target {
    case .mdev, .pci: .vGPU
    case .process: .process
    case .libvirt: .domain
    case .bridge: .bridge
    case .qmp: .qemu
    case .demo: .synthetic
    }
  }
}

extension GuestFacts {
  /// Looks at the guest. Blocks until libvirt or a bridge answers.
  ///
  /// - Parameter asksBridge: whether to ask the machine's bridge about a device that may not be looked at.
  /// - Throws: `AttachmentError` when there is no such vGPU, process, domain or bridge.
  mutating func look(
    descriptor: Int32?, asksBridge: Bool, on host: HostHardware
  ) throws(AttachmentError) {
    isLookedAt = true
    namedSocketObstacle = namedSocket.flatMap(QMPError.obstacle).map { .socket($0) }
    namedAgentObstacle = namedAgent.flatMap(AgentSocket.obstacle)
    switch target {
    case .demo: return
    case .qmp(let path):
      namedSocketObstacle = QMPError.obstacle(toConnectTo: path).map { .socket($0) }
      return
    case .bridge(let path, _):
      do {
        bridge = try BridgeListing(path: path)
      } catch {
        throw .bridge(error)
      }
      return
    case .process(let pid): processes = [try Self.report(pid)]
    case .mdev(let uuid):
      vGPUs = [try host.vGPU(uuid)]
      processes = host.users(of: uuid).compactMap { try? Self.report($0) }
    case .pci(let address):
      if case .pci(let vGPU) = try host.vGPU(.pci(address)) { pciVGPUs = [vGPU] }
      processes = host.users(of: address).compactMap { try? Self.report($0) }
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
      pciVGPUs = host.possibleVGPUs(among: domain.devices).compactMap { device in
        if case .pci(let address) = device { host.pciVGPU(at: address) } else { nil }
      }
      let names = vGPUs.map { .mdev($0.uuid) } + pciVGPUs.map { AssignedDevice.pci($0.address) }
      processes = names.flatMap(host.users(of:)).compactMap { try? Self.report($0) }
    }
    do throws(AttachmentError) {
      device = try DeviceReport(of: target, descriptor: descriptor, host: host).map { .success($0) }
    } catch {
      device = .failure(foreseen(error, on: host))
    }
    if case .success(let device)? = device {
      if vGPUs.isEmpty, pciVGPUs.isEmpty {
        switch device.identity {
        case .mdev(let vGPU)?: vGPUs = [vGPU]
        case .pci(let vGPU)?: pciVGPUs = [vGPU]
        case nil: break
        }
      }
      // The process that has the device is the guest's.
      let pid = device.process.pid
      processes.sort { ($0.pid == pid ? 0 : 1, $0.pid) < ($1.pid == pid ? 0 : 1, $1.pid) }
    }
    if asksBridge, case .failure(let error)? = device, error.mayBeAboutRights {
      let bridge = MachineBridge(of: host)
      // Where no process is known to have it, perhaps none has.
      if error.errorClass == .notPermitted || vGPUs.contains(where: { bridge.hasGuest($0.uuid) }) {
        machineBridge = (bridge, bridge.listing())
      }
    }
    qmp = Self.sockets(of: processes.map(\.pid))
    agentPort = Self.agentPort(of: processes.map(\.pid))
  }

  /// What will be when a domain runs that does not run yet: of its PCI functions, only NVIDIA's vGPUs have
  /// a screen for the host, and vfio-pci's have none.
  private func foreseen(_ error: AttachmentError, on host: HostHardware) -> AttachmentError {
    guard case .libvirt(.notRunning) = error, let domain, vGPUs.isEmpty,
      !pciVGPUs.contains(where: { $0.kind == .nvidia }),
      case .pci(let address)? = host.possibleVGPUs(among: domain.devices).first
    else { return error }
    return .function(address, .noDisplay(driver: nil))
  }

  private static func report(_ pid: Int32) throws(AttachmentError) -> ProcessReport {
    guard let process = try? RunningProcess(pid), let report = ProcessReport(process) else {
      throw .noSuchProcess(pid)
    }
    return report
  }

  /// The sockets of the first process that names some; without one, the defect of the first process
  /// that looks like QEMU.
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
      devices: try domain.devices(), displayIndex: try domain.displayIndex(),
      agentChannel: try domain.channel(named: GuestFacts.agentPortName),
      displayHasSound: try domain.displayHasSound(),
      refusal: domain.refusal)
  }

  /// Whether a process runs it.
  var isRunning: Bool { state != .shutOff && state != .crashed }
}
