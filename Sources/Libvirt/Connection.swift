// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import CLinux
import LinuxSystem
import SafeText
import SystemPackage

/// libvirt's C library. It is loaded at the first use.
enum LibvirtLibrary {
  /// Why the library cannot be used; `nil` when it can.
  private static let problem: LibvirtError? = {
    var reason = [CChar](repeating: 0, count: 512)
    guard !vgpu_libvirt_load(&reason, reason.count) else { return nil }
    return .notInstalled(
      reason: PlainText.line(
        String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)))
  }()

  /// Loads the library, once for the process.
  ///
  /// - Throws: `LibvirtError.notInstalled`.
  static func load() throws(LibvirtError) {
    if let problem { throw problem }
  }
}

/// The connections that are used when the user names none.
public enum LibvirtURI {
  /// The user's own guests.
  public static let session = "qemu:///session"
  /// The machine's guests.
  public static let system = "qemu:///system"

  /// The connections to search for a domain, in this order; see `LibvirtDomain.open`.
  static var usersOwn: [String] {
    if let named = getenv("LIBVIRT_DEFAULT_URI").map({ String(cString: $0) }), !named.isEmpty {
      return [named]
    }
    return geteuid() == 0 ? [system] : [session, system]
  }

  /// Whether the guests of a connection are on this machine. They are when the URI names no host.
  public static func isLocal(_ uri: String) -> Bool {
    guard let colon = uri.firstIndex(of: ":") else { return false }
    let rest = uri[uri.index(after: colon)...]
    return rest.hasPrefix("///") || !rest.hasPrefix("//")
  }
}

/// An open connection to libvirt (virConnectPtr). It closes with the last reference.
///
/// `@unchecked Sendable`: any number of threads may use libvirt's objects at once (libvirt, "Thread
/// safety"). The pointer never changes, and is released once, after the last use.
final class Connection: @unchecked Sendable {
  let uri: String
  /// Why the connection is read-only, when the user wanted more; `nil` when the user may do everything.
  let refusal: LibvirtError?
  private let pointer: OpaquePointer

  private init(_ pointer: OpaquePointer, uri: String, refusal: LibvirtError? = nil) {
    self.pointer = pointer
    self.uri = uri
    self.refusal = refusal
  }

  deinit { _ = vgpu_virConnectClose(pointer) }

  /// Connects (virConnectOpen). When the user may not manage domains, it connects read-only
  /// (virConnectOpenReadOnly).
  ///
  /// - Throws: `LibvirtError.notInstalled`, `.daemonNotRunning`, `.noRights`, `.failed`.
  static func open(_ uri: String) throws(LibvirtError) -> Connection {
    try LibvirtLibrary.load()
    if let pointer = vgpu_virConnectOpen(uri) { return Connection(pointer, uri: uri) }
    let failure = LibvirtFailure.last("virConnectOpen")
    let error = error(failure, uri: uri)
    if case .noRights = error, let pointer = vgpu_virConnectOpenReadOnly(uri) {
      return Connection(pointer, uri: uri, refusal: error)
    }
    throw error
  }

  /// Connects only to read (virConnectOpenReadOnly): nobody is asked for a password.
  ///
  /// - Throws: as `open` does.
  static func openReadOnly(_ uri: String) throws(LibvirtError) -> Connection {
    try LibvirtLibrary.load()
    guard let pointer = vgpu_virConnectOpenReadOnly(uri) else {
      throw error(.last("virConnectOpenReadOnly"), uri: uri)
    }
    return Connection(pointer, uri: uri)
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

  /// Whether the connection was open at its last use (virConnectIsAlive). When the daemon ended
  /// after that, only the next call notices.
  var isAlive: Bool { vgpu_virConnectIsAlive(pointer) == 1 }

  /// The domain with this name, else with this UUID, running or not; `nil` when there is none
  /// (virDomainLookupByName, virDomainLookupByUUIDString).
  func domain(named name: String) throws(LibvirtError) -> Domain? {
    if let domain = vgpu_virDomainLookupByName(pointer, name) { return Domain(domain, of: self) }
    let failure = LibvirtFailure.last("virDomainLookupByName")
    guard failure.isOne(of: VIR_ERR_NO_DOMAIN) else { throw self.failure(failure) }
    return domain(uuid: name)
  }

  /// The domain with this UUID, running or not. A failure means no domain: a text that is no UUID is an
  /// invalid argument to libvirt (virDomainLookupByUUIDString).
  func domain(uuid: String) -> Domain? {
    vgpu_virDomainLookupByUUIDString(pointer, uuid).map { Domain($0, of: self) }
  }

  /// The names of all domains, running or not, sorted.
  func domainNames() throws(LibvirtError) -> [String] { try domains().map(\.name).sorted() }

  /// All domains, running or not (virConnectListAllDomains).
  func domains() throws(LibvirtError) -> [Domain] {
    var list: UnsafeMutablePointer<virDomainPtr?>?
    let count = vgpu_virConnectListAllDomains(pointer, &list, 0)
    guard count >= 0, let list else {
      throw failure(.last("virConnectListAllDomains"))
    }
    defer { free(list) }
    return (0..<Int(count)).compactMap { list[$0].map { Domain($0, of: self) } }
  }

  private func failure(_ failure: LibvirtFailure) -> LibvirtError {
    isAlive ? .failed(object: uri, failure) : .connectionLost(uri: uri, failure)
  }
}

/// libvirt's handle of a domain (virDomainPtr). It keeps its connection open.
///
/// `@unchecked Sendable`: for the same reason as `Connection`.
final class Domain: @unchecked Sendable {
  let connection: Connection
  private let pointer: OpaquePointer

