// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
public import LinuxSystem
import Synchronization
import SystemPackage

/// A program in a new session: neither Ctrl-C in this terminal nor the end of this process ends it.
///
/// Waiting and signals use the program's pidfd, because its number can belong to another process
/// after it ended.
public final class GuestProcess: Sendable {
  /// The process, identified by its pidfd.
  public let running: RunningProcess
  /// The process's number, for a person or a file's name. After the end of the process the number
  /// may belong to another one.
  public var pid: Int32 { running.pid }
  /// How the process ended. It is kept, because the kernel tells it only once.
  private let ending = Mutex<End?>(nil)

  /// Starts a program with posix_spawn(3). Its stdin is `/dev/null`, no signal is blocked or
  /// ignored, and it has only the named descriptors.
  ///
  /// - Parameters:
  ///   - path: the program's path.
  ///   - arguments: the arguments without the program's name. This function adds the name.
  ///   - output: a descriptor for its stdout and stderr, borrowed.
  ///   - descriptors: descriptors that the program gets under the numbers 3, 4 and so on, borrowed.
  /// - Throws: `QEMUError.system` when the program cannot be started.
  public init(
    _ path: String, _ arguments: [String], output: Int32, descriptors: [Int32]
  ) throws(QEMUError) {
    var pid: Int32 = 0
    var strings = ([path] + arguments).map { strdup($0) }
    strings.append(nil)
    defer { for string in strings { free(string) } }
    let answer = vgpu_spawn(
      path, &strings, output, output, descriptors, descriptors.count, 0, &pid)
    guard answer == 0 else {
      throw .system(
        SystemCallError(call: "posix_spawn", object: path, errno: Errno(rawValue: answer)))
    }
    // The number is the child's until a wait, and only this object waits.
    do {
      running = try RunningProcess(pid)
    } catch {
      CLinux.kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
      throw .system(
        error.advising("Linux 5.4 or newer is needed, and room for one more open file"))
    }
  }

  /// How a process ended.
  @nonexhaustive
  public enum End: Hashable, Sendable {
    /// The process exited with this code.
    case exited(Int32)
    /// A signal with this number ended the process.
    case killed(Int32)
    /// The reason is lost: SIGCHLD is ignored, or another part of this program waited for the
    /// process.
    case unknown
  }

  /// How the process ended; `nil` while it runs (waitid(2) with WNOHANG).
  public func end() -> End? {
    ending.withLock { end in
      if end == nil { end = wait(WNOHANG) }
      return end
    }
  }

  /// Waits for the end of the process (waitid(2)), and returns how it ended.
  public func waitForEnd() -> End {
    // WNOWAIT leaves the result for `end()`, so that no thread waits while it holds the lock.
    _ = wait(WNOWAIT)
    return end() ?? .unknown
  }

  /// Ends the process at once (pidfd_send_signal(2) with SIGKILL). It does nothing when the process
  /// has already ended.
  public func kill() { _ = vgpu_pidfd_send_signal(running.rawValue, SIGKILL) }

  private func wait(_ options: Int32) -> End? {
    var bySignal: Int32 = 0
    var status: Int32 = 0
    let answer = SystemCall.uninterrupted {
      vgpu_wait_for_end(running.rawValue, options, &bySignal, &status)
    }
    switch answer {
    case 0: return nil
    case 1...: return bySignal == 0 ? .exited(status) : .killed(status)
    default: return .unknown
    }
  }
}
