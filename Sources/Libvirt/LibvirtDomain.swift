// SPDX-License-Identifier: Apache-2.0

import CLibvirt
public import HostDevices
public import LinuxSystem
import SafeText
import Synchronization

/// A libvirt domain: a virtual machine that libvirt knows, running or not.
///
/// Every method asks libvirt's daemon and **blocks** until it answers: usually for a millisecond,
/// but without limit when the daemon or QEMU does not answer. So call no method on a thread that
/// draws, nor in a task. Several threads may call methods at once. A waiting call does not block
/// other calls, but libvirt itself sends a domain's QEMU one command after the other.
///
/// Each call uses the domain that has the name at that time: a domain that was undefined and
/// defined again, or whose daemon restarted, is found again. No method starts, stops or changes a
/// domain, except that `execute` carries out any command.
public final class LibvirtDomain: Sendable {
  /// The connection's URI, such as `qemu:///session`.
  public let uri: String
  /// The domain's name.
  public let name: String

  private let wanted: String
  private let known: Mutex<Known>

  private struct Known {
    /// The handle; `nil` when the domain must be looked up again.
    var domain: Domain?
    var uuid: String
  }

  /// Finds a domain.
  ///
  /// - Parameters:
  ///   - name: the domain's name, or its UUID when no domain has that name.
  ///   - uri: the connection (virConnectOpen); `nil` for the user's own connections: the URI in the
  ///     environment variable `LIBVIRT_DEFAULT_URI`, or else `qemu:///session` and then
  ///     `qemu:///system`. For root it is only `qemu:///system`, because a daemon that root starts
  ///     is the system's. When the session's daemon does not run, libvirt starts it, and the daemon
  ///     starts the domains that are marked for autostart.
  /// - Throws: `LibvirtError`.
  public static func open(name: String, uri: String?) throws(LibvirtError) -> LibvirtDomain {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw .malformed(object: "libvirt:", reason: "a domain's name is missing: give libvirt:NAME")
    }
    let uris = uri.map { [$0] } ?? LibvirtURI.usersOwn
    var searched: [LibvirtSearch] = []
    for uri in uris {
      do {
        let connection = try Connection.open(uri)
        if let domain = try connection.domain(named: name) {
          return LibvirtDomain(domain, wanted: name)
        }
        searched.append(
          LibvirtSearch(uri: uri, domains: try connection.domainNames(), problem: nil))
      } catch {
        // With several connections, the failure of one is only a detail of the final error.
        if case .notInstalled = error { throw error }
        if uris.count == 1 { throw error }
        searched.append(LibvirtSearch(uri: uri, domains: nil, problem: "\(error)"))
      }
    }
    throw .noSuchDomain(name, searched: searched)
  }

  /// The connections that are searched when the user names none.
  package static var usersOwnURIs: [String] { LibvirtURI.usersOwn }

  /// The names of a connection's domains, running or not, sorted. Connects read-only. With
  /// `LIBVIRT_AUTOSTART=0` in the environment, libvirt starts no daemon for it.
  ///
  /// - Throws: `LibvirtError`.
  package static func names(at uri: String) throws(LibvirtError) -> [String] {
    try Connection.openReadOnly(uri).domainNames()
  }

  private init(_ domain: Domain, wanted: String) {
    uri = domain.connection.uri
    name = domain.name
    self.wanted = wanted
    known = Mutex(Known(domain: domain, uuid: domain.uuid))
  }

  /// The domain's UUID, 8-4-4-4-12 hexadecimal digits in lower case. QEMU has the same UUID
  /// (`-uuid`). A domain that was defined again may have another.
  public var uuid: String { known.withLock(\.uuid) }

  /// Why this user may only read what libvirt knows, and neither control the domain nor open its displays;
  /// `nil` when the user may. It was found out when libvirt was connected to.
  public var refusal: LibvirtError? { known.withLock { $0.domain?.connection.refusal } }

  /// Whether a process runs the domain. A paused domain counts as running.
  ///
  /// - Throws: `LibvirtError`; `.noSuchDomain` when the domain is no longer defined.
  public func isRunning() throws(LibvirtError) -> Bool {
    try ask("virDomainIsActive", twice: true) { $0.isActive() }
  }

  /// The domain's state.
  ///
  /// - Throws: as `isRunning`.
  public func state() throws(LibvirtError) -> LibvirtDomainState {
    try ask("virDomainGetState", twice: true) { $0.state() }
  }

  /// The mediated devices and PCI functions that are assigned to the domain: first by `<hostdev>`
  /// elements, then by `<qemu:commandline>`, each in the order of the XML. They are the devices of
  /// the running domain, or the devices that it would start with when it does not run.
  ///
  /// - Throws: as `isRunning`; `.malformed` when libvirt's XML cannot be read.
  public func devices() throws(LibvirtError) -> [AssignedDevice] {
    try xml().devices
  }

  /// Finds a domain as `open` does, and checks that it runs.
  ///
  /// - Throws: `LibvirtError`; `.notRunning` when no process runs it.
  package static func openRunning(
    name: String, uri: String?
  ) throws(LibvirtError) -> LibvirtDomain {
    let domain = try open(name: name, uri: uri)
    guard try domain.isRunning() else { throw .notRunning(name: domain.name, uri: domain.uri) }
    return domain
  }

  /// The number of the run in which the domain was found (virDomainGetID): another start has another
  /// number. `nil` when it did not run.
  package var run: UInt32? { known.withLock { $0.domain?.run } }

  /// Which of the domain's displays is QEMU's display on D-Bus for direct clients
  /// (`<graphics type='dbus' p2p='yes'>`, since libvirt 8.4): its place among the `<graphics>` elements;
  /// `nil` when the domain has none.
  ///
  /// - Throws: as `devices()`.
  public func displayIndex() throws(LibvirtError) -> UInt32? { try xml().displayIndex }

  /// Whether that display has the guest's sound (`<audio type='dbus'>`, since libvirt 8.4).
  ///
  /// - Throws: as `devices()`.
  public func displayHasSound() throws(LibvirtError) -> Bool { try xml().displayHasSound }

  /// Whether the guest has a touch screen, which takes the display's touches: `virtio-multitouch-pci` in
  /// `<qemu:commandline>`.
  ///
  /// - Throws: as `devices()`.
  public func hasTouchScreen() throws(LibvirtError) -> Bool { try xml().hasTouchScreen }

  /// Becomes the control client of a display (virDomainOpenGraphicsFD).
  ///
  /// - Parameter index: from `displayIndex()`.
  /// - Returns: a socket whose other end QEMU has. The caller owns it.
  /// - Throws: `LibvirtError`; `.notRunning` when no process runs the domain; `.noRights` when the user
  ///   may only read.
  public func openGraphics(_ index: UInt32) throws(LibvirtError) -> OwnedFileDescriptor {
    let number = try ask("virDomainOpenGraphicsFD", twice: false) {
      $0.openGraphics(index)?.release()
    }
    return OwnedFileDescriptor(owning: number)
  }

  /// A virtio channel (`<channel type=…><target type='virtio' name=…/>`); `nil` when the domain has no such
  /// channel.
  ///
  /// - Parameter name: the name that the guest sees, such as `com.redhat.spice.0`.
  /// - Throws: as `devices()`.
  public func channel(named name: String) throws(LibvirtError) -> LibvirtChannel? {
    try xml().channels[name]
  }

  private func xml() throws(LibvirtError) -> DomainXML {
    let xml = try ask("virDomainGetXMLDesc", twice: true) { $0.xml() }
    do {
      return try DomainXML(xml)
    } catch {
      throw .malformed(
        object: "libvirt:\(PlainText.line(name))", reason: "the domain's XML: \(error)")
    }
  }

  /// The mediated devices among its `devices()`.
  ///
  /// - Throws: as `devices()`.
  public func mdevs() throws(LibvirtError) -> [MdevUUID] {
    try devices().compactMap { if case .mdev(let uuid) = $0 { uuid } else { nil } }
  }

  /// Lets QEMU carry out a QMP command (virDomainQemuMonitorCommand). libvirt notes in its log that
  /// the domain got a command that libvirt does not know.
  ///
  /// - Parameter json: one QMP command, such as `{"execute":"query-status"}`, without an `id`,
  ///   because libvirt adds the `id`.
  /// - Returns: QEMU's answer: `{"return":…,"id":…}`, or `{"error":…,"id":…}`.
  /// - Throws: `LibvirtError`; `.notRunning` when no process runs the domain; `.noRights` when the
  ///   user may only read; `.connectionLost` when it is unknown whether QEMU carried the command
  ///   out, because a command is never sent twice.
  public func execute(_ json: [UInt8]) throws(LibvirtError) -> [UInt8] {
    guard !json.contains(0) else {
      throw .malformed(object: "libvirt:\(PlainText.line(name))", reason: "a command with a NUL")
    }
    return try ask("virDomainQemuMonitorCommand", twice: false) { $0.execute(json) }
  }

  /// Calls libvirt with the domain's handle.
  ///
  /// - Parameter twice: whether `body` may run again on a new handle when the old handle's
  ///   connection or domain is gone.
  private func ask<Answer>(
    _ call: String, twice: Bool, _ body: (Domain) -> Answer?
  ) throws(LibvirtError) -> Answer {
    let domain = try current()
    if let answer = body(domain) { return answer }
    let failure = LibvirtFailure.last(call)
    let isLost = !domain.connection.isAlive
    if isLost || failure.isOne(of: VIR_ERR_NO_DOMAIN, VIR_ERR_INVALID_DOMAIN) {
      forget(domain)
      if twice { return try ask(call, twice: false, body) }
    }
    if isLost { throw .connectionLost(uri: uri, failure) }
    if failure.isOne(of: VIR_ERR_OPERATION_DENIED, VIR_ERR_ACCESS_DENIED) {
      throw .noRights(uri: uri, failure)
    }
    if failure.isOne(of: VIR_ERR_OPERATION_INVALID), domain.isActive() == false {
      throw .notRunning(name: name, uri: uri)
    }
    throw .failed(object: "libvirt:\(PlainText.line(name))", failure)
  }

  /// The domain's handle, from a new connection when the old handle was forgotten. It connects
  /// without the lock, because no thread may hold the lock while it waits for the daemon.
  private func current() throws(LibvirtError) -> Domain {
    if let domain = known.withLock(\.domain) { return domain }
    let connection = try Connection.open(uri)
    guard let domain = try connection.domain(named: wanted) else {
      throw .noSuchDomain(
        wanted,
        searched: [
          LibvirtSearch(uri: uri, domains: try connection.domainNames(), problem: nil)
        ])
    }
    let uuid = domain.uuid
    known.withLock { $0 = Known(domain: domain, uuid: uuid) }
    return domain
  }

  private func forget(_ domain: Domain) {
    known.withLock { if $0.domain === domain { $0.domain = nil } }
  }
}

