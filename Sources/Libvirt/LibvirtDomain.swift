// SPDX-License-Identifier: Apache-2.0

import CLibvirt
public import HostDevices
import SafeText
import Synchronization

/// A domain of libvirt's: a virtual machine that libvirt knows, running or not.
///
/// Every method asks libvirt's daemon and **blocks** until it answers: for a millisecond as a rule,
/// but as long as it takes when the daemon or QEMU does not answer. So call none on a thread that
/// draws, nor in a task. They may be called on several threads at once; one that waits does not keep
/// the others waiting, though libvirt itself sends a domain's QEMU one command after the other.
///
/// The domain is the one that has the name at the time of the call: one that was undefined and
/// defined anew, or whose daemon was restarted, is found again. Nothing here starts, stops or
/// changes a domain, but what `execute` is told to.
public final class LibvirtDomain: Sendable {
  /// The connection's URI, such as `qemu:///session`.
  public let uri: String
  /// Its name.
  public let name: String

  private let wanted: String
  private let known: Mutex<Known>

  private struct Known {
    /// `nil` when it has to be looked for again.
    var domain: Domain?
    var uuid: String
  }

  /// Finds a domain.
  ///
  /// - Parameters:
  ///   - name: its name, or its UUID where no domain has that for a name.
  ///   - uri: the connection (virConnectOpen); `nil` for the user's own, which are those of the
  ///     environment variable `LIBVIRT_DEFAULT_URI`, or else `qemu:///session` and then
  ///     `qemu:///system`; for root only the latter, as a daemon that root starts is the system's.
  ///     libvirt starts a session's daemon that does not run, and that one starts the domains that
  ///     are marked for it.
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
        // Where there is another connection to ask, one that does not answer is a detail.
        if case .notInstalled = error { throw error }
        if uris.count == 1 { throw error }
        searched.append(LibvirtSearch(uri: uri, domains: nil, problem: "\(error)"))
      }
    }
    throw .noSuchDomain(name, searched: searched)
  }

  private init(_ domain: Domain, wanted: String) {
    uri = domain.connection.uri
    name = domain.name
    self.wanted = wanted
    known = Mutex(Known(domain: domain, uuid: domain.uuid))
  }

  /// Its UUID, 8-4-4-4-12 hexadecimal digits in lower case, as QEMU has it too (`-uuid`). A domain
  /// that was defined anew may have another.
  public var uuid: String { known.withLock(\.uuid) }

  /// Whether a process runs it: also while it is paused.
  ///
  /// - Throws: `LibvirtError`; `.noSuchDomain` where it is no longer defined.
  public func isRunning() throws(LibvirtError) -> Bool {
    try ask("virDomainIsActive", twice: true) { $0.isActive() }
  }

  /// What it does.
  ///
  /// - Throws: as `isRunning`.
  public func state() throws(LibvirtError) -> LibvirtDomainState {
    try ask("virDomainGetState", twice: true) { $0.state() }
  }

  /// The mediated devices and PCI functions that are assigned to it, by elements of its own and by
  /// `<qemu:commandline>`, in the order of its XML: those that it runs with, or, where it does not run,
  /// would be started with.
  ///
  /// - Throws: as `isRunning`; `.malformed` where libvirt's XML cannot be read.
  public func devices() throws(LibvirtError) -> [AssignedDevice] {
    let xml = try ask("virDomainGetXMLDesc", twice: true) { $0.xml() }
    do {
      return try DomainXML(xml).devices
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

  /// Has QEMU carry out a QMP command (virDomainQemuMonitorCommand). libvirt notes in its log that
  /// the domain was told something without its knowing what.
  ///
  /// - Parameter json: one QMP command, such as `{"execute":"query-status"}`, without an `id`, which
  ///   is libvirt's to give.
  /// - Returns: QEMU's answer: `{"return":…,"id":…}`, or `{"error":…,"id":…}`.
  /// - Throws: `LibvirtError`; `.notRunning` while no process runs it, `.noRights` where the user
  ///   may only look, `.connectionLost` where nobody can say whether the command was carried out:
  ///   it is never sent twice.
  public func execute(_ json: [UInt8]) throws(LibvirtError) -> [UInt8] {
    guard !json.contains(0) else {
      throw .malformed(object: "libvirt:\(PlainText.line(name))", reason: "a command with a NUL")
    }
    return try ask("virDomainQemuMonitorCommand", twice: false) { $0.execute(json) }
  }

  /// Calls libvirt with the domain's handle.
  ///
  /// - Parameter twice: whether it may be called again on a new handle, where the old one turns out
  ///   to be of a connection or a domain that is gone.
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

  /// The domain's handle; where it was forgotten, from a new connection. Not under the lock, which
  /// nobody may hold while the daemon is asked.
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

/// What a domain does (virDomainState).
@nonexhaustive
public enum LibvirtDomainState: Hashable, Sendable {
  /// It runs, or waits for its host.
  case running
  /// It is stopped, and can go on.
  case paused
  /// Its guest has been asked to power off, or does so.
  case shuttingDown
  /// No process runs it.
  case shutOff
  /// It ended by a fault.
  case crashed
  /// Its guest sleeps.
  case suspended
  /// Something that this library does not know.
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
