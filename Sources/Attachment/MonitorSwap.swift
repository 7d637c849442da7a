// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization
import VFIO

/// Exchanges the monitor that a guest sees: unplugs it, lets the guest notice, plugs another in.
///
/// The guest is not left without one. Whoever unplugs has begun a thread that plugs in, whether
/// anybody looks at the guest by then or not; `end` does so at once; and so does the process's end.
final class MonitorSwap: Sendable {
  /// The largest picture that the driver can make, in pixels; `nil` when it does not say.
  let maximumSize: (width: UInt32, height: UInt32)?
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

  /// What the last exchange has failed with; `nil` when it has not. The guest has the monitor from
  /// before then.
  var problem: VFIOError? { state.withLock { $0.problem } }

  /// Unplugs the monitor, and has the new one plugged in 0.1 s later.
  ///
  /// - Throws: `VFIOError` when it cannot be unplugged; nothing has changed then.
  func begin(_ edid: [UInt8]) throws(VFIOError) {
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
      state.pending = Pending(edid: edid, before: before, due: Self.after(Self.gap))
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
