// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import CLinux
import SafeText
import SystemPackage

/// An open connection to libvirt (virConnectPtr), closed when its last user lets go of it.
///
/// `@unchecked Sendable`: libvirt's objects may be used from any threads at once (libvirt, "Thread
/// safety"); the pointer never changes, and is released once, when nobody is left to use it.
final class Connection: @unchecked Sendable {
  let uri: String
  private let pointer: OpaquePointer

  private init(_ pointer: OpaquePointer, uri: String) {
    self.pointer = pointer
    self.uri = uri
  }

  deinit { _ = vgpu_virConnectClose(pointer) }

  /// Connects; where the user may not manage domains, to look at them only (virConnectOpen,
  /// virConnectOpenReadOnly).
  ///
  /// - Throws: `LibvirtError.notInstalled`, `.daemonNotRunning`, `.noRights`, `.failed`.
  static func open(_ uri: String) throws(LibvirtError) -> Connection {
    try LibvirtLibrary.load()
    if let pointer = vgpu_virConnectOpen(uri) { return Connection(pointer, uri: uri) }
    let failure = LibvirtFailure.last("virConnectOpen")
    let error = error(failure, uri: uri)
    if case .noRights = error, let pointer = vgpu_virConnectOpenReadOnly(uri) {
      return Connection(pointer, uri: uri)
    }
    throw error
  }

  private static func error(_ failure: LibvirtFailure, uri: String) -> LibvirtError {
    let uri = PlainText.line(uri)
    switch failure.errno {
    case .permissionDenied, .notPermitted:
      return .noRights(uri: uri, failure)
    case .noSuchFileOrDirectory, .connectionRefused:
      return .daemonNotRunning(uri: uri, failure)
    default:
      break
    }
    if failure.isOne(
      of: VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_CANCELLED, VIR_ERR_AUTH_UNAVAILABLE,
      VIR_ERR_ACCESS_DENIED, VIR_ERR_OPERATION_DENIED)
    {
      return .noRights(uri: uri, failure)
    }
    return .failed(object: uri, failure)
  }

  /// Whether the connection was open at its last use; a daemon that has ended since is found by the
  /// next call only (virConnectIsAlive).
  var isAlive: Bool { vgpu_virConnectIsAlive(pointer) == 1 }

  /// The domain of this name or else UUID, running or not; `nil` when there is none
  /// (virDomainLookupByName, virDomainLookupByUUIDString).
  func domain(named name: String) throws(LibvirtError) -> Domain? {
    if let domain = vgpu_virDomainLookupByName(pointer, name) { return Domain(domain, of: self) }
    let failure = LibvirtFailure.last("virDomainLookupByName")
    guard failure.isOne(of: VIR_ERR_NO_DOMAIN) else { throw self.failure(failure) }
    // Only a UUID can be one: everything else is an invalid argument to libvirt.
    if let domain = vgpu_virDomainLookupByUUIDString(pointer, name) {
      return Domain(domain, of: self)
    }
    return nil
  }

  /// The names of all domains, running or not, sorted (virConnectListAllDomains).
  func domainNames() throws(LibvirtError) -> [String] {
    var list: UnsafeMutablePointer<virDomainPtr?>?
    let count = vgpu_virConnectListAllDomains(pointer, &list, 0)
    guard count >= 0, let list else {
      throw failure(.last("virConnectListAllDomains"))
    }
    defer { free(list) }
    return (0..<Int(count)).compactMap { list[$0].map { Domain($0, of: self).name } }.sorted()
  }

  private func failure(_ failure: LibvirtFailure) -> LibvirtError {
    isAlive ? .failed(object: uri, failure) : .connectionLost(uri: uri, failure)
  }
}
