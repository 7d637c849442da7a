// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
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
  /// QEMU did not answer in time; `command` is `nil` when the greeting did not come.
  case timeout(object: String, command: String?, after: Duration)
  /// The other side has closed the connection: QEMU has ended, or its QMP socket was removed.
  case disconnected(object: String)
  /// This side has closed the connection.
  case closed(object: String)
  /// The received bytes are not QMP, or the answer does not have the command's response type.
  case malformed(object: String, reason: String)
  /// A message is longer than `limit` bytes.
  case tooLarge(object: String, limit: Int)
  /// The task that waited for the answer was cancelled. QEMU may have carried the command out.
  case cancelled(object: String, command: String?)
  /// JSON cannot express the arguments, or no socket can have the path.
  case invalid(object: String, reason: String)
}

extension QMPError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    // The socket of a QEMU that has ended.
    case .system(let error) where error.errno == .connectionRefused:
      ErrorClass(.notRunning, errno: error.errno.rawValue)
    case .system(let error): error.errorClass
    case .disconnected: .notRunning
    // A socket serves one client at a time, and greets it at once.
    case .timeout(_, nil, _): .busy
    case .refused, .timeout, .closed, .malformed, .tooLarge, .cancelled, .invalid: .other
    }
  }
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
  /// The error with the remedy for a failed connect(2).
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
  /// Why this user cannot connect to a QMP socket, as far as the socket's file tells; `nil` when
  /// the user may connect. It calls faccessat(2) with the effective ids and makes no connection,
  /// because QEMU serves one client at a time.
  ///
  /// - Parameter path: the socket's path.
  public static func obstacle(toConnectTo path: String) -> QMPError? {
    UnixSocket.obstacle(toConnectTo: path).map { .system($0.advisedForQMP) }
  }
}
