// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import QMP
import SystemPackage

/// Why a guest cannot be told anything. Each case's description is one line for a person: object,
/// cause, remedy.
@nonexhaustive
public enum QMPUnavailable: Error, Hashable, Sendable {
  /// Nobody has said where the guest's QMP is.
  case unknown
  /// There is no such process any more.
  case ended(pid: Int32)
  /// The process cannot be looked at.
  case unreadable(SystemCallError)
  /// The process's command line names no QMP socket that could be connected to.
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
  /// Another reason, of a connector outside this library.
  case other(String)

  /// What connecting to the socket at `path` has failed with.
  init(_ error: QMPError, path: String) {
    if case .timeout(_, nil, _) = error {
      self = .busy(paths: [path])
    } else {
      self = .socket(error)
    }
  }
}

extension QMPUnavailable {
  /// There is no QEMU any more, as far as can be seen.
  var isGone: Bool {
    switch self {
    case .ended, .socket(.disconnected), .noSocket: true
    case .socket(.system(let error)):
      [.noSuchFileOrDirectory, .connectionRefused].contains(error.errno)
    default: false
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
    case .unreadable(let error):
      "\(error)"
    case .noSocket(let pid):
      "process \(pid) has no QMP socket: start QEMU with -qmp unix:PATH,server=on,wait=off"
    case .startedElsewhere(let pid, let path):
      """
      process \(pid): its command line names \(path), which is not in the folder where the process is \
      now (-daemonize leaves the one it was started in): name the QMP socket with --qmp
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
