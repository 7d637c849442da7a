// SPDX-License-Identifier: Apache-2.0

package import HostDevices
import SafeText
import Synchronization

/// A domain as a list of all domains tells it.
package struct ListedDomain: Hashable, Sendable {
  /// Its name.
  package let name: String
  /// Its UUID, canonical and in lower case.
  package let uuid: String
  /// The connection that knows it.
  package let uri: String
  /// Whether it runs, and how it ended.
  package let state: LibvirtDomainState
  /// The host's devices that its XML assigns to it; none when the XML makes no sense.
  package let devices: [AssignedDevice]
  /// Which of its displays is QEMU's display on D-Bus for direct clients; `nil` when there is none.
  package let displayIndex: UInt32?

  /// Makes a domain from its parts.
  package init(
    name: String, uuid: String, uri: String, state: LibvirtDomainState,
    devices: [AssignedDevice] = [], displayIndex: UInt32? = nil
  ) {
    self.name = name
    self.uuid = uuid
    self.uri = uri
    self.state = state
    self.devices = devices
    self.displayIndex = displayIndex
  }
}

/// The domains of one libvirt connection, again and again, and their start. The connection stays open.
///
/// The list needs only the right to read, so nobody is asked for a password until a domain is started.
/// Every method **blocks** until libvirt's daemon answers.
package final class DomainListing: Sendable {
  /// The connection's URI.
  package let uri: String
  private let kept = Mutex<Connection?>(nil)

  /// Names a connection; nothing is opened yet.
  package init(uri: String) { self.uri = uri }

  /// All domains, running or not, by name. One that goes meanwhile is left out.
  ///
  /// - Throws: `LibvirtError`.
  package func domains() throws(LibvirtError) -> [ListedDomain] {
    let connection = try self.connection()
    let domains: [Domain]
    do {
      domains = try connection.domains()
    } catch {
      // Only a call notices that the daemon has gone.
      guard !connection.isAlive else { throw error }
      domains = try self.connection().domains()
    }
    return domains.compactMap(listed).sorted { ($0.name, $0.uuid) < ($1.name, $1.uuid) }
  }

  /// Starts a domain (virDomainCreate).
  ///
  /// - Parameter uuid: the domain's.
  /// - Throws: `LibvirtError`; `.noRights` when this user may only read.
  package func start(uuid: String) throws(LibvirtError) {
    let connection = try Connection.open(uri)
    if let refusal = connection.refusal { throw refusal }
    guard let domain = connection.domain(uuid: uuid) else {
      throw .noSuchDomain(uuid, searched: [])
    }
    guard domain.create() != nil else {
      throw .failed(
        object: "libvirt:\(PlainText.line(domain.name))", .last("virDomainCreate"))
    }
    // This one has its rights already.
    kept.withLock { $0 = connection }
  }

  private func connection() throws(LibvirtError) -> Connection {
    if let connection = kept.withLock(\.self), connection.isAlive { return connection }
    let connection = try Connection.openReadOnly(uri)
    kept.withLock { $0 = connection }
    return connection
  }

  private func listed(_ domain: Domain) -> ListedDomain? {
    guard let state = domain.state() else { return nil }
    let xml = domain.xml().flatMap { try? DomainXML($0) }
    return ListedDomain(
      name: domain.name, uuid: domain.uuid, uri: uri, state: state, devices: xml?.devices ?? [],
      displayIndex: xml?.displayIndex)
  }
}
