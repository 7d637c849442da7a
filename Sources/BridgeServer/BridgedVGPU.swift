// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import LinuxSystem
public import VGPUDisplay

/// A vGPU that a bridge shows. It is asked for its frames from the first client on, and kept.
public final class BridgedVGPU {
  /// What the guest's monitor can be.
  public struct Monitor {
    /// The largest picture, in pixels; `nil` where nobody knows.
    public var maximum: (width: Int, height: Int)?
    /// Gives the guest a monitor that prefers a size, in pixels. The error's description is what the
    /// client is told.
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

  /// By what clients name it.
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
  ///   - identifier: no other vGPU's of the bridge.
  ///   - title: what it is called until the source tells.
  ///   - policy: who may look.
  ///   - source: makes the source of its frames, when the first client comes, and again when that
  ///     failed. An error's description is what clients are told.
  ///   - monitor: its monitor, if clients may exchange that; asked when one wants to know.
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

  /// Makes its source now, so that what is wrong with it is an error of the bridge's start.
  ///
  /// - Throws: what `source` throws.
  public func attach() throws {
    if source == nil { source = try makeSource() }
  }

  var name: String { source?.name ?? title }
  var flips: UInt64 { UInt64(source?.counters.flips ?? 0) }
  var isAttached: Bool { source != nil }
  var holdsDevice: Bool { source?.holdsDevice ?? false }
  var monitor: Monitor? { findMonitor() }

  func allows(_ peer: Peer) -> Bool { policy.allows(peer) }

  /// How old a look may be that another client is answered with, in nanoseconds: much less than
  /// anyone could see, and enough that the clients of one refresh share it.
  private static let freshness: UInt64 = 250_000
  /// How long a vGPU that could not be had is not tried again, in nanoseconds.
  private static let patience: UInt64 = 500_000_000
  /// How often a guest is looked at that no client asks for, in nanoseconds: a guest that ends must
  /// be let go, or it cannot come back.
  private static let watchInterval: UInt64 = 100_000_000

  /// Monitors that a guest is given in a second, whoever asks: it has to find each a mode. A window
  /// that follows its user asks three times a second.
  static let resizesPerSecond = 8

  /// Whether the guest can have another monitor yet.
  func mayResize(_ now: MonotonicInstant) -> Bool { resizes.take(now) }

  /// What the guest shows, and when that was asked.
  func look(_ now: MonotonicInstant) -> (at: MonotonicInstant, state: DisplayState) {
    looks += 1
    if let lastLook, now.elapsed(since: lastLook.at) < Self.freshness { return lastLook }
    return poll(now)
  }

  /// Looks at a guest that nobody else has looked at for a while.
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
