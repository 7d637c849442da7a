// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `vgpu bridge` as a program, in a folder of its own. It ends with this object.
final class BridgeProgram {
  let folder = "/dev/shm/bridge-\(UUID().uuidString.prefix(8))"
  private let process = Process()

  init() throws {
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
  }

  deinit {
    if isRunning { kill(pid, SIGKILL) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  static let vgpu = CLibraries.command.path

  var socket: String { "\(folder)/socket" }
  var pid: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// Starts it, and waits until it serves.
  func start(_ targets: [String]) throws {
    process.executableURL = URL(fileURLWithPath: Self.vgpu)
    process.arguments = ["bridge"] + targets + ["--socket", socket]
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    while !isListening(on: socket) {
      try #require(isRunning)
      usleep(10_000)
    }
  }

  /// What `vgpu list` prints of it.
  func list() throws -> String {
    let answer = try Program.run([Self.vgpu, "list", "--bridge", socket])
    try #require(answer.code == 0, "\(answer.text)")
    return answer.text
  }

  /// What a client sees, by `vgpu screenshot`.
  ///
  /// - Parameters:
  ///   - identifier: which guest; `nil` for the only one.
  ///   - seconds: how long to wait for a picture.
  /// - Returns: the PNG file; `nil` when there is no picture, with what the command said.
  func screenshot(
    _ identifier: String? = nil, seconds: Int = 5
  ) throws -> (png: [UInt8]?, text: String) {
    let file = "\(folder)/shot.png"
    let target = "bridge:\(socket)\(identifier.map { "/\($0)" } ?? "")"
    let answer = try Program.run([
      Self.vgpu, "screenshot", target, file, "--timeout", "\(seconds)",
    ])
    let png = answer.code == 0 ? FileManager.default.contents(atPath: file) : nil
    return (png.map { [UInt8]($0) }, answer.text)
  }
}
