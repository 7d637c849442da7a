// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A program that was started in a session of its own: neither Ctrl-C in this terminal nor the end
/// of this process ends it.
public struct GuestProcess: Sendable {
  /// The process.
  public let pid: Int32

  /// posix_spawn(3): stdin from `/dev/null`, no signal blocked or ignored, and no descriptor but
  /// those named.
  ///
  /// - Parameters:
  ///   - path: the program's.
  ///   - arguments: without the program's name, which goes before them.
  ///   - output: a descriptor for its stdout and stderr, borrowed.
  ///   - descriptors: descriptors that it gets as 3 and so on, borrowed.
  /// - Throws: `QEMUError.system` when the program cannot be started.
  public init(
    _ path: String, _ arguments: [String], output: Int32, descriptors: [Int32]
  ) throws(QEMUError) {
    var pid: Int32 = 0
    var strings = ([path] + arguments).map { strdup($0) }
    strings.append(nil)
    defer { for string in strings { free(string) } }
    let answer = vgpu_spawn(path, &strings, output, descriptors, descriptors.count, &pid)
    guard answer == 0 else {
      throw .system(
        SystemCallError(call: "posix_spawn", object: path, errno: Errno(rawValue: answer)))
    }
    self.pid = pid
  }

  /// How a process ended.
  public enum End: Hashable, Sendable {
    /// By itself, with this exit code.
    case exited(Int32)
    /// By a signal.
    case killed(Int32)
  }

  /// waitpid(2) without waiting: how it ended, or `nil` while it runs.
  public func end() -> End? { wait(WNOHANG) }

  /// waitpid(2): how it ended.
  public func waitForEnd() -> End? { wait(0) }

  private func wait(_ options: Int32) -> End? {
    var status: Int32 = 0
    while true {
      let answer = waitpid(pid, &status, options)
      if answer == pid {
        return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(status & 0x7F)
      }
      if answer < 0, vgpu_last_errno() == EINTR { continue }
      return nil
    }
  }
}
