// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// PipeWire with its session manager and its PulseAudio server, in a folder of its own and without any
/// device. It ends with its owner.
public final class SoundServer: Sendable {
  /// The packages of what it runs.
  public static let programs = ["pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec"]

  private let folder: String
  private let processes = Mutex<[String: Process]>([:])
  private let environment: [String: String]

  /// What libpulse connects to.
  public var address: String { "unix:\(folder)/pulse/native" }

  /// Starts it, with a sink that plays into nothing.
  public init(sink: String = "null") throws {
    // Unix sockets have short names.
    folder = "/tmp/sound-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    environment = ProcessInfo.processInfo.environment.merging([
      "XDG_RUNTIME_DIR": folder, "HOME": folder, "PULSE_SERVER": "unix:\(folder)/pulse/native",
      "DBUS_SESSION_BUS_ADDRESS": "unix:path=\(folder)/bus",
    ]) { $1 }
    try start("dbus-daemon", ["--session", "--nofork", "--address=unix:path=\(folder)/bus"])
    try wait { FileManager.default.fileExists(atPath: "\(folder)/bus") }
    try startServer()
    try addSink(sink)
  }

  deinit { end() }

  public func end() {
    let all = processes.withLock { processes in
      defer { processes = [:] }
      return processes.values
    }
    for process in all where process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func start(_ program: String, _ arguments: [String] = []) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.path(of: program) ?? "/none/\(program)")
    process.arguments = arguments
    process.environment = environment
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    processes.withLock { $0[program] = process }
  }

  private func wait(_ isSo: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      if try isSo() { return }
      usleep(10_000)
    }
    throw Missing(description: "the sound server does not start")
  }

  /// Starts PipeWire, its session manager and its PulseAudio server.
  public func startServer() throws {
    try start("pipewire")
    try wait { FileManager.default.fileExists(atPath: "\(folder)/pipewire-0") }
    try start("wireplumber")
    try start("pipewire-pulse")
    try wait { try pactl("info").code == 0 }
  }

  /// SIGKILL to all of the server.
  public func killServer() {
    for program in ["pipewire-pulse", "wireplumber", "pipewire"] {
      guard let process = processes.withLock({ $0.removeValue(forKey: program) }) else { continue }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(atPath: "\(folder)/pipewire-0")
  }

  /// Stops the server (SIGSTOP), or lets it go on.
  public func setStalled(_ isStalled: Bool) {
    for process in processes.withLock({ $0.values }) {
      kill(process.processIdentifier, isStalled ? SIGSTOP : SIGCONT)
    }
  }

  /// Runs pactl.
  @discardableResult
  public func pactl(_ words: String...) throws -> (code: Int32, text: String) {
    try Program.run(["timeout", "10", "pactl"] + words, environment: environment)
  }

  /// Makes a sink that plays into nothing.
  public func addSink(_ name: String, isDefault: Bool = true) throws {
    try pactl("load-module", "module-null-sink", "sink_name=\(name)", "rate=48000")
    try wait { try pactl("list", "short", "sinks").text.contains("\t\(name)\t") }
    guard isDefault else { return }
    try pactl("set-default-sink", name)
    try wait { try pactl("get-default-sink").text == "\(name)\n" }
  }

  public func removeSinks() throws { try pactl("unload-module", "module-null-sink") }

  /// Makes a source for microphones out of a sink's monitor, and the default one of it.
  public func makeMicrophone(of sink: String) throws {
    try pactl("set-default-source", "\(sink).monitor")
    try wait { try pactl("get-default-source").text == "\(sink).monitor\n" }
  }

  /// Begins to record the left channel of what a sink plays, at 48000 Hz.
  public func record(_ sink: String = "null") throws -> Recording {
    try Recording(environment, source: "\(sink).monitor")
  }

  /// Begins to play a sound to a sink, on both channels at 48000 Hz.
  public func play(_ samples: [Float], to sink: String) throws -> Playing {
    try Playing(environment, sink: sink, samples)
  }

  /// What is recorded, until it is ended.
  public final class Recording: Sendable {
    private let process = Process()
    private let output = Pipe()
    private let bytes = Mutex<[UInt8]>([])

    fileprivate init(_ environment: [String: String], source: String) throws {
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "parec", "-d", source, "--raw", "--format=float32le", "--channels=2", "--rate=48000",
        "--latency-msec=20",
      ]
      process.environment = environment
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      output.fileHandleForReading.readabilityHandler = { [weak self] file in
        let data = file.availableData
        if data.isEmpty { file.readabilityHandler = nil }
        self?.bytes.withLock { $0 += data }
      }
      try process.run()
    }

    deinit { end() }

    public func end() {
      guard process.isRunning else { return }
      // It would play to its end first.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    /// How many samples there are so far.
    public var count: Int { bytes.withLock(\.count) / 8 }

    private func samples(_ first: Int, _ count: Int) -> [Float] {
      bytes.withLock { bytes in
        bytes.withUnsafeBytes { raw in
          (first..<(first + count)).map {
            Float(bitPattern: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt32.self))
          }
        }
      }
    }

    /// The samples from now on, when there are so many.
    public func next(_ count: Int) async throws -> [Float] {
      let first = self.count
      try await eventually { self.count >= first + count }
      return samples(first, count)
    }

    /// The oldest samples, which go: of a long recording none is left out, and few are kept.
    public func take(_ count: Int) async throws -> [Float] {
      try await eventually { self.count >= count }
      defer { bytes.withLock { $0.removeFirst(count * 8) } }
      return samples(0, count)
    }

    /// Waits until there is half a second of the tone, with nothing beside it.
    public func untilTone() async throws {
      try await eventually {
        let samples = try await next(24000)
        return Tone.part(of: samples) > 0.95 && Tone.faults(in: samples, amplitude: 0.5).isEmpty
      }
    }
  }

  /// What plays a sound until it is ended.
  public final class Playing: Sendable {
    private let process = Process()

    fileprivate init(_ environment: [String: String], sink: String, _ samples: [Float]) throws {
      let file = "\(NSTemporaryDirectory())/played-\(UUID().uuidString.prefix(8))"
      try Data(
        samples.flatMap { sample in
          let bytes = withUnsafeBytes(of: sample.bitPattern.littleEndian) { Array($0) }
          return bytes + bytes
        }
      )
      .write(to: URL(fileURLWithPath: file))
      defer { try? FileManager.default.removeItem(atPath: file) }
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "pacat", "-d", sink, "--raw", "--format=float32le", "--channels=2", "--rate=48000",
      ]
      process.environment = environment
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
    }

    deinit { end() }

    public func end() {
      guard process.isRunning else { return }
      // It would play to its end first.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }
}
