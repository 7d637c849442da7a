// SPDX-License-Identifier: Apache-2.0

/// A supplier of frames: a device that this process holds, a device duplicated out of another
/// process, a synthetic guest. Write one for guests of another kind.
///
/// A source belongs to one thread at a time, and so do the frames that it hands out: a viewer takes
/// it over (`sending`) and polls it on the thread that draws. The maker of a source keeps no part
/// of it, unless the source's type is `Sendable` and tells which of its members any thread may use
/// meanwhile. A source makes its callbacks during a poll, on the polling thread.
///
/// Sources are of two kinds. VFIO's is asked once before each refresh, because the kernel signals
/// neither flips nor vertical blanks. A source of an event-driven display signals news
/// (`eventDescriptor`), and is asked only after a signal. Neither kind needs a thread.
public protocol FrameSource: AnyObject {
  /// The name of the display, for titles and messages.
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

  /// Takes the pixels in which the last frame's picture may differ from the picture at the previous
  /// call, in pixels of the guest. `nil` when the source cannot tell: then all of the picture may
  /// differ.
  func takeDamage() -> Damage?

  /// Whether the source may hold a device now and so keep it busy. True when the source does not
  /// tell.
  var holdsDevice: Bool { get }

  /// Has `body` called when the source has let go of a picture without a poll: it has closed the
  /// device, because the guest has ended. Frames that somebody still has are out of date then, and
  /// keep the guest's memory. Whoever keeps frames between polls drops them, or polls again. `body` may
  /// be called on any thread; it must not block. A later call replaces an earlier one.
  func whenLetGo(_ body: @escaping @Sendable () -> Void)

  /// Tells the source that nobody polls it for a while, because its view is hidden. A source that
  /// learns only in its polls that its guest has ended drops its buffers now, because they keep the
  /// guest's memory.
  func pause()
}

extension FrameSource {
  /// `nil`: the source has to be asked.
  public var eventDescriptor: Int32? { nil }
  /// `nil`: the source cannot tell.
  public func takeDamage() -> Damage? { nil }

  /// `true`: the source may hold a device.
  public var holdsDevice: Bool { true }

  /// Does nothing: the source lets go only in polls.
  public func whenLetGo(_ body: @escaping @Sendable () -> Void) {}

  /// Does nothing: the source looks after its guest without polls, or its guest never ends.
  public func pause() {}
}

/// The result of a look: a picture, or the reason for none.
@nonexhaustive
public enum DisplayState {
  /// A picture.
  case frame(Frame)
  /// No picture, and the reason.
  case noPicture(NoPicture)
}

/// A source's work since it was made. docs/statistics.md lists the keys of its encoded form.
public struct SourceCounters: Hashable, Sendable, Encodable {
  /// Planes that were queried (VFIO_DEVICE_QUERY_GFX_PLANE).
  public var queries = 0
  /// Buffers that were fetched (VFIO_DEVICE_GET_GFX_DMABUF) and regions that were mapped.
  public var gets = 0
  /// Polls at which the guest was setting a mode.
  public var transients = 0
  /// Changes of the shown buffer by the guest.
  public var flips = 0

  /// All zero.
  public init() {}
}
