// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import SystemPackage

/// An installed program that does a part of this program's work, such as mdevctl(8).
public struct SystemProgram: Sendable {
  /// Its name, such as `mdevctl`.
  public let name: String
  /// Its path.
  public let path: String

  /// The system's folders, because an ordinary user's `PATH` may lack those of administrators'
  /// programs.
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

  /// The program in this file; `nil` when it cannot be started.
  package init?(at path: String) {
    guard access(path, X_OK) == 0 else { return nil }
    name = path.split(separator: "/").last.map(String.init) ?? path
    self.path = path
  }

  /// A program's end, and its output.
  public struct Outcome: Hashable, Sendable {
    /// How a program ends.
    @nonexhaustive
    public enum End: Hashable, Sendable {
      /// It exited, with this code.
      case exited(Int32)
      /// This signal ended it.
      case killed(Int32)
    }

    /// How it ended.
    public let end: End
    /// Its standard output.
    public let output: [UInt8]
    /// Its standard error.
    public let errors: [UInt8]
  }

  /// Runs the program to its end (posix_spawn(3), waitpid(2)), in a session of its own and with
  /// this process's environment; its standard input is `/dev/null`. The caller waits for the end.
  ///
  /// - Parameters:
  ///   - arguments: the arguments after the program's name.
  ///   - limit: the bytes of each output that are kept; the rest is dropped.
  /// - Throws: `SystemCallError` when the program cannot be started; ECHILD when this process
  ///   ignores SIGCHLD, because the kernel then keeps no exit code.
  public func run(
    _ arguments: [String], limit: Int = 1 << 24
  ) throws(SystemCallError) -> Outcome {
    try run(arguments, limit: limit, onTerminal: false)
  }

  /// - Parameter onTerminal: whether the program stays in this process's session, so that it may ask a
  ///   question on its terminal (`/dev/tty`) and gets what is typed to interrupt this process.
  package func run(
    _ arguments: [String], limit: Int, onTerminal: Bool
  ) throws(SystemCallError) -> Outcome {
    // Files and not pipes, because reading two pipes in turn can wait for ever.
    let output = try Self.memoryFile("\(name)'s output")
    let errors = try Self.memoryFile("\(name)'s errors")
    var strings = ([path] + arguments).map { strdup($0) }
    strings.append(nil)
    defer { for string in strings { free(string) } }
    var pid: Int32 = 0
    let code = vgpu_spawn(
      path, &strings, output.rawValue, errors.rawValue, nil, 0, onTerminal ? 1 : 0, &pid)
    guard code == 0 else {
      throw SystemCallError(call: "posix_spawn", object: path, errno: Errno(rawValue: code))
    }
    var status: Int32 = 0
    try SystemCall.make("waitpid", on: path) { vgpu_result(Int(waitpid(pid, &status, 0))) }
    // The bits that WIFEXITED, WEXITSTATUS and WTERMSIG of wait(2) read.
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
