// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
package import ErrorKinds
public import LinuxSystem
import SystemPackage

/// Why a bridge shows nothing. Each case's description is one line that names the object, the cause
/// and the remedy.
@nonexhaustive
public enum BridgeError: Error, Hashable, Sendable {
  /// Nobody serves the socket, or this user may not connect.
  case unreachable(SystemCallError)
  /// The bridge refuses, and gives the reason.
  case refused(path: String, Refusal, reason: String)
  /// The bridge has ended the connection, or is no bridge.
  case ended(path: String)
  /// The bridge does not answer.
  case silent(path: String)
  /// An answer of the bridge is malformed, or belongs to no question.
  case malformed(path: String, reason: String)
}

extension BridgeError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    // The socket of a bridge that has ended.
    case .unreachable(let error) where error.errno == .connectionRefused:
      ErrorClass(.notRunning, errno: error.errno.rawValue)
    case .unreachable(let error): error.errorClass
    case .refused(_, .notAllowed, _): .notPermitted
    case .refused(_, .noSuchVGPU, _): .notFound
    case .refused(_, .severalVGPUs, _): .ambiguous
    case .refused(_, .limit, _): .busy
    case .refused, .ended, .silent, .malformed: .other
    }
  }
}

extension BridgeError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .unreachable(let error):
      "\(error.advising(Self.remedy(error)))"
    case .refused(let path, .severalVGPUs, let reason):
      "bridge:\(path): \(reason) (bridge:\(path)/UUID; `vgpu list --bridge \(path)` lists them)"
    case .refused(let path, .notAllowed, let reason):
      "bridge:\(path): \(reason): ask its administrator to allow you (`--allow`)"
    case .refused(let path, _, let reason):
      "bridge:\(path): \(reason)"
    case .ended(let path):
      "bridge:\(path): the bridge has ended the connection"
    case .silent(let path):
      "bridge:\(path): the bridge does not answer: see whether its process is stopped"
    case .malformed(let path, let reason):
      "bridge:\(path): the bridge's answer is malformed (\(reason)): update vgpu at both ends"
    }
  }

  private static func remedy(_ error: SystemCallError) -> String? {
    switch error.errno {
    case .noSuchFileOrDirectory, .connectionRefused: "no bridge serves there: start `vgpu bridge`"
    case .permissionDenied:
      "you may not enter its folder or connect to it: ask the bridge's administrator for access"
    case .protocolWrongTypeForSocket: "another program serves there: give a bridge's socket"
    default: nil
    }
  }
}
