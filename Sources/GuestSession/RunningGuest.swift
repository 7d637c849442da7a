// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import LinuxSystem
public import QEMU
public import QMP
import Synchronization
import VFIO

/// A guest that was started, with all that belongs to it: its vGPU, its sockets, its log.
///
/// The guest runs in a session of its own, and runs on when the last reference to this object is gone.
/// To end the guest and put everything back, call `end`; after a guest that ended by itself, call
/// `cleanUp`. The object may be used from any thread.
public final class RunningGuest: Sendable {
  /// Whether the guest runs.
  @nonexhaustive
  public enum State: Hashable, Sendable {
    /// Its QEMU runs, whatever its system does.
    case running
    /// Its QEMU has ended.
    case ended(GuestProcess.End)
  }

  /// Its QEMU.
  public let process: GuestProcess
  /// What it is.
  public let configuration: GuestConfiguration
  /// Where its QEMU serves QMP.
  public let sockets: GuestSockets
  /// The file with all that its QEMU has said.
  public var logPath: String { log.path }
  /// Its screen that the host can show; `nil` for a guest with only a monitor of its own.
  public var vGPU: MdevDevice? { screen?.device }
  /// The vGPU was made for it, and goes with it.
  public var isVGPUMade: Bool { screen?.isMade ?? false }

  private let screen: StartedVGPU?
  private let log: GuestLog
  private let host: HostHardware
  /// The device as it was handed to QEMU; `nil` where QEMU opened it, and once somebody has it.
  private let device: Mutex<OwnedFileDescriptor?>
  /// This process has killed it, so that the signal is no failure.
  private let isKilled = Mutex(false)

  private init(
    _ configuration: GuestConfiguration, by launcher: GuestLauncher, on screen: StartedVGPU?,
    _ sockets: GuestSockets, log: consuming GuestLog, host: HostHardware
  ) throws(GuestError) {
    var guest: GuestLauncher.Guest
    do {
      guest = try launcher.start(configuration, log: log.descriptor.rawValue)
    } catch {
      throw .qemu(error)
    }
    process = guest.process
    device = Mutex(guest.device.take())
    self.configuration = configuration
    self.screen = screen
    self.sockets = sockets
    self.log = log
    self.host = host
  }

  // MARK: Start

  /// Starts a guest, and returns when its QEMU has its devices, which takes a second, or minutes
  /// where much memory is taken at once. A start that fails or is cancelled leaves nothing but its
  /// log: no process, no socket, no vGPU.
  ///
  /// - Parameters:
  ///   - plan: the guest.
  ///   - program: the QEMU that runs it.
  ///   - folders: where its files lie.
  ///   - host: whose devices it gets.
  ///   - onNotice: called with what a user should know, while it starts.
  /// - Throws: `GuestError`.
  public static func start(
    _ plan: GuestPlan, with program: QEMUProgram, in folders: GuestFolders,
    host: HostHardware = HostHardware(),
    onNotice: @Sendable (GuestNotice) -> Void = { _ in }
  ) async throws(GuestError) -> RunningGuest {
    let parts = try plan.parts(for: program, on: host, isHere: true, onNotice)
    var screen: StartedVGPU?
    if let vGPU = plan.vGPU { screen = try StartedVGPU(vGPU, on: host, onNotice) }
    do {
      return try await start(plan, parts, with: program, on: screen, folders, host, onNotice)
    } catch {
      // Why it cannot be removed matters less than why the guest does not run.
      try? screen?.remove()
      throw error
    }
  }

  private static func start(
    _ plan: GuestPlan, _ parts: GuestPlan.Parts, with program: QEMUProgram,
    on screen: StartedVGPU?, _ folders: GuestFolders, _ host: HostHardware,
    _ onNotice: @Sendable (GuestNotice) -> Void
  ) async throws(GuestError) -> RunningGuest {
    let identity = try plan.identity(screen?.device)
    let sockets = try GuestSockets(identity, in: folders)
    let configuration = try plan.configuration(
      parts, screen?.device, folders, sockets, onNotice)
    if let limit = LockedMemory.limit(below: configuration.memory) {
      onNotice(.lockedMemory(limitMebibytes: limit))
    }
    try sockets.prepare()
    let guest = try RunningGuest(
      configuration, by: GuestLauncher(program: program), on: screen, sockets,
      log: try GuestLog(identity, in: folders), host: host)
    do {
      try await guest.waitUntilReady(onNotice)
    } catch {
      guest.kill()
      guest.putBack()
      throw error
    }
    return guest
  }

  /// Until QEMU has its devices, or has said why not and ended.
  private func waitUntilReady(
    _ onNotice: @Sendable (GuestNotice) -> Void
  ) async throws(GuestError) {
    if screen != nil {
      try await wait(tenths: 300, for: "has not opened the vGPU in 30 s") { hasDevice }
    }
    guard screen == nil || configuration.pinning != nil else { return }
    // QEMU answers when it has all its devices and its memory, and large memory takes its time.
    var threads: [QueryCPUs.CPU] = []
    for _ in 0..<1200 {
      try checkEnd()
      if let answer = try? await execute(QueryCPUs()) {
        threads = answer
        break
      }
      try await Self.pause()
    }
    guard !threads.isEmpty else { throw tooLate("does not answer over QMP") }
    guard let pinning = configuration.pinning else { return }
    for cpu in threads {
      // QEMU names them: another program's thread is not to be moved.
      guard FileTree.exists("/proc/\(process.pid)/task/\(cpu.thread)") else {
        onNotice(.notPinned("QEMU names the thread \(cpu.thread), which is none of its own"))
        return
      }
      do {
        try pinning.pin(thread: cpu.thread, index: cpu.index)
      } catch {
        onNotice(.notPinned("\(error)"))
        return
      }
    }
  }