  /// - Parameter pointer: the handle. This object owns it from now on.
  init(_ pointer: OpaquePointer, of connection: Connection) {
    self.pointer = pointer
    self.connection = connection
  }

  deinit { _ = vgpu_virDomainFree(pointer) }

  /// The domain's name, which the handle contains (virDomainGetName).
  var name: String { vgpu_virDomainGetName(pointer).map { String(cString: $0) } ?? "" }

  /// The domain's UUID, canonical and in lower case (virDomainGetUUIDString).
  var uuid: String {
    var text = [CChar](repeating: 0, count: Int(VIR_UUID_STRING_BUFLEN))
    guard vgpu_virDomainGetUUIDString(pointer, &text) == 0 else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The number of the domain's run when the handle was made (virDomainGetID); `nil` when it did not run.
  var run: UInt32? {
    let number = vgpu_virDomainGetID(pointer)
    return number == .max ? nil : number
  }

  // The following functions return `nil` for a failure. The reason is the thread's last error.

  /// Whether a process runs the domain (virDomainIsActive).
  func isActive() -> Bool? {
    let answer = vgpu_virDomainIsActive(pointer)
    return answer < 0 ? nil : answer == 1
  }

  /// The domain's state (virDomainGetState).
  func state() -> LibvirtDomainState? {
    var state: Int32 = 0
    guard vgpu_virDomainGetState(pointer, &state, nil, 0) == 0 else { return nil }
    return LibvirtDomainState(state)
  }

  /// The XML of the running domain, or of the domain as it would start when it does not run
  /// (virDomainGetXMLDesc).
  func xml() -> [UInt8]? { bytes(vgpu_virDomainGetXMLDesc(pointer, 0)) }

  /// Starts the domain (virDomainCreate).
  func create() -> Bool? { vgpu_virDomainCreate(pointer) == 0 ? true : nil }

  /// Has QEMU serve one of its displays on a new socket (virDomainOpenGraphicsFD).
  ///
  /// - Returns: this process's end of the socket.
  func openGraphics(_ index: UInt32) -> OwnedFileDescriptor? {
    let fd = vgpu_virDomainOpenGraphicsFD(pointer, index, 0)
    if fd < 0 { return nil }
    // libvirt does not promise that it is close-on-exec.
    let descriptor = OwnedFileDescriptor(owning: fd)
    try? descriptor.setCloseOnExec(of: "libvirt")
    return descriptor
  }

  /// Passes a QMP command to QEMU (virDomainQemuMonitorCommand).
  func execute(_ command: [UInt8]) -> [UInt8]? {
    var answer: UnsafeMutablePointer<CChar>?
    let code = (command + [0]).withUnsafeBytes { bytes in
      vgpu_virDomainQemuMonitorCommand(
        pointer, bytes.assumingMemoryBound(to: CChar.self).baseAddress, &answer, 0)
    }
    let result = bytes(answer)
    return code == 0 ? result : nil
  }

  /// Copies a string from libvirt and frees the original.
  private func bytes(_ text: UnsafeMutablePointer<CChar>?) -> [UInt8]? {
    guard let text else { return nil }
    defer { free(text) }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}
