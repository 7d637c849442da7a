// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `vgpu`, as it was built with the tests, and what QEMU makes of what it prints.
enum Printed {
  /// Guests of every profile, by what is typed.
  static let guests: [String] = [
    "--memory 128M",
    "--profile virtio --no-gl --memory 128M --machine pc --windows --pci 00:14.0 --name a,b",
    "--vgpu i915-GVTg_V5_4 --memory 128M",
    "--vgpu 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 --memory 128M --machine pc --network none",
    "--profile igd --memory 128M",
    "--profile igd --memory 128M --machine q35 --hugepages --pin --cpus 1 --network tap",
    "--profile gpu --gpu 01:00 --pci 01:00.1 --memory 128M",
    "--profile gpu --gpu 01:00.0 --pci 01:00.1 --pci 00:14.0 --usb 046d:c52b --scsi /dev/sr0 "
      + "--memory 128M --windows --network tap:vgpu-test --hugepages 1G",
    "--profile gpu --gpu 01:00 --pci 05:00.1 --pci 05:00.2 --scsi /dev/sr0 --scsi /dev/sr1 "
      + "--no-x-vga --memory 128M --machine pc --firmware bios --no-hide-hypervisor",
    "--profile gpu --gpu 0001:0a:00.0 --vgpu i915-GVTg_V5_8 --memory 128M --windows --virtio",
  ]

  /// It lies beside the test bundle, or beside what runs that.
  static let vgpu: URL = {
    let places = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
    return places.flatMap { [$0, $0.deletingLastPathComponent()] }
      .map { $0.appendingPathComponent("vgpu") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
      ?? URL(fileURLWithPath: "/no/vgpu")
  }()

  /// Runs a program in a folder of the test's own.
  static func run(
    _ program: String, _ arguments: [String], in folder: URL, input: String = ""
  ) throws -> (code: Int32, output: String, errors: String) {
    let process = Process()
    let ends = (input: Pipe(), output: Pipe())
    let errors = folder.appendingPathComponent("errors-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging([
      "XDG_STATE_HOME": folder.path, "XDG_RUNTIME_DIR": folder.path,
    ]) { $1 }
    process.standardInput = ends.input
    process.standardOutput = ends.output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    ends.input.fileHandleForWriting.write(Data(input.utf8))
    try ends.input.fileHandleForWriting.close()
    let output = ends.output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: output, as: UTF8.self),
      try String(contentsOf: errors, encoding: .utf8)
    )
  }

  /// A folder of the test's own, gone after it.
  static func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    // Sockets lie in it, whose paths are short.
    let folder = URL(fileURLWithPath: "/tmp/vgpu-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// The words of the command that `vgpu run --print` prints, as a shell reads them.
  static func command(_ guest: String, _ program: String, in folder: URL) throws -> [String] {
    let words = guest.split(separator: " ").map(String.init)
    let printed = try run(
      vgpu.path, ["run", "--print", "--qemu", program] + words, in: folder)
    try #require(printed.code == 0, "\(guest): \(printed.errors)")
    let read = try run(
      "/bin/sh", ["-c", "set -- \(printed.output)\nprintf '%s\\n' \"$@\""], in: folder)
    return read.output.split(separator: "\n").map(String.init)
  }
}
