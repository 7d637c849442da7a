// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A real QEMU that ends with its owner: a PC whose processor does nothing, unless it gets a
/// firmware, and which tells what its input devices are told (`input_event_*`).
public final class TestMachine: Sendable {
  /// The QEMUs that this machine has: the distribution's, and the rig's newer one.
  public static let programs: [String] = {
    let newer = rigPart("qemu").map { "\($0)/usr/bin/qemu-system-x86_64" }
    return [Program.path(of: "qemu-system-x86_64"), newer].compactMap { $0 }
  }()

  /// The newest QEMU that Debian has, for what only that can; `nil` when it is not prepared.
  public static let newest: String? = rigPart("newqemu").map { "\($0)/usr/bin/qemu-system-x86_64" }

  /// The folder of a part of the rig; `nil` when it is not prepared.
  public static func rigPart(_ name: String) -> String? {
    let rig = CLibraries.package.appendingPathComponent("Rig/prepare").path
    guard let answer = try? Program.run([rig, "--path", name]), answer.code == 0 else { return nil }
    return answer.text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// QEMU's arguments for the rig's Linux guest (Rig/README.md, "The input board"), which wants 192 MiB.
  ///
  /// - Parameter words: more arguments of the kernel's, which the guest gets.
  public static func linuxGuest(_ words: String...) throws -> [String] {
    let folder = try #require(rigPart("linux"), "Rig/prepare linux")
    let arguments = try String(contentsOfFile: "\(folder)/cmdline", encoding: .utf8)
    return [
      "-kernel", "\(folder)/vmlinuz", "-initrd", "\(folder)/initramfs", "-append",
      ([arguments.trimmingCharacters(in: .whitespacesAndNewlines)] + words).joined(separator: " "),
    ]
  }

  /// The QMP sockets.
  public let paths: [String]
  private let folder: String
  private let process = Process()
  private let ownsFolder: Bool

  /// The first QMP socket.
  public var path: String { paths[0] }
  public var pid: Int32 { process.processIdentifier }

  /// - Parameters:
  ///   - replacing: a machine that has ended, whose sockets this one has.
  ///   - sockets: how many QMP sockets there are.
  ///   - hasFirmware: whether it boots as a PC does, which costs processor time.
  public init(
    _ program: String? = nil, replacing old: TestMachine? = nil, sockets: Int = 1,
    hasFirmware: Bool = false, _ arguments: [String] = []
  ) throws {
    folder = old?.folder ?? "\(NSTemporaryDirectory())/qemu-\(UUID().uuidString.prefix(8))"
    ownsFolder = old == nil
    let folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Named like no other machine's, as they are bound by their names alone.
    let names = (0..<sockets).map { "\(URL(fileURLWithPath: folder).lastPathComponent)-\($0)" }
    paths = names.map { "\(folder)/\($0)" }
    try? FileManager.default.removeItem(atPath: "\(folder)/log")
    // Where the processor begins, and everywhere else, it is told to halt.
    try Data(repeating: 0xF4, count: 65536).write(to: URL(fileURLWithPath: "\(folder)/halt"))
    process.executableURL = URL(fileURLWithPath: program ?? Self.programs.first ?? "")
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.arguments =
      ["-M", "pc", "-m", "32", "-nodefaults", "-display", "none"]
      + (hasFirmware ? [] : ["-bios", "\(folder)/halt"])
      + ["-D", "\(folder)/log", "-trace", "input_event_*"]
      + names.flatMap { ["-qmp", "unix:\($0),server=on,wait=off"] } + arguments
    process.standardInput = FileHandle.nullDevice
    for path in paths { try? FileManager.default.removeItem(atPath: path) }
    try process.run()
    for _ in 0..<500 where !names.allSatisfy(isListening(on:)) {
      usleep(20_000)
    }
  }

  deinit {
    kill()
    if ownsFolder { try? FileManager.default.removeItem(atPath: folder) }
  }

  /// SIGKILL.
  public func kill() {
    guard process.isRunning else { return }
    signal(SIGKILL)
    process.waitUntilExit()
  }

  public func signal(_ number: Int32) { _ = Glibc.kill(process.processIdentifier, number) }

  /// Whether it has ended by itself.
  public var isRunning: Bool { process.isRunning }

  /// What the input devices were told so far, one a line: `key a 1`, `btn left 0`, `abs x 5`,
  /// `touch x 5`, `rel y -1`, `sync`.
  public var input: [String] {
    let log = try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)
    return (log ?? "").split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: { $0 == " " || $0 == "," })
      switch words.first {
      case "input_event_sync": return "sync"
      case "input_event_key_qcode" where words.count == 8: return "key \(words[5]) \(words[7])"
      case "input_event_btn" where words.count == 7: return "btn \(words[4]) \(words[6])"
      case "input_event_abs" where words.count == 7, "input_event_mtt" where words.count == 7:
        let kind = words[0] == "input_event_abs" ? "abs" : "touch"
        return "\(kind) \(words[4]) \(Int(words[6].dropFirst(2), radix: 16) ?? -1)"
      case "input_event_rel" where words.count == 7: return "rel \(words[4]) \(words[6])"
      default: return nil
      }
    }
  }
}
