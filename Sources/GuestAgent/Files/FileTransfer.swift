// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import Synchronization

/// Files on their way to a guest, sent together.
public final class FileTransfer: Sendable {
  /// How far it has come.
  public struct Progress: Hashable, Sendable {
    /// The bytes that were given to the guest's port.
    public var bytesSent: UInt64 = 0
    /// The bytes of all files, as they were when the transfer began; 0 before they were counted.
    public var bytesTotal: UInt64 = 0
    /// The files that the guest has.
    public var filesDone = 0
    /// The files that the guest did not get.
    public var filesFailed = 0
    /// All files.
    public var filesTotal: Int
    /// When the transfer began.
    public let start: MonotonicInstant

    /// The mean rate since the start, in bytes per second.
    public func bytesPerSecond(at now: MonotonicInstant = .now) -> Double {
      let seconds = now.seconds(since: start)
      return seconds > 0 ? Double(bytesSent) / seconds : 0
    }

    /// The seconds that the rest takes at that rate; `nil` while there is no rate.
    public func secondsLeft(at now: MonotonicInstant = .now) -> Double? {
      let rate = bytesPerSecond(at: now)
      guard rate > 0, bytesTotal >= bytesSent else { return nil }
      return Double(bytesTotal - bytesSent) / rate
    }
  }

  /// What became of a file.
  public struct Outcome: Sendable {
    /// The file.
    public let file: AgentFile
    /// Why the guest does not have it; `nil` when it does.
    public let error: AgentError?
  }

  private struct State {
    var progress: Progress
    var outcomes: [Outcome] = []
    var isOver = false
    var waiting: [CheckedContinuation<[Outcome], Never>] = []
  }

  /// A number that no other transfer of the connection has.
  let id: UInt64
  private let state: Mutex<State>
  private let onCancel: @Sendable (UInt64) -> Void
  let onProgress: (@Sendable (Progress) -> Void)?

  init(
    id: UInt64, count: Int,
    onProgress: (@Sendable (Progress) -> Void)?, onCancel: @escaping @Sendable (UInt64) -> Void
  ) {
    self.id = id
    self.onProgress = onProgress
    self.onCancel = onCancel
    state = Mutex(State(progress: Progress(filesTotal: count, start: .now)))
  }

  /// How far it has come now. Any thread may ask.
  public var progress: Progress { state.withLock(\.progress) }

  /// Cancels all files that the guest does not have yet. The guest removes what it has of them.
  public func cancel() { onCancel(id) }

  /// Waits until each file has its outcome. When the task is cancelled, so are the files.
  ///
  /// - Returns: the outcomes, in the order in which they came.
  public func outcomes() async -> [Outcome] {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let over: [Outcome]? = state.withLock { state in
          if state.isOver { return state.outcomes }
          state.waiting.append(continuation)
          return nil
        }
        if let over { continuation.resume(returning: over) }
      }
    } onCancel: {
      cancel()
    }
  }

  func sent(_ bytes: Int) { state.withLock { $0.progress.bytesSent += UInt64(bytes) } }

  func counted(_ bytes: UInt64) { state.withLock { $0.progress.bytesTotal = bytes } }

  /// A file is not as long as it was counted.
  func resized(from old: UInt64, to new: UInt64) {
    state.withLock { state in
      state.progress.bytesTotal = state.progress.bytesTotal &- old &+ new
    }
  }

  func ended(_ file: AgentFile, _ error: AgentError?) {
    state.withLock { state in
      state.outcomes.append(Outcome(file: file, error: error))
      if error == nil { state.progress.filesDone += 1 } else { state.progress.filesFailed += 1 }
    }
  }

  func isOver() {
    let (waiting, outcomes) = state.withLock { state in
      state.isOver = true
      return (exchange(&state.waiting, with: []), state.outcomes)
    }
    for continuation in waiting { continuation.resume(returning: outcomes) }
  }
}
