// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
import SystemPackage

/// Why a QMP command was not carried out. Each case's description is one line that names the
/// object, the cause and, if one is known, the remedy.
@nonexhaustive
public enum QMPError: Error, Hashable, Sendable {
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// QEMU answered with an error: its class, such as `CommandNotFound` or `GenericError`, and its
  /// own description.
  case refused(object: String, command: String, errorClass: String, reason: String)
  /// No answer in time; `command` is `nil` when the greeting did not come.
  case timeout(object: String, command: String?, after: Duration)
  /// The other side has closed the connection: QEMU has ended, or its QMP socket was removed.
  case disconnected(object: String)
  /// This side has closed the connection.
  case closed(object: String)
  /// What was received is no QMP, or not the answer that the command has.
  case malformed(object: String, reason: String)
  /// A message beyond the limit, which is in bytes.
  case tooLarge(object: String, limit: Int)
  /// The task that waited for the answer was cancelled. QEMU may have carried the command out.
  case cancelled(object: String, command: String?)
  /// Arguments that JSON cannot express, or a path that no socket can have.
  case invalid(object: String, reason: String)
}

extension QMPError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .system(let error):
      error.description
    case .refused(let object, let command, let errorClass, let reason):
      "\(object): \(command): QEMU refuses it: \(reason) (\(errorClass))"
    case .timeout(let object, nil, let time):
      """
      \(object): no greeting within \(time); a QMP socket serves one client at a time: end \
      the other one, or give QEMU one more -qmp
      """
    case .timeout(let object, let command?, let time):
      "\(object): \(command): no answer within \(time); is QEMU stopped or overloaded?"
    case .disconnected(let object):
      "\(object): QEMU has closed the connection: has it ended?"
    case .closed(let object):
      "\(object): the connection was closed here; make a new one"
    case .malformed(let object, let reason):
      "\(object): not QMP: \(reason)"
    case .tooLarge(let object, let limit):
      "\(object): a message of more than \(limit) bytes"
    case .cancelled(let object, let command):
      "\(object): \(command ?? "connecting"): cancelled"
    case .invalid(let object, let reason):
      "\(object): \(reason)"
    }
  }
}

extension SystemCallError {
  /// The error with the remedy that connect(2) has for it.
  var advisedForQMP: SystemCallError {
    let remedy: String? =
      switch errno {
      case .noSuchFileOrDirectory:
        "start QEMU with -qmp unix:\(object),server=on,wait=off"
      case .connectionRefused:
        "nothing listens there: has QEMU ended?"
      case .permissionDenied:
        "run as the user that QEMU runs as, or as root"
      default:
        nil
      }
    return advising(remedy)
  }
}

extension QMPError {
  /// Why this user cannot connect to a QMP socket, as far as its file tells; `nil` where he may.
  /// faccessat(2) with the effective ids, without a connection: QEMU serves one client at a time.
  ///
  /// - Parameter path: the socket's.
  public static func obstacle(toConnectTo path: String) -> QMPError? {
    guard faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 else { return nil }
    let error = SystemCallError(call: "faccessat", object: path, errno: Errno(rawValue: errno))
    return .system(error.advisedForQMP)
  }
}
