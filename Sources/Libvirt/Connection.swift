// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import CLinux
import SafeText
import SystemPackage

/// libvirt's C library, loaded when it is first asked for.
enum LibvirtLibrary {
  /// Why it cannot be used; `nil` when it can.
  private static let problem: LibvirtError? = {
    var reason = [CChar](repeating: 0, count: 512)
    guard !vgpu_libvirt_load(&reason, reason.count) else { return nil }
    return .notInstalled(
      reason: PlainText.line(
        String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)))
  }()

  /// Loads it, once in the life of the process.
  ///
  /// - Throws: `LibvirtError.notInstalled`.
  static func load() throws(LibvirtError) {
    if let problem { throw problem }
  }
}

/// The connections that a user has without naming one.
public enum LibvirtURI {
  /// The user's own guests.
  public static let session = "qemu:///session"
  /// The machine's guests.
  public static let system = "qemu:///system"

  /// Where a domain is looked for, in this order; see `LibvirtDomain.open`.
  static var usersOwn: [String] {
    if let named = getenv("LIBVIRT_DEFAULT_URI").map({ String(cString: $0) }), !named.isEmpty {
      return [named]
    }
    return geteuid() == 0 ? [system] : [session, system]
  }

  /// Whether the guests of a connection are on this machine: a URI that names no host.
  public static func isLocal(_ uri: String) -> Bool {
    guard let colon = uri.firstIndex(of: ":") else { return false }
    let rest = uri[uri.index(after: colon)...]
    return rest.hasPrefix("///") || !rest.hasPrefix("//")
  }
}

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

/// libvirt's handle of a domain (virDomainPtr), which keeps its connection open.
///
/// `@unchecked Sendable`: as `Connection`.
final class Domain: @unchecked Sendable {
  let connection: Connection
  private let pointer: OpaquePointer

  /// - Parameter pointer: owned from now on.
  init(_ pointer: OpaquePointer, of connection: Connection) {
    self.pointer = pointer
    self.connection = connection
  }

  deinit { _ = vgpu_virDomainFree(pointer) }

  /// Its name, which the handle has got with it (virDomainGetName).
  var name: String { vgpu_virDomainGetName(pointer).map { String(cString: $0) } ?? "" }

  /// Its UUID, canonical and in lower case (virDomainGetUUIDString).
  var uuid: String {
    var text = [CChar](repeating: 0, count: Int(VIR_UUID_STRING_BUFLEN))
    guard vgpu_virDomainGetUUIDString(pointer, &text) == 0 else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // Of what follows, `nil` is a failure; its reason is the thread's last error.

  /// Whether a process runs it (virDomainIsActive).
  func isActive() -> Bool? {
    let answer = vgpu_virDomainIsActive(pointer)
    return answer < 0 ? nil : answer == 1
  }

  /// virDomainGetState.
  func state() -> LibvirtDomainState? {
    var state: Int32 = 0
    guard vgpu_virDomainGetState(pointer, &state, nil, 0) == 0 else { return nil }
    return LibvirtDomainState(state)
  }

  /// The XML of what runs, or, where nothing runs, of what would be started (virDomainGetXMLDesc).
  func xml() -> [UInt8]? { bytes(vgpu_virDomainGetXMLDesc(pointer, 0)) }

  /// virDomainQemuMonitorCommand.
  func execute(_ command: [UInt8]) -> [UInt8]? {
    var answer: UnsafeMutablePointer<CChar>?
    let code = (command + [0]).withUnsafeBytes { bytes in
      vgpu_virDomainQemuMonitorCommand(
        pointer, bytes.assumingMemoryBound(to: CChar.self).baseAddress, &answer, 0)
    }
    let result = bytes(answer)
    return code == 0 ? result : nil
  }

  /// Takes a string over from libvirt.
  private func bytes(_ text: UnsafeMutablePointer<CChar>?) -> [UInt8]? {
    guard let text else { return nil }
    defer { free(text) }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}
