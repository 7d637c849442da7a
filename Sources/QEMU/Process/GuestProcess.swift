// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
public import LinuxSystem
import Synchronization
import SystemPackage

/// A program that was started in a session of its own: neither Ctrl-C in this terminal nor the end
/// of this process ends it.
///
/// It is waited for and signalled by its pidfd: once it has ended, its number can be another
/// process's.
public final class GuestProcess: Sendable {
  /// The process, which nobody mistakes for another.
  public let running: RunningProcess
  /// The process's number, for a person or a file's name. It says nothing once the process has ended.
  public var pid: Int32 { running.pid }
  /// How it ended, which the kernel tells once.
  private let ending = Mutex<End?>(nil)

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
    let answer = vgpu_spawn(
      path, &strings, output, output, descriptors, descriptors.count, &pid)
    guard answer == 0 else {
      throw .system(
        SystemCallError(call: "posix_spawn", object: path, errno: Errno(rawValue: answer)))
    }
    // The number is the child's until it has been waited for, which only this does.
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
    /// By itself, with this exit code.
    case exited(Int32)
    /// By a signal.
    case killed(Int32)
    /// Nobody knows how: SIGCHLD is ignored, or another part of this program has waited for it.
    case unknown
  }

  /// waitid(2) without waiting: how it ended, or `nil` while it runs.
  public func end() -> End? {
    ending.withLock { end in
      if end == nil { end = wait(WNOHANG) }
      return end
    }
  }

  /// waitid(2): how it ended.
  public func waitForEnd() -> End {
    // Left to be waited for once more, so that nobody waits for it with the lock held.
    _ = wait(WNOWAIT)
    return end() ?? .unknown
  }

  /// pidfd_send_signal(2): ends it at once. Nothing happens when it has ended already.
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
