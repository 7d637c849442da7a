// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import LinuxSystem
public import VGPUDisplay

/// A vGPU that a bridge shows. Its source is made for the first client, and stays.
public final class BridgedVGPU {
  /// A guest's monitor, when it can be exchanged.
  public struct Monitor {
    /// The largest picture, in pixels; `nil` when the driver does not say.
    public var maximum: (width: Int, height: Int)?
    /// Gives the guest a monitor that prefers a size, in pixels. The client gets the error's
    /// description.
    public var resize: (_ width: Int, _ height: Int) throws -> Void

    /// Makes a monitor from its parts.
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
  private let onOpen: () -> Void
  private let title: String

  private var source: (any FrameSource)?
  private let copies = RegionCopies()
  private var lastLook: (at: MonotonicInstant, state: DisplayState)?
  private var failure: (at: MonotonicInstant, reason: String)?
  private var resizes = TokenBucket(perSecond: resizesPerSecond, now: .now)

  var viewers = 0
  private(set) var looks: UInt64 = 0
  private(set) var polls: UInt64 = 0
  var buffersSent: UInt64 = 0

  /// - Parameters:
  ///   - identifier: unique among the bridge's vGPUs.
  ///   - title: its name while there is no source.
  ///   - policy: the users who may look.
  ///   - source: makes the source of its frames when the first client comes, and again after a
  ///     failure. Clients get an error's description.
  ///   - monitor: the guest's monitor, when clients may exchange it; called when a client opens the
  ///     vGPU.
  ///   - onOpen: called when a client opens the vGPU.
  public init(
    identifier: VGPUIdentifier, title: String, policy: AccessPolicy,
    source: @escaping () throws -> any FrameSource, monitor: @escaping () -> Monitor? = { nil },
    onOpen: @escaping () -> Void = {}
  ) {
    self.onOpen = onOpen
    self.identifier = identifier
    self.title = title
    self.policy = policy
    makeSource = source
    findMonitor = monitor
  }

  /// Uses a source that exists already.
  func attach(to source: any FrameSource) { self.source = source }

  var name: String { source?.name ?? title }
  var flips: UInt64 { UInt64(source?.counters.flips ?? 0) &+ copies.changes }
  /// Whether the guest's picture is in a region of its device, and so has to be copied.
  var isCopied: Bool { copies.isCopying }
  var isAttached: Bool { source != nil }
  var holdsDevice: Bool { source?.holdsDevice ?? false }
  var monitor: Monitor? { findMonitor() }

  /// Notes that a client opens it.
  func open() { onOpen() }

  func allows(_ peer: Peer) -> Bool { policy.allows(peer) }

  /// How old a shared look may be, in nanoseconds: too little for anyone to notice, and long enough
  /// for all clients of one refresh.
  private static let freshness: UInt64 = 250_000
  /// The time until a source that failed is made again, in nanoseconds.
  private static let patience: UInt64 = 500_000_000
  /// The time between looks at a guest without viewers, in nanoseconds. Without these looks the
  /// device of an ended guest would stay open, and the guest could not come back.
  private static let watchInterval: UInt64 = 100_000_000

  /// Monitors that a guest gets in a second, from all clients: the guest must find a mode for each.
  /// A window whose user drags its edge asks three times a second.
  static let resizesPerSecond = 8

  /// Whether the guest may get another monitor now.
  func mayResize(_ now: MonotonicInstant) -> Bool { resizes.take(now) }

  /// The guest's picture, and the time of the look.
  ///
  /// - Parameter copied: how many vGPUs share the time for copies.
  func look(
    _ now: MonotonicInstant, copied: Int
  ) -> (at: MonotonicInstant, state: DisplayState) {
    looks += 1
    if let lastLook, now.elapsed(since: lastLook.at) < Self.freshness { return lastLook }
    return poll(now, copied: copied)
  }

  /// Looks at a guest that no client has looked at for a while.
  func watch(_ now: MonotonicInstant) {
    guard isAttached,
      now.elapsed(since: lastLook?.at ?? .init(nanoseconds: 0)) >= Self.watchInterval
    else { return }
    _ = poll(now, copied: nil)
  }

  private func poll(
    _ now: MonotonicInstant, copied: Int?
  ) -> (at: MonotonicInstant, state: DisplayState) {
    guard let source = attach(now) else {
      return (now, .noPicture(.waiting(failure?.reason ?? title)))
    }
    polls += 1
    let state = copies.passable(source.poll(), name: source.name, sharers: copied)
    // After it, so that no flip is noticed later than the look that noticed it.
    let look = (at: MonotonicInstant.now, state: state)
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
