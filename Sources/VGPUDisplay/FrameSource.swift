// SPDX-License-Identifier: Apache-2.0

/// Where frames come from: a device that this process holds, one duplicated out of another process,
/// a synthetic guest. Whoever has a guest elsewhere writes one more.
///
/// A source belongs to one thread at a time, and so do the frames that it hands out: a viewer takes
/// it over (`sending`) and polls it on the thread that draws. Whoever made it keeps no part of it,
/// unless its type is `Sendable` and says which of its members any thread may use meanwhile. What a
/// source calls back it calls during a poll, on that thread.
///
/// There are two kinds of source. VFIO's is asked once before each refresh, because the kernel signals
/// neither flips nor vertical blanks. An event-driven display's tells (`eventDescriptor`), and is asked
/// only after it has told. Either way a source needs no thread.
public protocol FrameSource: AnyObject {
  /// What is looked at, for titles and messages.
  var name: String { get }

  /// Looks at the guest's screen now. It does not block, and in steady state it neither allocates
  /// nor asks for a buffer.
  func poll() -> DisplayState

  /// What the source has done so far.
  var counters: SourceCounters { get }

  /// A descriptor that poll(2) finds readable (POLLIN) when there is something new, until the next
  /// `poll()`; `nil` while the source has to be asked. It stays the source's. A `poll()` may close it
  /// and have another one, begin to have one, or have none any more, as a source does that goes from
  /// one guest to the next: ask for it after each `poll()` and keep no copy. Between two polls it is
  /// the same. A source that has one counts in its frames what has changed (`Frame.revision`), and
  /// makes it readable for whatever `poll()` answers differently: a picture that comes or goes too.
  /// A source that wraps another has one only while nothing but the other's changes its answers.
  var eventDescriptor: Int32? { get }

  /// Where the picture of the last frame may differ from that of the last frame at the call before;
  /// in pixels of the guest. `nil` when the source cannot tell: then it may differ everywhere.
  func takeDamage() -> Damage?

  /// Whether a device may be held now, which keeps it busy: such a source must go on being polled, to
  /// notice when it has to let go. True when the source does not say.
  var holdsDevice: Bool { get }
}

extension FrameSource {
  /// The source has to be asked.
  public var eventDescriptor: Int32? { nil }
  /// The source cannot tell.
  public func takeDamage() -> Damage? { nil }

  /// It is not known to hold none.
  public var holdsDevice: Bool { true }
}

/// What there is to show.
public enum DisplayState {
  /// A picture.
  case frame(Frame)
  /// None, and why.
  case noPicture(NoPicture)
}

/// What a source has done since it was made. Encoded, its keys are those of docs/statistics.md.
public struct SourceCounters: Hashable, Sendable, Encodable {
  /// Planes asked about (VFIO_DEVICE_QUERY_GFX_PLANE).
  public var queries = 0
  /// Buffers fetched (VFIO_DEVICE_GET_GFX_DMABUF) or regions mapped.
  public var gets = 0
  /// Polls at which the guest was setting a mode.
  public var transients = 0
  /// Times that the guest showed another buffer than before.
  public var flips = 0

  /// All zero.
  public init() {}
}