  private func wait(
    tenths: Int, for missing: String, until isThere: () -> Bool
  ) async throws(GuestError) {
    for _ in 0..<tenths {
      try checkEnd()
      if isThere() { return }
      try await Self.pause()
    }
    throw tooLate(missing)
  }

  private static func pause() async throws(GuestError) {
    do {
      try await Task.sleep(for: .milliseconds(100))
    } catch {
      throw .cancelled
    }
  }

  private func tooLate(_ missing: String) -> GuestError {
    .timeout(pid: process.pid, missing: missing, log: log.path)
  }

  private func checkEnd() throws(GuestError) {
    guard let end = process.end() else { return }
    throw .ended(end, lastWords: log.tail, log: log.path)
  }

  private var hasDevice: Bool {
    do {
      let duplicate = try device.withLock { try $0?.duplicate(of: "vGPU") }
      guard let duplicate else {
        guard let screen else { return true }
        return host.users(of: screen.device.uuid).contains(process.pid)
      }
      // It says nothing of itself until QEMU has bound it.
      _ = try Device(owning: duplicate, name: "vGPU")
      return true
    } catch {
      return false
    }
  }

  // MARK: While it runs

  /// Whether it runs.
  public var state: State { process.end().map { .ended($0) } ?? .running }

  /// The launcher's own duplicate of the vGPU's device, to look at its display with, for whoever
  /// asks first; `nil` where QEMU opened the device. The caller owns it and lets go of it when the
  /// guest ends: the kernel keeps a vGPU busy as long as anyone holds it.
  public func takeDevice() -> OwnedFileDescriptor? {
    device.withLock { $0.take() }
  }

  /// Carries out a QMP command over the socket for commands, of which QEMU serves one at a time.
  ///
  /// - Throws: `GuestError.qmp`.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command
  ) async throws(GuestError) -> Command.Response {
    do {
      let client = try await QMPClient(path: sockets.commands)
      let answer = await Self.result(of: command, client)
      await client.close()
      return try answer.get()
    } catch {
      throw .qmp(error)
    }
  }

  private static func result<Command: QMPCommand>(
    of command: Command, _ client: QMPClient
  ) async -> Result<Command.Response, QMPError> {
    do {
      return .success(try await client.execute(command))
    } catch {
      return .failure(error)
    }
  }

  // MARK: Its end

  /// Presses its power button. The guest's system decides what to do about it.
  ///
  /// - Throws: `GuestError.qmp`.
  public func powerDown() async throws(GuestError) { try await execute(SystemPowerdown()) }

  /// Kills its QEMU, and returns when that has ended. What the guest has not written to its disks is
  /// lost. Nothing happens where it has ended already.
  public func kill() {
    guard process.end() == nil else { return }
    isKilled.withLock { $0 = true }
    process.kill()
    _ = process.waitForEnd()
  }

  /// Waits until it has ended.
  ///
  /// - Throws: `GuestError.cancelled`.
  @discardableResult
  public func waitForEnd() async throws(GuestError) -> GuestProcess.End {
    while true {
      if let end = process.end() { return end }
      try await Self.pause()
    }
  }

  /// Ends it and puts back what was made for it: presses the power button, waits, and kills it when
  /// its system does not power down in time or the task is cancelled.
  ///
  /// - Parameter patience: how long its system may take.
  /// - Throws: `GuestError` when its vGPU cannot be removed, or QEMU had failed by itself.
  public func end(after patience: Duration = .seconds(30)) async throws(GuestError) {
    let deadline = ContinuousClock.now + patience
    // A QEMU that does not listen is killed.
    if (try? await powerDown()) != nil {
      while process.end() == nil, ContinuousClock.now < deadline, !Task.isCancelled {
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
    kill()
    try cleanUp()
  }

  /// Puts back what was made for a guest that has ended: removes its sockets' files, and its vGPU
  /// where that was made for it. Does nothing while the guest runs.
  ///
  /// - Returns: how it ended; `nil` while it runs.
  /// - Throws: `GuestError.host` when the vGPU cannot be removed, as while a source looks at it;
  ///   `.ended` when QEMU did not end by itself and with success, and was not killed by `kill`.
  @discardableResult
  public func cleanUp() throws(GuestError) -> GuestProcess.End? {
    guard let end = process.end() else { return nil }
    // It would keep the vGPU busy.
    _ = takeDevice()
    sockets.remove()
    try screen?.remove()
    guard !isKilled.withLock(\.self) else { return end }
    switch end {
    case .exited(0), .unknown: return end
    case .exited, .killed: throw .ended(end, lastWords: log.tail, log: log.path)
    }
  }

  /// The same for a guest that never was ready; its vGPU goes elsewhere.
  private func putBack() {
    _ = takeDevice()
    sockets.remove()
  }
}
