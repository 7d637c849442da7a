// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import SystemPackage

/// A program of the system's that does a part of this program's work, such as mdevctl(8).
public struct SystemProgram: Sendable {
  /// Its name, such as `mdevctl`.
  public let name: String
  /// Where it is.
  public let path: String

  /// Administrators' programs are not always in an ordinary user's `PATH`.
  private static let folders = [
    "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin",
  ]

  /// Looks for a program in the system's folders; `nil` when it is not installed.
  public init?(_ name: String) { self.init(name, in: Self.folders) }

  /// - Parameter folders: best first.
  package init?(_ name: String, in folders: [String]) {
    let paths = folders.lazy.map { "\($0)/\(name)" }
    guard let path = paths.first(where: { access($0, X_OK) == 0 }) else { return nil }
    self.name = name
    self.path = path
  }

  /// How a program ended, and what it printed.
  public struct Outcome: Hashable, Sendable {
    /// How a program ends.
    @nonexhaustive
    public enum End: Hashable, Sendable {
      /// By itself, with this exit code.
      case exited(Int32)
      /// By a signal.
      case killed(Int32)
    }

    /// How it ended.
    public let end: End
    /// What it wrote to its standard output.
    public let output: [UInt8]
    /// What it wrote to its standard error.
    public let errors: [UInt8]
  }

  /// Runs it to its end (posix_spawn(3), waitpid(2)), in a session of its own and with this process's
  /// environment; its standard input is `/dev/null`. The caller waits as long as that takes.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name, which goes before them.
  ///   - limit: how many bytes of either output are given; the rest is dropped.
  /// - Throws: `SystemCallError` when it cannot be started; ECHILD when this program ignores SIGCHLD,
  ///   and so nobody can tell how it ended.
  public func run(
    _ arguments: [String], limit: Int = 1 << 24
  ) throws(SystemCallError) -> Outcome {
    // Files and not pipes: whoever reads two pipes in turn can wait for ever.
    let output = try Self.memoryFile("\(name)'s output")
    let errors = try Self.memoryFile("\(name)'s errors")
    var strings = ([path] + arguments).map { strdup($0) }
    strings.append(nil)
    defer { for string in strings { free(string) } }
    var pid: Int32 = 0
    let code = vgpu_spawn(path, &strings, output.rawValue, errors.rawValue, nil, 0, &pid)
    guard code == 0 else {
      throw SystemCallError(call: "posix_spawn", object: path, errno: Errno(rawValue: code))
    }
    var status: Int32 = 0
    try SystemCall.make("waitpid", on: path) { vgpu_result(Int(waitpid(pid, &status, 0))) }
    // What WIFEXITED, WEXITSTATUS and WTERMSIG of wait(2) read.
    let signal = status & 0x7F
    return Outcome(
      end: signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal),
      output: try output.readAll(limit: limit, of: "\(name)'s output"),
      errors: try errors.readAll(limit: limit, of: "\(name)'s errors"))
  }

  private static func memoryFile(_ object: String) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("memfd_create", on: object) {
      RunningKernel().createMemoryFile("vgpu-program", flags: UInt32(MFD_CLOEXEC))
    }
    return OwnedFileDescriptor(owning: Int32(fd))
  }
}
