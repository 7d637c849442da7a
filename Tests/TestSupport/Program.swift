// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A program that a test runs to its end.
public enum Program {
  /// Where a program is: in PATH, or where administrators' are; `nil` where it is not installed.
  public static func path(of name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"])
      .map { "\($0)/\(name)" }.first(where: FileManager.default.isExecutableFile(atPath:))
  }

  /// F_SETLEASE of linux/fcntl.h, which Glibc's module leaves out.
  private static let setLease: Int32 = 1024

  /// Writes a program of a test's own, a script, that can be run at once. A child that another test starts
  /// meanwhile may have inherited the file that is written, and Linux runs none that anybody has open for
  /// writing (ETXTBSY): so nobody has when this returns.
  public static func write(_ script: String, to path: String) throws {
    try Data(script.utf8).write(to: URL(fileURLWithPath: path))
    let file = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    guard file >= 0, fchmod(file, 0o755) == 0 else { throw POSIXError.last }
    // A lease for reading is refused as long as a writer has the file.
    while fcntl(file, setLease, F_RDLCK) != 0 {
      guard errno == EAGAIN else { throw POSIXError.last }
      usleep(1000)
    }
    _ = fcntl(file, setLease, F_UNLCK)
  }

  /// Runs a program found in PATH, or at a path.
  ///
  /// - Parameter environment: what is different from the test's own.
  /// - Returns: its exit code, and all that it wrote to standard output and error.
  public static func run(
    _ words: [String], environment: [String: String] = [:]
  ) throws -> (code: Int32, text: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}

extension POSIXError {
  fileprivate static var last: POSIXError { POSIXError(Code(rawValue: errno) ?? .EIO) }
}

extension Process {
  /// Starts it with no signal blocked. Threads of Swift's pool block all signals, and a child would inherit
  /// that: it could not be ended.
  public func runUnblocked() throws {
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try run()
  }
}
