// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import CLinux
import CProcess
public import LinuxSystem
import Synchronization
import VFIO

/// The largest picture that a driver makes, in pixels; `nil` where it does not say.
public struct MonitorLimits: Hashable, Sendable {
  /// From left to right.
  public let width: Int?
  /// From top to bottom.
  public let height: Int?

  init(width: Int?, height: Int?) {
    self.width = width
    self.height = height
  }

  init(_ most: (width: UInt32, height: UInt32)?) {
    self.init(width: most.map { Int($0.width) }, height: most.map { Int($0.height) })
  }
}

/// The monitor that a guest is to get.
struct WantedMonitor {
  let edid: [UInt8]
  /// The mode that it prefers, in pixels.
  let width: Int
  let height: Int
}

/// A provider of the guest's monitor: whoever can exchange it for another.
protocol MonitorExchange: AnyObject {
  /// For which sizes; `nil` while it cannot be exchanged.
  var limits: MonitorLimits? { get }

  /// Why the guest did not get the last monitor; `nil` when it did.
  var failure: AttachmentError? { get }

  /// The largest mode, in words, where that is smaller than what is wanted and the provider does not
  /// say so itself.
  func largest(toCarry monitor: WantedMonitor) -> String?

  /// Begins to exchange the monitor.
  func exchange(_ monitor: WantedMonitor) throws(VFIOError)

  /// Mends what another viewer has left behind.
  func repair() throws(VFIOError)

  /// Leaves the guest with a monitor, and gives up the device.
  func end()
}

/// A bridge exchanges the monitor by itself, and says what became of that.
extension BridgeSource: MonitorExchange {
  var limits: MonitorLimits? {
    monitorLimits.map { MonitorLimits(width: $0.width, height: $0.height) }
  }
  var failure: AttachmentError? { resizeProblem.map { .bridge($0) } }
  func largest(toCarry monitor: WantedMonitor) -> String? { nil }
  func exchange(_ monitor: WantedMonitor) throws(VFIOError) {
    resize(width: monitor.width, height: monitor.height)
  }
  func repair() throws(VFIOError) {}
  func end() {}
}

/// Exchanges the monitor that a guest sees: unplugs it, lets the guest notice, plugs another in.
///
/// The guest is not left without one. Whoever unplugs has begun a thread that plugs in, whether
/// anybody looks at the guest by then or not; `end` does so at once; and so does the process's end.
final class MonitorSwap: MonitorExchange, Sendable {
  /// The largest picture that the driver can make, in pixels; `nil` when it does not say.
  private let maximumSize: (width: UInt32, height: UInt32)?
  private let state: Mutex<State>

  private struct State: ~Copyable {
    /// `nil` after the end.
    var port: MonitorPort?
    var pending: Pending?
    var isThreadRunning = false
    var problem: VFIOError?
    var atEnd: MonitorPort.PlugIn?

    init(_ port: consuming MonitorPort) { self.port = consume port }
  }

  private struct Pending {
    /// What to plug in; `nil` for what is there already.
    var edid: [UInt8]?
    /// What was there; `nil` where that cannot be read.
    var before: [UInt8]?
    var due: MonotonicInstant
  }

  /// How long the monitor stays unplugged, in nanoseconds: a guest looks at the link some tens of
  /// milliseconds after it changed, and would miss a shorter gap.
  private static let gap: UInt64 = 100_000_000
  /// How long a monitor that was found unplugged stays so, in nanoseconds: another viewer that
  /// exchanges it has plugged it in by then.
  private static let patience: UInt64 = 300_000_000

  init(_ port: consuming MonitorPort) {
    maximumSize = port.maximumSize
    state = Mutex(State(port))
  }

  var limits: MonitorLimits? { MonitorLimits(maximumSize) }

  /// The guest has the monitor from before then.
  var failure: AttachmentError? { state.withLock { $0.problem }.map { .vfio($0) } }