/// The state of a domain (virDomainState).
@nonexhaustive
public enum LibvirtDomainState: Hashable, Sendable {
  /// It runs, or is blocked on a resource of the host.
  case running
  /// It is stopped, and can go on.
  case paused
  /// Its guest powers off, or was asked to.
  case shuttingDown
  /// No process runs it.
  case shutOff
  /// It crashed.
  case crashed
  /// Its guest sleeps.
  case suspended
  /// A state that this library does not know.
  case other(Int32)

  init(_ state: Int32) {
    switch virDomainState(rawValue: UInt32(bitPattern: state)) {
    case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED: self = .running
    case VIR_DOMAIN_PAUSED: self = .paused
    case VIR_DOMAIN_SHUTDOWN: self = .shuttingDown
    case VIR_DOMAIN_SHUTOFF: self = .shutOff
    case VIR_DOMAIN_CRASHED: self = .crashed
    case VIR_DOMAIN_PMSUSPENDED: self = .suspended
    default: self = .other(state)
    }
  }
}

/// A virtio channel of a domain.
public struct LibvirtChannel: Hashable, Sendable {
  /// Its kind, such as `unix` or `spicevmc`.
  public let kind: String
  /// The Unix socket at which the domain's QEMU listens; `nil` for other kinds, and while the domain does
  /// not run and libvirt has chosen none.
  public let path: String?

  /// Makes a channel of its parts.
  public init(kind: String, path: String? = nil) {
    self.kind = kind
    self.path = path
  }
}
