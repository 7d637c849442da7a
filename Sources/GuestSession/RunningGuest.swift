// SPDX-License-Identifier: Apache-2.0

public import HostDevices
public import LinuxSystem
public import QEMU
public import QMP
import Synchronization
import VFIO

/// A guest that was started, with everything that belongs to it: its vGPU, its sockets, its log.
///
/// The guest runs in a session of its own, and goes on when the last reference to this object is
/// gone. Call `end` to end the guest and put everything back; after a guest has ended by itself,
/// call `cleanUp`. Any thread may use the object.
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
  /// Its description.
  public let configuration: GuestConfiguration
  /// The paths at which its QEMU serves QMP.
  public let sockets: GuestSockets
  /// The file with all output of its QEMU.
  public var logPath: String { log.path }
  /// The vGPU whose screen the host can show; `nil` for a guest with a virtio GPU, and for a guest
  /// with only a physical monitor.
  public var vGPU: MdevDevice? { screen?.device }
  /// Whether the vGPU was made for the guest, and is removed with it.
  public var isVGPUMade: Bool { screen?.isMade ?? false }

  private let screen: StartedVGPU?
  private let helpers: [GuestHelper]
  private let log: GuestLog
  private let host: HostHardware
  /// The device that QEMU was given; `nil` when QEMU opened it, and after `takeDevice`.
  private let device: Mutex<OwnedFileDescriptor?>
  /// Whether this process has killed it; then the signal is no failure.
  private let isKilled = Mutex(false)

  private init(
    _ configuration: GuestConfiguration, by launcher: GuestLauncher, on screen: StartedVGPU?,
    _ sockets: GuestSockets, log: consuming GuestLog, host: HostHardware
  ) throws(GuestError) {
    let prepared = try GuestHelper.prepare(configuration)
    var guest: GuestLauncher.Guest
    do {
      guest = try launcher.start(configuration, log: log.descriptor.rawValue)
    } catch {
      throw .qemu(error)
    }
    process = guest.process
    var helpers: [GuestHelper] = []
    do {
      for helper in prepared { helpers.append(try helper.start(log: log.descriptor.rawValue)) }
    } catch {
      process.kill()
      _ = process.waitForEnd()
      for helper in helpers { helper.end() }
      throw error
    }
    self.helpers = helpers
    device = Mutex(guest.device.take())
    self.configuration = configuration
    self.screen = screen
    self.sockets = sockets
    self.log = log
    self.host = host
  }

  // MARK: Start

  /// Starts a guest, and returns when its QEMU has its devices. That takes a second, or minutes
  /// when QEMU takes much memory at once. A start that fails or is cancelled leaves only its log:
  /// no process, no socket, no vGPU, no new disk, no new UEFI variables or TPM.
  ///
  /// - Parameters:
  ///   - plan: the guest.
  ///   - program: the QEMU that runs it.
  ///   - folders: the folders for its files.
  ///   - host: the host whose devices it gets.
  ///   - onNotice: called during the start with everything that a user should know.
  /// - Throws: `GuestError`.
  public static func start(
    _ plan: GuestPlan, with program: QEMUProgram, in folders: GuestFolders,
    host: HostHardware = HostHardware(),
    onNotice: @Sendable (GuestNotice) -> Void = { _ in }
  ) async throws(GuestError) -> RunningGuest {
    try await start(
      plan, with: program, in: folders, host: host, tryingOpenGL: nil, onNotice: onNotice)
  }

  /// The same, after a trial of the host's GPU.
  ///
  /// - Parameters:
  ///   - plan: the guest.
  ///   - program: the QEMU that runs it.
  ///   - folders: the folders for its files.
  ///   - host: the host whose devices it gets.
  ///   - trial: tries whether the host's GPU can draw for the guest; with `nil` every render node counts
  ///     that this user may open.
  ///   - onNotice: called during the start with everything that a user should know.
  /// - Throws: `GuestError`.
  public static func start(
    _ plan: GuestPlan, with program: QEMUProgram, in folders: GuestFolders,
    host: HostHardware = HostHardware(), tryingOpenGL trial: OpenGLTrial?,
    onNotice: @Sendable (GuestNotice) -> Void = { _ in }
  ) async throws(GuestError) -> RunningGuest {
    let disks = try plan.makeDisks(for: program, onNotice)
    var screen: StartedVGPU?
    do {
      let parts = try plan.parts(for: program, on: host, trying: trial, isHere: true, onNotice)
      if let vGPU = plan.vGPU { screen = try StartedVGPU(vGPU, on: host, onNotice) }
      return try await start(plan, parts, with: program, on: screen, folders, host, onNotice)
    } catch {
      // Why the vGPU cannot be removed matters less than why the guest does not run.
      try? screen?.remove()
      for disk in disks { disk.remove() }
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
    var files = NewGuestFiles()
    do {
      let configuration = try plan.configuration(
        parts, screen?.device, identity, folders, sockets, noting: &files, onNotice)
      return try await start(
        configuration, identity, with: program, on: screen, folders, sockets, host, onNotice)
    } catch {
      files.remove()
      throw error
    }
  }

  private static func start(
    _ configuration: GuestConfiguration, _ identity: String, with program: QEMUProgram,
    on screen: StartedVGPU?, _ folders: GuestFolders, _ sockets: GuestSockets,
    _ host: HostHardware, _ onNotice: @Sendable (GuestNotice) -> Void
  ) async throws(GuestError) -> RunningGuest {
    if screen != nil || !configuration.passedSlots.isEmpty,
      let limit = LockedMemory.limit(below: configuration.memory)
    {
      onNotice(.lockedMemory(limitMebibytes: limit))
    }
    try sockets.prepare()
    let guest: RunningGuest
    do {
      guest = try RunningGuest(
        configuration, by: GuestLauncher(program: program), on: screen, sockets,
        log: try GuestLog(identity, in: folders), host: host)
    } catch {
      sockets.remove()
      throw error
    }
    do {
      try await guest.waitUntilReady(onNotice)
    } catch {
      guest.kill()
      guest.putBack()
      throw error
    }
    return guest
  }

  /// Waits until QEMU has its devices, or has reported an error and ended.
  private func waitUntilReady(
    _ onNotice: @Sendable (GuestNotice) -> Void
  ) async throws(GuestError) {
    if screen != nil {
      try await wait(tenths: 300, for: "has not opened the vGPU in 30 s") { hasDevice }
    }
    guard screen == nil || configuration.pinning != nil else { return }
    // QEMU answers when it has all its devices and its memory; large memory takes a long time.
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
      // QEMU gives the thread numbers: do not move another program's thread.
      guard FileTree.exists("/proc/\(process.pid)/task/\(cpu.thread)") else {
        onNotice(.notPinned("QEMU named thread \(cpu.thread), but it has no such thread"))
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
      // The device answers only after QEMU has bound it.
      _ = try Device(owning: duplicate, name: "vGPU")
      return true
    } catch {
      return false
    }
  }

  // MARK: While it runs

  /// Whether it runs.
  public var state: State { process.end().map { .ended($0) } ?? .running }

  /// This process's own duplicate of the vGPU's device, to look at the vGPU's display. Only the
  /// first call gets it; `nil` also when QEMU opened the device. The caller owns it, and must close
  /// it when the guest ends, because the kernel keeps a vGPU busy as long as anyone holds it.
  public func takeDevice() -> OwnedFileDescriptor? {
    device.withLock { $0.take() }
  }

  /// Carries out a QMP command over the socket for commands. QEMU serves one client at a time
  /// there.
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

  /// Presses its power button. The guest's system decides how to react.
  ///
  /// - Throws: `GuestError.qmp`.
  public func powerDown() async throws(GuestError) { try await execute(SystemPowerdown()) }

  /// Asks the agent in the guest (qemu-guest-agent) to shut the guest's system down, for a system
  /// that takes no notice of the power button.
  ///
  /// - Parameter timeout: how long the agent may take to answer.
  /// - Throws: `GuestError.agent` when the guest has no agent, or its agent refuses; `.system` when
  ///   another client uses the agent's port.
  public func shutDownByAgent(timeout: Duration = .seconds(5)) async throws(GuestError) {
    guard let path = configuration.guestAgentSocket else {
      throw .agent("the guest has no port for one")
    }
    try await onThread(for: path, failing: GuestError.system) { () throws(GuestError) in
      try QEMUGuestAgent.shutDown(at: path, timeout: timeout)
    }
  }

  /// Presses its power button, and asks the agent in the guest when the guest still runs after a
  /// while. Returns when the guest has ended, or the agent was asked.
  ///
  /// - Parameter patience: how long its system may take to react to the power button.
  /// - Throws: `GuestError.qmp` when the button cannot be pressed; as `shutDownByAgent` does.
  public func askToPowerDown(patience: Duration = .seconds(20)) async throws(GuestError) {
    try await powerDown()
    let deadline = ContinuousClock.now + patience
    while process.end() == nil, ContinuousClock.now < deadline { try await Self.pause() }
    guard process.end() == nil else { return }
    do {
      try await shutDownByAgent()
    } catch {
      // The agent is gone as soon as the guest is.
      if process.end() == nil { throw error }
    }
  }

  /// Kills its QEMU, and returns when QEMU has ended. Data that the guest has not written to its
  /// disks is lost. Does nothing when QEMU has ended already.
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
      guard !Task.isCancelled else { throw .cancelled }
      await process.running.waitForEnd()
    }
  }

  /// Ends it and puts back everything that was made for it: presses the power button, asks the agent
  /// in the guest after a third of the time, and kills it when its system does not power down in
  /// time or the task is cancelled.
  ///
  /// - Parameter patience: how long its system may take.
  /// - Throws: `GuestError` when its vGPU cannot be removed, or when QEMU had failed by itself.
  public func end(after patience: Duration = .seconds(30)) async throws(GuestError) {
    let deadline = ContinuousClock.now + patience
    var hasAsked = false
    // A QEMU that takes no command is killed.
    if (try? await powerDown()) != nil {
      while process.end() == nil, ContinuousClock.now < deadline, !Task.isCancelled {
        let rest = ContinuousClock.now.duration(to: deadline)
        if !hasAsked, rest < patience / 3 * 2 {
          hasAsked = true
          try? await shutDownByAgent(timeout: min(rest, .seconds(5)))
        }
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
    kill()
    try cleanUp()
  }

  /// Puts back everything that was made for a guest that has ended: removes its sockets' files, and
  /// its vGPU when the vGPU was made for it. Does nothing while the guest runs.
  ///
  /// - Returns: how it ended; `nil` while it runs.
  /// - Throws: `GuestError.host` when the vGPU cannot be removed, for example while a source looks
  ///   at it; `.ended` when QEMU failed or was killed, but not by `kill`.
  @discardableResult
  public func cleanUp() throws(GuestError) -> GuestProcess.End? {
    guard let end = process.end() else { return nil }
    // The descriptor would keep the vGPU busy.
    _ = takeDevice()
    for helper in helpers { helper.end() }
    sockets.remove()
    try screen?.remove()
    guard !isKilled.withLock(\.self) else { return end }
    switch end {
    case .exited(0), .unknown: return end
    case .exited, .killed: throw .ended(end, lastWords: log.tail, log: log.path)
    }
  }

  /// The same for a guest that never was ready; the caller handles its vGPU.
  private func putBack() {
    _ = takeDevice()
    for helper in helpers { helper.end() }
    sockets.remove()
  }
}
