// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// The kernel's descriptions of processes and of itself in `/proc`. Everybody may read these files.
public enum ProcFiles {
  /// A command line may have 2 MiB by default (execve(2)).
  private static let longestCommandLine = 2 << 20

  /// The processes that this process can see, by number.
  ///
  /// - Parameter proc: the folder where proc(5) is mounted.
  public static func processes(in proc: String = "/proc") -> [Int32] {
    ((try? FileTree.names(in: proc)) ?? []).compactMap { Int32($0) }.sorted()
  }

  /// A process's arguments, its program's name first: `/proc/PID/cmdline`. The process can put any
  /// text there.
  ///
  /// - Returns: none for a process that has ended while its parent has not waited for it. An
  ///   argument that is not UTF-8 is empty.
  /// - Throws: `SystemCallError` on the file; ENOENT or ESRCH when there is no such process.
  public static func arguments(
    of process: Int32, in proc: String = "/proc"
  ) throws(SystemCallError) -> [String] {
    let path = "\(proc)/\(process)/cmdline"
    let file = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
    return arguments(in: try file.readAll(limit: longestCommandLine, of: path))
  }

  /// The arguments in the bytes of a `cmdline` file: each ends with a zero.
  package static func arguments(in bytes: [UInt8]) -> [String] {
    var parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    return parts.map { String(validating: $0, as: UTF8.self) ?? "" }
  }

  /// A file as text, 64 KiB at most; `nil` when it cannot be read. Bytes that are not UTF-8 are
  /// replaced.
  ///
  /// - Parameter path: such as `/proc/sys/kernel/osrelease`.
  public static func text(_ path: String) -> String? {
    guard let file = try? OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK),
      let bytes = try? file.readAll(limit: 1 << 16, of: path)
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// The first two numbers of a kernel's release, which tell its age: `6.12` of
/// `6.12.117+deb12-amd64`.
public struct KernelVersion: Hashable, Comparable, Sendable {
  /// The first number.
  public let major: Int
  /// The second number.
  public let minor: Int

  /// Makes a version from its numbers.
  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// Reads a release, as `uname -r` prints it; `nil` when it does not begin with two numbers.
  public init?(release: String) {
    let parts = release.split(separator: ".", maxSplits: 2)
    guard parts.count >= 2, let major = Self.number(parts[0]), let minor = Self.number(parts[1])
    else { return nil }
    self.init(major, minor)
  }

  /// The running kernel's version, from `/proc/sys/kernel/osrelease`.
  public static var running: KernelVersion? {
    ProcFiles.text("/proc/sys/kernel/osrelease").flatMap(KernelVersion.init(release:))
  }

  private static func number(_ text: Substring) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    return digits.count <= 6 ? Int(digits) : nil
  }

  /// Whether one version is older than another.
  public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}

extension KernelVersion: CustomStringConvertible {
  /// Both numbers, with a dot between them.
  public var description: String { "\(major).\(minor)" }
}
