// SPDX-License-Identifier: Apache-2.0

public import GuestInput
import Synchronization

/// Something that happens to a guest, for a window or a program around it.
@nonexhaustive
public enum GuestEvent: Hashable, Sendable {
  /// There is a connection, and the machine was asked what it is doing.
  case connected
  /// There is none any more, or none could be made: why, in one line. Told once for each reason.
  case disconnected(reason: String)
  /// The machine does something else than before.
  case machine(MachineState)
  /// The machine was reset, by its guest or from outside.
  case reset(byGuest: Bool)
  /// The machine ends (QMP's `SHUTDOWN`): by the guest or from outside, and QMP's `ShutdownCause`,
  /// such as `guest-shutdown`, `guest-reset` (with `-no-reboot`), `host-qmp-quit`, `host-signal`.
  case shutdown(byGuest: Bool, cause: String)
  /// A key was pressed that this QEMU has no name for. Told once for each key.
  case unknownKey(Keycode)
}

/// What a guest's machine is doing: the part of QMP's `RunState` that a person wants to know.
@nonexhaustive
public enum MachineState: Hashable, Sendable {
  /// Nobody has told yet, or nobody can.
  case unknown
  /// Its CPUs run.
  case running
  /// Its CPUs are held, by a person, a debugger, a migration, or an error of its disk.
  case paused
  /// It sleeps (ACPI S3); a key wakes it.
  case suspended
  /// It has powered off, and QEMU was told to stay (`-no-shutdown`), or has not ended yet.
  case poweredOff
  /// Its kernel has crashed and said so.
  case panicked

  /// - Parameter status: `query-status`'s.
  init(status: String) {
    self =
      switch status {
      case "running": .running
      case "suspended": .suspended
      case "shutdown": .poweredOff
      case "guest-panicked": .panicked
      default: .paused
      }
  }

  /// Why QEMU refuses input in this state; `nil` when it does not.
  var reasonAgainstInput: String? {
    switch self {
    case .unknown, .running, .suspended: nil
    case .paused: "the guest is paused"
    case .poweredOff: "the guest has powered off"
    case .panicked: "the guest has crashed"
    }
  }
}

/// Hands events to all who listen.
final class EventStreams: Sendable {
  private let state = Mutex(State())

  /// The events that wait for a reader; beyond them the oldest are left out.
  private static let capacity = 256

  private struct State {
    var isFinished = false
    var streams: [Int: AsyncStream<GuestEvent>.Continuation] = [:]
    var last = 0
  }

  /// What happens from now on, until `finish`.
  func stream() -> AsyncStream<GuestEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: GuestEvent.self, bufferingPolicy: .bufferingNewest(Self.capacity))
    let (id, isFinished) = state.withLock { state in
      state.last += 1
      if !state.isFinished { state.streams[state.last] = continuation }
      return (state.last, state.isFinished)
    }
    if isFinished { continuation.finish() }
    continuation.onTermination = { [weak self] _ in
      _ = self?.state.withLock { $0.streams.removeValue(forKey: id) }
    }
    return stream
  }

  func tell(_ event: GuestEvent) {
    for stream in state.withLock({ Array($0.streams.values) }) { stream.yield(event) }
  }

  /// Ends every sequence.
  func finish() {
    let streams = state.withLock { state in
      state.isFinished = true
      defer { state.streams = [:] }
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }
}
