// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem
public import QMP
import SystemPackage

/// Why there is no QMP connection to a guest. Each case's description is one line for a person:
/// object, cause, remedy.
@nonexhaustive
public enum QMPUnavailable: Error, Hashable, Sendable {
  /// The place of the guest's QMP is not known.
  case unknown
  /// The process has ended.
  case ended(pid: Int32)
  /// The guest has powered off, and its QEMU has ended.
  case poweredOff
  /// The process's command line or a file of it cannot be read.
  case unreadable(SystemCallError)
  /// The process's command line names no QMP socket that a client can connect to.
  case noSocket(pid: Int32)
  /// The process's command line names a file, or a socket, relative to a folder that the process has
  /// left.
  case startedElsewhere(pid: Int32, path: String)
  /// libvirt holds the only QMP socket.
  case ownedByLibvirt(pid: Int32, domain: String?)
  /// Another client is connected to all of these sockets, or QEMU is stopped.
  case busy(paths: [String])
  /// The socket cannot be connected to, or the connection has ended.
  case socket(QMPError)
  /// Another reason, from a connector outside this library.
  case other(String)

  /// The reason why connecting to the socket at `path` failed.
  init(_ error: QMPError, path: String) {
    if case .timeout(_, nil, _) = error {
      self = .busy(paths: [path])
    } else {
      self = .socket(error)
    }
  }
}

extension QMPUnavailable {
  /// Whether QEMU seems to have ended.
  var isGone: Bool {
    switch self {
    case .ended, .poweredOff, .socket(.disconnected), .noSocket: true
    case .socket(.system(let error)):
      [.noSuchFileOrDirectory, .connectionRefused].contains(error.errno)
    default: false
    }
  }
}

extension QMPUnavailable: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .ended, .poweredOff: .notRunning
    case .unreadable(let error): error.errorClass
    case .busy: .busy
    case .socket(let error): error.errorClass
    case .unknown, .noSocket, .startedElsewhere, .ownedByLibvirt: .unsupported
    case .other: .other
    }
  }
}

extension QMPUnavailable: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .unknown:
      "the guest's QMP socket is not known: name it"
    case .ended(let pid):
      "process \(pid) has ended"
    case .poweredOff:
      "the guest has powered off"
    case .unreadable(let error):
      "\(error)"
    case .noSocket(let pid):
      "process \(pid) has no QMP socket: start QEMU with -qmp unix:PATH,server=on,wait=off"
    case .startedElsewhere(let pid, let path):
      """
      process \(pid): its command line names \(path), but the process's current folder has no such \
      file (-daemonize changes the folder): name the QMP socket with --qmp
      """
    case .ownedByLibvirt(let pid, let domain?):
      "process \(pid): its QMP belongs to libvirt: view it as libvirt:\(domain)"
    case .ownedByLibvirt(let pid, nil):
      "process \(pid): its QMP belongs to libvirt: view it as libvirt:NAME"
    case .busy(let paths):
      """
      \(paths.joined(separator: ", ")): another program uses QEMU's QMP, or QEMU is stopped: end \
      the other one, or give QEMU one more -qmp
      """
    case .socket(let error):
      "\(error)"
    case .other(let reason):
      reason
    }
  }
}
