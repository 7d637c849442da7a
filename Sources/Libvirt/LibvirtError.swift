// SPDX-License-Identifier: Apache-2.0

import CLibvirt
package import ErrorKinds
public import HostDevices
import SafeText
public import SystemPackage

/// Why libvirt did not answer, or refused a request. Each case's description is one line that names
/// the object, the cause and the remedy.
@nonexhaustive
public enum LibvirtError: Error, Hashable, Sendable {
  /// libvirt's C library is not on this machine, or too old.
  case notInstalled(reason: String)
  /// No daemon answers at this URI.
  case daemonNotRunning(uri: String, LibvirtFailure)
  /// The daemon at this URI does not serve this user, or refuses this user's request.
  case noRights(uri: String, LibvirtFailure)
  /// No domain of any of these connections has this name or UUID.
  case noSuchDomain(String, searched: [LibvirtSearch])
  /// The domain exists, but no process runs it.
  case notRunning(name: String, uri: String)
  /// The connection's guests run on another machine. A guest's screen is only available there.
  case otherHost(uri: String)
  /// The domain's XML assigns it no mediated device.
  case noMediatedDevice(name: String, uri: String)
  /// The domain has no mediated device, but it has PCI functions. One of them may be its vGPU.
  case onlyFunctions([PCIAddress], name: String, uri: String)
  /// The daemon closed the connection, or ended. QEMU may have carried out a monitor command. The
  /// next call connects again.
  case connectionLost(uri: String, LibvirtFailure)
  /// A text from libvirt, or a text for libvirt, is not valid.
  case malformed(object: String, reason: String)
  /// libvirt refused.
  case failed(object: String, LibvirtFailure)
}

/// The result of searching one libvirt connection for a domain.
public struct LibvirtSearch: Hashable, Sendable {
  /// The connection's URI, such as `qemu:///system`.
  public let uri: String
  /// The names of its domains, running or not; `nil` when the connection did not answer.
  public let domains: [String]?
  /// Why the connection did not answer; `nil` when it answered.
  public let problem: String?
}

extension LibvirtError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .noSuchDomain: .notFound
    case .notRunning: .notRunning
    case .noRights: .notPermitted
    case .noMediatedDevice, .onlyFunctions: .noDisplay
    case .otherHost: .unsupported
    case .notInstalled, .daemonNotRunning, .connectionLost, .malformed, .failed: .other
    }
  }
}

extension LibvirtError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notInstalled(let reason):
      """
      libvirt: \(reason); install its client library (Debian: libvirt0, Fedora: libvirt-libs, \
      Arch: libvirt)
      """
    case .daemonNotRunning(let uri, let failure) where uri.contains("session"):
      """
      \(uri): libvirt's daemon does not answer (\(failure.message)); install it for this user's \
      guests (Debian: libvirt-daemon), or name a guest of the system as libvirt:system/NAME
      """
    case .daemonNotRunning(let uri, let failure):
      """
      \(uri): libvirt's daemon does not answer (\(failure.message)); start it (systemctl start \
      libvirtd, or virtqemud)
      """
    case .noRights(let uri, let failure) where uri.contains("session"):
      """
      \(uri): you may not use this libvirt (\(failure.message)); run as the user whose guests it \
      runs, with that user's XDG_RUNTIME_DIR
      """
    case .noRights(let uri, let failure):
      """
      \(uri): you may not use this libvirt (\(failure.message)); join its group (usermod -aG \
      libvirt USER, then log in again), or run as root
      """
    case .noSuchDomain(let name, let searched):
      """
      libvirt:\(PlainText.line(name)): \
      \(searched.contains { $0.domains != nil } ? "no such domain" : "the search failed"); \
      \(searched.map(\.description).joined(separator: "; "))
      """
    case .notRunning(let name, let uri):
      """
      libvirt:\(PlainText.line(name)): the domain is not running; start it (virsh -c \(uri) start \
      "\(PlainText.line(name))")
      """
    case .otherHost(let uri):
      """
      \(PlainText.line(uri)): its guests run on another machine; run vgpu there, or unset \
      LIBVIRT_DEFAULT_URI
      """
    case .noMediatedDevice(let name, let uri):
      """
      libvirt:\(PlainText.line(name)): the domain has no vGPU; give it a <hostdev \
      mode='subsystem' type='mdev' model='vfio-pci'> (virsh -c \(uri) edit \
      "\(PlainText.line(name))")
      """
    case .onlyFunctions(let functions, let name, _):
      """
      libvirt:\(PlainText.line(name)): the domain has no mediated device, but it has \
      \(functions.map(\.description).joined(separator: ", ")): if its vGPU is among these, view \
      its QEMU as pid:N
      """
    case .connectionLost(let uri, let failure):
      "\(uri): libvirt's daemon has gone (\(failure.message)); try again when it is back"
    case .malformed(let object, let reason):
      "\(object): \(reason)"
    case .failed(let object, let failure):
      "\(object): \(failure)"
    }
  }
}

extension LibvirtSearch: CustomStringConvertible {
  /// The domains of the connection, or the reason why they are not known.
  public var description: String {
    guard let domains else { return problem ?? "\(uri) did not answer" }
    if domains.isEmpty { return "\(uri) has none" }
    return "\(uri) has \(Self.list(domains))"
  }

  /// The first names of the list, because a host can have many domains.
  private static func list(_ names: [String]) -> String {
    let most = 8
    return names.prefix(most).map { PlainText.line($0) }.joined(separator: ", ")
      + (names.count > most ? ", …" : "")
  }
}

/// libvirt's error for a failed call (virError).
public struct LibvirtFailure: Error, Hashable, Sendable {
  /// The call, by its name in C.
  public let call: String
  /// libvirt's number of the error (virErrorNumber), such as 42 for a domain that does not exist.
  public let code: Int32
  /// The kernel's reason, when a system call failed.
  public let errno: Errno?
  /// libvirt's own words, in one line.
  public let message: String

  /// The calling thread's last error. Read it right after the failed call, because the thread's
  /// next libvirt call replaces it.
  static func last(_ call: String) -> LibvirtFailure {
    guard let error = vgpu_virGetLastError() else {
      return LibvirtFailure(call: call, code: 0, errno: nil, message: "failed without a reason")
    }
    let code = error.pointee.code
    // libvirt puts the errno of a failed system call into `int1`.
    let isSystemCall = code == Int32(VIR_ERR_SYSTEM_ERROR.rawValue) && error.pointee.int1 > 0
    return LibvirtFailure(
      call: call, code: code, errno: isSystemCall ? Errno(rawValue: error.pointee.int1) : nil,
      message: error.pointee.message.map { PlainText.line(String(cString: $0)) } ?? "error \(code)")
  }

  func isOne(of codes: virErrorNumber...) -> Bool {
    codes.contains { Int32($0.rawValue) == code }
  }
}

extension LibvirtFailure: CustomStringConvertible {
  /// The call and libvirt's words.
  public var description: String { "\(call): \(message)" }
}
