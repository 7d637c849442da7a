// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import LinuxSystem
public import VGPUDisplay

/// A vGPU that a bridge shows. Its source is made for the first client, and stays.
public final class BridgedVGPU {
  /// A guest's monitor, as far as it can be exchanged.
  public struct Monitor {
    /// The largest picture, in pixels; `nil` when the driver does not say.
    public var maximum: (width: Int, height: Int)?
    /// Gives the guest a monitor that prefers a size, in pixels. The client gets the error's
    /// description.
    public var resize: (_ width: Int, _ height: Int) throws -> Void

    /// Makes a monitor of its parts.
    public init(
      maximum: (width: Int, height: Int)?,
      resize: @escaping (_ width: Int, _ height: Int) throws -> Void
    ) {
      self.maximum = maximum
      self.resize = resize
    }
  }

  /// The clients' name of the vGPU.
  public let identifier: VGPUIdentifier
  private let policy: AccessPolicy
  private let makeSource: () throws -> any FrameSource
  private let findMonitor: () -> Monitor?
  private let title: String

  private var source: (any FrameSource)?
  private var lastLook: (at: MonotonicInstant, state: DisplayState)?
  private var failure: (at: MonotonicInstant, reason: String)?
  private var resizes = TokenBucket(perSecond: resizesPerSecond, now: .now)

  var viewers = 0
  private(set) var looks: UInt64 = 0
  private(set) var polls: UInt64 = 0
  var buffersSent: UInt64 = 0

  /// - Parameters:
  ///   - identifier: unique among the bridge's vGPUs.
  ///   - title: its name until there is a source.
  ///   - policy: who may look.
  ///   - source: makes the source of its frames, when the first client comes, and again when that
  ///     failed. Clients get an error's description.
  ///   - monitor: the guest's monitor, when clients may exchange it; called when a client opens the vGPU.
  public init(
    identifier: VGPUIdentifier, title: String, policy: AccessPolicy,
    source: @escaping () throws -> any FrameSource, monitor: @escaping () -> Monitor? = { nil }
  ) {
    self.identifier = identifier
    self.title = title
    self.policy = policy
    makeSource = source
    findMonitor = monitor
  }

  /// Begins with a source that is there already.
  func attach(to source: any FrameSource) { self.source = source }

  var name: String { source?.name ?? title }
  var flips: UInt64 { UInt64(source?.counters.flips ?? 0) }
  var isAttached: Bool { source != nil }
  var holdsDevice: Bool { source?.holdsDevice ?? false }
  var monitor: Monitor? { findMonitor() }

  func allows(_ peer: Peer) -> Bool { policy.allows(peer) }

  /// How old a shared look may be, in nanoseconds: much less than anyone could see, and enough for
  /// the clients of one refresh.
  private static let freshness: UInt64 = 250_000
  /// The time until a source that failed is made again, in nanoseconds.
  private static let patience: UInt64 = 500_000_000
  /// The time between looks at a guest without viewers, in nanoseconds: a guest that has ended must
  /// be let go, or it cannot come back.
  private static let watchInterval: UInt64 = 100_000_000

  /// Monitors that a guest gets in a second, from all clients: the guest must find a mode for each.
  /// A window whose user drags its edge asks three times a second.
  static let resizesPerSecond = 8

  /// Whether the guest can have another monitor yet.
  func mayResize(_ now: MonotonicInstant) -> Bool { resizes.take(now) }

  /// The guest's picture, and the time of the look.
  func look(_ now: MonotonicInstant) -> (at: MonotonicInstant, state: DisplayState) {
    looks += 1
    if let lastLook, now.elapsed(since: lastLook.at) < Self.freshness { return lastLook }
    return poll(now)
  }

  /// Looks at a guest that no client has looked at for a while.
  func watch(_ now: MonotonicInstant) {
    guard isAttached,
      now.elapsed(since: lastLook?.at ?? .init(nanoseconds: 0)) >= Self.watchInterval
    else { return }
    _ = poll(now)
  }

  private func poll(_ now: MonotonicInstant) -> (at: MonotonicInstant, state: DisplayState) {
    guard let source = attach(now) else {
      return (now, .noPicture(.waiting(failure?.reason ?? title)))
    }
    polls += 1
    let look = (at: MonotonicInstant.now, state: source.poll())
    lastLook = look
    return look
  }

  private func attach(_ now: MonotonicInstant) -> (any FrameSource)? {
    if let source { return source }
    if let failure, now.elapsed(since: failure.at) < Self.patience { return nil }
    do {
      source = try makeSource()
      failure = nil
    } catch {
      failure = (now, "\(error)")
    }
    return source
  }
}
