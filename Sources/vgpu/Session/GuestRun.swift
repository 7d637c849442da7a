// SPDX-License-Identifier: Apache-2.0

import Attachment
import HostDevices
import LinuxSystem
import QEMU
import QMP
import VFIO

/// A guest that this command has started, from its start to its end, or to the end of the watching.
@MainActor
final class GuestRun {
  let process: GuestProcess
  /// Its screen, where the host shows it.
  let vGPU: GuestVGPU?
  /// Where its QEMU serves QMP, the window's place first.
  private let sockets: [QMPSocket]
  private let log: GuestLog
  /// The device as it was handed to QEMU; `nil` where QEMU opened it, and once the source has it.
  private var device: OwnedFileDescriptor?
  private var isKilled = false

  /// Starts the guest, and waits until QEMU has its devices.
  ///
  /// - Parameter identity: what tells its files from other guests'.
  /// - Throws: why the guest does not run.
  init(
    _ configuration: GuestConfiguration, by launcher: GuestLauncher, on vGPU: GuestVGPU?,
    sockets: [QMPSocket], identity: String
  ) throws {
    for socket in sockets { try socket.prepare() }
    log = try GuestLog(identity)
    var guest = try launcher.start(configuration, log: log.descriptor.rawValue)
    process = guest.process
    device = guest.device.take()
    self.vGPU = vGPU
    self.sockets = sockets
    if vGPU != nil { try waitForDevice() }
    if vGPU == nil || configuration.pinning != nil { try waitForProcessors(configuration.pinning) }
    let screens =
      vGPU.map { "on vGPU \($0.device.uuid)" }
      ?? "without a window, as its screen is the GPU's own monitor"
    Self.say("the guest runs as pid:\(process.pid) \(screens); log: \(log.path)")
  }

  /// The guest's frames: by the launcher's own duplicate where there is one.
  ///
  /// - Returns: `nil` where it has no vGPU.
  func source(controlsMonitor: Bool = false) throws -> AttachedSource? {
    guard let vGPU else { return nil }
    guard let device = device.take() else {
      return try AttachedSource(
        .mdev(vGPU.device.uuid), waiting: true, controlsMonitor: controlsMonitor)
    }
    return try AttachedSource(
      keeping: device, of: vGPU.device, process: process.pid, controlsMonitor: controlsMonitor)
  }

  /// Whether the guest has ended.
  var hasEnded: Bool { process.end() != nil }

  /// Ends the guest at once.
  func kill() {
    isKilled = true
    process.kill()
    _ = process.waitForEnd()
  }

  /// What is left to do when nobody watches any more: a guest that runs goes on, after one that
  /// has ended is tidied up.
  ///
  /// - Throws: `Failure` when it did not end by itself.
  func finish() throws {
    guard let end = process.end() else {
      guard let vGPU else { return }
      let uuid = vGPU.device.uuid
      Self.say("the guest runs on; `vgpu view \(uuid)` shows it again")
      if vGPU.isMade { Self.say("when it has ended, `vgpu remove \(uuid)` removes its vGPU") }
      return
    }
    removeSockets()
    try vGPU?.remove()
    if !isKilled, let failure = failure(end) { throw failure }
  }

  private func removeSockets() {
    for socket in sockets { socket.remove() }
  }

  private func failure(_ end: GuestProcess.End) -> Failure? {
    switch end {
    case .exited(0), .unknown: nil
    case .exited(let code): Failure("QEMU ended with code \(code): \(log.tail)")
    case .killed(let signal): Failure("QEMU was ended by signal \(signal); log: \(log.path)")
    }
  }

  /// Until QEMU has the device, or has said why not and ended.
  private func waitForDevice() throws {
    for _ in 0..<300 {
      try checkEnd()
      if hasDevice { return }
      pause(seconds: 0.1)
    }
    throw Failure(
      "pid:\(process.pid): QEMU runs, but has not opened the vGPU in 30 s; log: \(log.path)")
  }

  /// Until QEMU answers, which it does when it has all its devices and its memory, or has said why
  /// not and ended; then its processors' threads are pinned.
  private func waitForProcessors(_ pinning: ProcessorPinning?) throws {
    // Large memory that is taken at the start takes its time.
    for _ in 0..<1200 {
      try checkEnd()
      if let threads = processorThreads() {
        do {
          for cpu in threads {
            // QEMU names them: another program's thread is not to be moved.
            guard FileTree.exists("/proc/\(process.pid)/task/\(cpu.thread)") else {
              throw Failure("QEMU names the thread \(cpu.thread), which is none of its own")
            }
            try pinning?.pin(thread: cpu.thread, index: cpu.index)
          }
        } catch {
          Self.say("warning: the guest's processors are not pinned: \(error)")
        }
        return
      }
      pause(seconds: 0.1)
    }
    throw Failure(
      "pid:\(process.pid): QEMU runs, but does not answer over QMP; log: \(log.path)")
  }

  /// `nil` where QEMU does not answer, or not yet. It lets go of QMP, which serves one at a time.
  private func processorThreads() -> [QueryCPUs.CPU]? {
    guard let path = sockets.last?.path else { return nil }
    return try? waiting {
      let client = try await QMPClient(path: path)
      let cpus = try? await client.execute(QueryCPUs())
      await client.close()
      return cpus
    }
  }

  private func checkEnd() throws {
    guard let end = process.end() else { return }
    removeSockets()
    throw failure(end) ?? Failure("QEMU ended at once: \(log.tail)")
  }

  private var hasDevice: Bool {
    do {
      guard let duplicate = try device?.duplicate(of: "vGPU") else {
        guard let vGPU else { return true }
        return HostHardware().users(of: vGPU.device.uuid).contains(process.pid)
      }
      // It says nothing of itself until QEMU has bound it.
      _ = try Device(owning: duplicate, name: "vGPU")
      return true
    } catch {
      return false
    }
  }

  nonisolated static func say(_ text: String) {
    StandardError.write("vgpu: \(text)")
  }
}
