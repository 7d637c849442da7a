// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import CLinux
import CProcess
public import LinuxSystem
import Synchronization
import VFIO

/// The largest picture that a driver makes, in pixels; `nil` when the driver does not say.
public struct MonitorLimits: Hashable, Sendable {
  /// From left to right.
  public let width: Int?
  /// From top to bottom.
  public let height: Int?

  package init(width: Int?, height: Int?) {
    self.width = width
    self.height = height
  }

  init(_ most: (width: UInt32, height: UInt32)?) {
    self.init(width: most.map { Int($0.width) }, height: most.map { Int($0.height) })
  }
}

/// The monitor that the guest shall get.
struct WantedMonitor {
  let edid: [UInt8]
  /// The preferred mode of the EDID, in pixels.
  let width: Int
  let height: Int
}

/// A provider of the guest's monitor, which can exchange that monitor for another.
protocol MonitorExchange: AnyObject {
  /// The sizes that it can have; `nil` while it cannot be exchanged.
  var limits: MonitorLimits? { get }

  /// Whether it can be exchanged; `nil` while that is not known.
  var isPossible: Bool? { get }

  /// Why the guest did not get the last monitor; `nil` when it did.
  var failure: AttachmentError? { get }

  /// The largest mode, in words, when it is smaller than the wanted mode and the provider does not
  /// report that itself.
  func largest(toCarry monitor: WantedMonitor) -> String?

  /// Begins to exchange the monitor.
  func exchange(_ monitor: WantedMonitor) throws(VFIOError)

  /// Repairs what another viewer has left behind.
  func repair() throws(VFIOError)

  /// Leaves the guest with a monitor, and gives up the device.
  func end()
}

/// A bridge exchanges the monitor by itself, and reports the result.
extension BridgeSource: MonitorExchange {
  var limits: MonitorLimits? {
    monitorLimits.map { MonitorLimits(width: $0.width, height: $0.height) }
  }
  var isPossible: Bool? { allowsSizes }
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
/// The guest always gets a monitor again: a thread plugs it in, even when nobody looks at the guest
/// any more. `end` plugs it in at once, and so does the end of the process.
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
    /// The EDID to plug in; `nil` to plug in the present one again.
    var edid: [UInt8]?
    /// The EDID from before; `nil` when it cannot be read.
    var before: [UInt8]?
    var due: MonotonicInstant
  }

  /// How long the monitor stays unplugged, in nanoseconds: a guest looks at the link some tens of
  /// milliseconds after it changed, and would miss a shorter gap.
  private static let gap: UInt64 = 100_000_000
  /// How long a monitor that was found unplugged stays so, in nanoseconds: after this time, another
  /// viewer that exchanges it has plugged it in.
  private static let patience: UInt64 = 300_000_000

  init(_ port: consuming MonitorPort) {
    maximumSize = port.maximumSize
    state = Mutex(State(port))
  }

  var limits: MonitorLimits? { MonitorLimits(maximumSize) }

  var isPossible: Bool? { true }

  /// After a failure, the guest has its previous monitor.
  var failure: AttachmentError? { state.withLock { $0.problem }.map { .vfio($0) } }

  func largest(toCarry monitor: WantedMonitor) -> String? {
    guard let most = maximumSize, monitor.width > most.width || monitor.height > most.height
    else { return nil }
    return "\(most.width)x\(most.height)"
  }

  /// Unplugs the monitor. The new monitor is plugged in 0.1 s later.
  ///
  /// - Throws: `VFIOError` when it cannot be unplugged; nothing has changed then.
  func exchange(_ monitor: WantedMonitor) throws(VFIOError) {
    try state.withLock { (state) throws(VFIOError) in
      // An exchange that is under way already knows the monitor from before.
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

  /// Plugs in a monitor that is found unplugged, for example because a viewer was killed between
  /// the two steps. Another viewer may be between them now, so it gets time to finish.
  ///
  /// - Throws: `VFIOError` when the device does not tell the state of the link.
  func repair() throws(VFIOError) {
    let isNeeded = try state.withLock { (state) throws(VFIOError) -> Bool in
      guard state.pending == nil, try state.port?.linkState() == .down else { return false }
      state.atEnd = state.port?.plugInAtEnd()
      state.pending = Pending(edid: nil, before: nil, due: Self.after(Self.patience))
      return true
    }
    if isNeeded { plugInLater() }
  }

  /// Plugs in a monitor that is still unplugged, and gives up the device.
  func end() {
    state.withLock { state in
      Self.plugIn(&state)
      state.port = nil
    }
  }

  /// Leaves the rest to a thread. The thread keeps this object alive no longer than the gap; `end`
  /// gives up the device at once.
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

  /// Ends an exchange: plugs in the new monitor, or the previous one when the new one fails.
  private static func plugIn(_ state: inout State) {
    guard let pending = state.pending.take() else { return }
    do throws(VFIOError) {
      if let edid = pending.edid { try state.port?.setEDID(edid) }
    } catch {
      state.problem = error
      if let before = pending.before, !before.isEmpty { try? state.port?.setEDID(before) }
    }
    do throws(VFIOError) {
      // Another viewer may have plugged in the monitor that was found unplugged.
      let link = pending.edid == nil ? try state.port?.linkState() : .down
      if link == .down { try state.port?.setLink(up: true) }
      state.atEnd = nil
    } catch {
      // The end of the process tries again.
      state.problem = state.problem ?? error
    }
  }

  private static func after(_ nanoseconds: UInt64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: MonotonicInstant.now.nanoseconds + nanoseconds)
  }
}

extension AttachedSource {
  /// Makes signals that end the process plug in a monitor that a source has unplugged
  /// (sigaction(2)); exit(3) does so in any case. The signals are SIGTERM and its like, unless the
  /// program handles or ignores them at the time of this call, and faults. Nothing helps against
  /// SIGKILL: the next source that controls the monitor plugs it in.
  ///
  /// - Throws: `SystemCallError`.
  public static func plugInAtSignals() throws(SystemCallError) {
    try SystemCall.make("sigaction", on: "this process") { vgpu_write_at_end_signals() }
  }
}
