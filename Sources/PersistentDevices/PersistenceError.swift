// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import HostDevices
public import LinuxSystem

/// Why a vGPU or a driver does not survive the host's reboots, or still does. Each case's description
/// is one line that names the object, the cause and the remedy.
@nonexhaustive
public enum PersistenceError: Error, Hashable, Sendable {
  /// A program that keeps devices is not installed; `purpose` needs it.
  case notInstalled(program: String, purpose: String)
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// A program did not do its work, for a reason of its own.
  case failed(command: String, reason: String)
  /// A program's answer makes no sense; this command prints it.
  case malformed(program: String, command: String)
  /// The vGPU does not survive a reboot, and so cannot be started.
  case notPersistent(MdevUUID)
  /// The vGPU could not be made or removed.
  case host(HostDevicesError)
}

extension PersistenceError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .system(let error): error.errorClass
    case .host(let error): error.errorClass
    case .notPersistent: .notFound
    case .notInstalled, .failed, .malformed: .other
    }
  }
}

extension PersistenceError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .notInstalled(let program, let purpose):
      """
      \(program): not installed, and \(purpose) needs it; install it \
      (Debian: apt install \(program))
      """
    case .system(let error): error.description
    case .failed(let command, let reason): "\(command): \(reason)"
    case .malformed(let program, let command):
      "\(program): its list is not understood; see `\(command)`"
    case .notPersistent(let uuid):
      """
      \(uuid): no persistent vGPU; `vgpu list` shows which there are, `vgpu create --persist` makes \
      one
      """
    case .host(let error): error.description
    }
  }
}

extension SystemProgram {
  /// Runs it to its end.
  ///
  /// - Returns: what it printed.
  /// - Throws: `PersistenceError`: `system`, or `failed` with its own reason where it does not end with
  ///   code 0.
  func work(_ arguments: String...) throws(PersistenceError) -> [UInt8] {
    let outcome: Outcome
    do {
      outcome = try run(arguments)
    } catch {
      throw .system(error.advising(error.call == "posix_spawn" ? "install it anew" : nil))
    }
    guard outcome.end != .exited(0) else { return outcome.output }
    let lines = String(decoding: outcome.errors, as: UTF8.self).split(whereSeparator: \.isNewline)
      .map { $0.hasPrefix("Error: ") ? $0.dropFirst("Error: ".count) : $0 }
    let reason =
      switch outcome.end {
      case _ where !lines.isEmpty: lines.joined(separator: "; ")
      case .exited(let code): "ended with code \(code)"
      case .killed(let signal): "ended by signal \(signal)"
      }
    throw .failed(command: ([name] + arguments).joined(separator: " "), reason: reason)
  }
}