  func largest(toCarry monitor: WantedMonitor) -> String? {
    guard let most = maximumSize, monitor.width > most.width || monitor.height > most.height
    else { return nil }
    return "\(most.width)x\(most.height)"
  }

  /// Unplugs the monitor, and has the new one plugged in 0.1 s later.
  ///
  /// - Throws: `VFIOError` when it cannot be unplugged; nothing has changed then.
  func exchange(_ monitor: WantedMonitor) throws(VFIOError) {
    try state.withLock { (state) throws(VFIOError) in
      // One that is under way already knows the monitor from before it.
      let before = state.pending.map(\.before) ?? (try? state.port?.edid())
      if state.atEnd == nil { state.atEnd = state.port?.plugInAtEnd() }
      do throws(VFIOError) {
        try state.port?.setLink(up: false)
      } catch {
        if state.pending == nil { state.atEnd = nil }
        throw error
      }
      state.problem = nil
      state.pending = Pending(edid: monitor.edid, before: before, due: Self.after(Self.gap))
    }
    plugInLater()
  }

  /// Plugs in a monitor that is found unplugged, as by a viewer that was killed between the two steps.
  /// Another viewer may be between them just now, so it is given its time.
  ///
  /// - Throws: `VFIOError` when the device does not tell.
  func repair() throws(VFIOError) {
    let isNeeded = try state.withLock { (state) throws(VFIOError) -> Bool in
      guard state.pending == nil, try state.port?.linkState() == .down else { return false }
      state.atEnd = state.port?.plugInAtEnd()
      state.pending = Pending(edid: nil, before: nil, due: Self.after(Self.patience))
      return true
    }
    if isNeeded { plugInLater() }
  }

  /// Plugs in what is not yet, and gives up the device.
  func end() {
    state.withLock { state in
      Self.plugIn(&state)
      state.port = nil
    }
  }

  /// Leaves the rest to a thread, which takes this object's time to live with it: no more than the
  /// gap, as `end` gives up the device at once.
  private func plugInLater() {
    let begins = state.withLock { state in
      let begins = !state.isThreadRunning
      state.isThreadRunning = true
      return begins
    }
    guard begins else { return }
    do {
      try SystemThread.detach(for: "the guest's monitor") { self.run() }
    } catch {
      // Without a thread the caller waits.
      run()
    }
  }

  private func run() {
    while true {
      let rest = state.withLock { state -> UInt64? in
        let now = MonotonicInstant.now.nanoseconds
        if let due = state.pending?.due.nanoseconds, due > now { return due - now }
        Self.plugIn(&state)
        state.isThreadRunning = false
        return nil
      }
      guard let rest else { return }
      SystemThread.sleep(for: .nanoseconds(min(rest, 999_999_999)))
    }
  }

  /// Ends an exchange: with the new monitor, else with the one from before, but plugged in.
  private static func plugIn(_ state: inout State) {
    guard let pending = state.pending.take() else { return }
    do throws(VFIOError) {
      if let edid = pending.edid { try state.port?.setEDID(edid) }
    } catch {
      state.problem = error
      if let before = pending.before, !before.isEmpty { try? state.port?.setEDID(before) }
    }
    do throws(VFIOError) {
      // What was found unplugged, another viewer may have plugged in by now.
      let link = pending.edid == nil ? try state.port?.linkState() : .down
      if link == .down { try state.port?.setLink(up: true) }
      state.atEnd = nil
    } catch {
      // The process's end tries again.
      state.problem = state.problem ?? error
    }
  }

  private static func after(_ nanoseconds: UInt64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: MonotonicInstant.now.nanoseconds + nanoseconds)
  }
}

extension AttachedSource {
  /// Has a signal that ends the process plug in what a source has unplugged by then, as exit(3) does in
  /// any case (sigaction(2)): SIGTERM and its like where the program neither handles nor ignores them by
  /// now, and faults. Nothing helps against SIGKILL: whoever controls the monitor next plugs it in.
  ///
  /// - Throws: `SystemCallError`.
  public static func plugInAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "this process") { vgpu_write_at_end_signals() }
  }
}
