// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

package import Attachment
import CLinux
public import CVGPU
package import Guests
import LinuxSystem
import VGPUDisplay

@c @implementation
public func vgpu_abi_version() -> UInt32 { VGPU_ABI_VERSION }

@c @implementation
public func vgpu_source_close(_ source: OpaquePointer!) { Source.release(source) }

@c @implementation
public func vgpu_source_name(
  _ source: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  CText.write((try? Source.borrowed(source).screen.name) ?? "", to: text, size: size)
}

@c @implementation
public func vgpu_source_process(_ source: OpaquePointer!) -> Int32 {
  (try? Source.borrowed(source))?.screen.process?.pid ?? 0
}

@c @implementation
public func vgpu_source_poll(
  _ source: OpaquePointer!, _ frame: UnsafeMutablePointer<vgpu_frame>!
) -> Int32 {
  guard let source = try? Source.borrowed(source) else {
    if let frame { frame.pointee = vgpu_frame() }
    return Int32(VGPU_STATE_ENDED)
  }
  return source.poll(frame)
}

@c @implementation
public func vgpu_source_message(
  _ source: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  CText.write((try? Source.borrowed(source).message) ?? "", to: text, size: size)
}

@c @implementation
public func vgpu_source_take_back(_ source: OpaquePointer!) -> Int32 {
  guard let screen = (try? Source.borrowed(source))?.screen, screen.isTakenOver else { return 0 }
  screen.takeBack()
  return 1
}

@c @implementation
public func vgpu_source_fd(
  _ source: OpaquePointer!, _ rate: Double, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.result(error) { () throws(Failure) in
    try Source.borrowed(source).descriptor(rate: rate)
  } ?? -1
}

@c @implementation
public func vgpu_source_counters(
  _ source: OpaquePointer!, _ counters: UnsafeMutablePointer<vgpu_counters>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let now = try Source.borrowed(source).screen.counters
    guard let counters else { throw .null("counters") }
    counters.pointee = vgpu_counters(
      queries: UInt64(clamping: now.queries), gets: UInt64(clamping: now.gets),
      transients: UInt64(clamping: now.transients), flips: UInt64(clamping: now.flips))
  }
}

@c @implementation
public func vgpu_source_get_buffer(
  _ source: OpaquePointer!, _ plane: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    try Source.borrowed(source).buffer(plane).passedToC()
  }
}

/// The object behind a `vgpu_source`: a screen, its last frame, and the descriptor to wait for.
///
/// `@unchecked Sendable`: `turn` guards all that changes.
package final class Source: Handle, @unchecked Sendable {
  package static let cName = "vgpu_source"

  /// Serialises all state below.
  let turn = Turn()
  /// Only its `poll` needs the turn; all else may run on any thread.
  package let screen: any GuestScreen
  /// What the caller has named.
  package let target: Target
  /// Whether the guest may get other monitors (`VGPU_OPEN_MONITOR`).
  let controlsMonitor: Bool
  private var frame: Frame?
  private var reason: NoPicture?
  private var polling: PollDescriptor?

  package init(_ screen: any GuestScreen, of target: Target, controlsMonitor: Bool) {
    self.screen = screen
    self.target = target
    self.controlsMonitor = controlsMonitor
    screen.whenLetGo { [weak self] in self?.dropFrame() }
  }

  /// The guest has ended, and nobody may poll for long: the last frame's buffers keep its memory.
  private func dropFrame() { turn.take { frame = nil } }

  /// Why there is no picture; empty while there is one.
  var message: String { turn.take { reason.map { "\($0)" } ?? "" } }

  /// Looks at the guest.
  ///
  /// - Returns: `VGPU_STATE_*`.
  func poll(_ told: UnsafeMutablePointer<vgpu_frame>?) -> Int32 {
    turn.take {
      polling?.readOff()
      let state = screen.poll()
      polling?.follow(screen.eventDescriptor)
      switch state {
      case .frame(let frame):
        self.frame = frame
        reason = nil
        told?.pointee = vgpu_frame(frame)
        return Int32(VGPU_STATE_FRAME)
      case .noPicture(let reason):
        // A buffer that is kept would keep a region's device busy.
        frame = nil
        self.reason = reason
        told?.pointee = vgpu_frame()
        return reason.state
      }
    }
  }

  /// A new reference to a buffer of the last poll's frame.
  func buffer(_ plane: Int32) throws(Failure) -> Buffer {
    var found: PlaneBuffer?
    try turn.take { () throws(Failure) in
      switch Int(plane) {
      case VGPU_PLANE_PRIMARY: found = frame?.primary
      case VGPU_PLANE_CURSOR: found = frame?.cursor?.buffer
      default: throw Failure(.argument, "plane \(plane): not one of VGPU_PLANE_*")
      }
    }
    guard let found else {
      throw Failure(
        .noPicture,
        "\(screen.name): the last poll found no such picture; poll until it returns a frame")
    }
    return Buffer(found, turn)
  }

  /// The descriptor that tells when to poll.
  func descriptor(rate: Double) throws(Failure) -> Int32 {
    guard rate > 0, rate <= 1000 else {
      throw Failure(.argument, "rate \(rate): give more than 0 and at most 1000 Hz")
    }
    return try turn.take { () throws(Failure) in
      do throws(SystemCallError) {
        if polling == nil { polling = try PollDescriptor() }
        try polling?.start(rate: rate)
      } catch {
        throw Failure(error)
      }
      return polling?.rawValue ?? -1
    }
  }
}

extension NoPicture {
  /// As C knows it: `VGPU_STATE_*`.
  fileprivate var state: Int32 {
    switch self {
    case .planeOff: Int32(VGPU_STATE_OFF)
    case .waiting: Int32(VGPU_STATE_WAITING)
    case .settingMode, .defective, .unavailable: Int32(VGPU_STATE_TROUBLE)
    case .noDisplay, .failed: Int32(VGPU_STATE_ENDED)
    }
  }
}

extension vgpu_frame {
  fileprivate init(_ frame: Frame) {
    let cursor = frame.cursor
    self.init(
      flip: frame.flip, detected_ns: frame.detectedAt.nanoseconds, buffer_id: frame.primary.id,
      cursor_id: cursor?.buffer.id ?? 0, cursor_x: Int32(clamping: cursor?.x ?? 0),
      cursor_y: Int32(clamping: cursor?.y ?? 0),
      hotspot_x: Int32(clamping: cursor?.hotspot?.x ?? -1),
      hotspot_y: Int32(clamping: cursor?.hotspot?.y ?? -1))
  }
}

/// The descriptor that tells when to poll (epoll_create1(2)): readable again and again for a source that
/// has to be asked, and only when there is something new for a source that tells (`eventDescriptor`).
private struct PollDescriptor: ~Copyable {
  private let events: OwnedFileDescriptor
  private let timer: OwnedFileDescriptor
  /// The time between two polls of a source that has to be asked, in nanoseconds.
  private var interval: UInt64 = 0
  /// The source's own descriptor, while it has one.
  private var news: Int32?

  private static let object = "a source's descriptor"

  init() throws(SystemCallError) {
    let timer = OwnedFileDescriptor(
      owning: Int32(try SystemCall.make("timerfd_create", on: Self.object) { vgpu_timerfd() }))
    let events = OwnedFileDescriptor(
      owning: Int32(try SystemCall.make("epoll_create1", on: Self.object) { vgpu_epoll() }))
    try SystemCall.make("epoll_ctl", on: Self.object) {
      vgpu_epoll_add_readable(events.rawValue, timer.rawValue)
    }
    self.events = events
    self.timer = timer
  }

  /// The descriptor, to be waited for. Never close it.
  var rawValue: Int32 { events.rawValue }

  /// Begins anew, at so many times a second: more than 0, at most 1000. Also for a source that tells,
  /// until the first poll.
  mutating func start(rate: Double) throws(SystemCallError) {
    interval = UInt64(min(1e9 / rate, 1e18))
    let interval = interval
    try SystemCall.make("timerfd_settime", on: Self.object) {
      vgpu_timerfd_repeat(timer.rawValue, interval)
    }
    stopWatching()
  }

  /// Waits for what a source has after a poll.
  mutating func follow(_ news: Int32?) {
    guard news != self.news else {
      // The number can be another descriptor's by now; the old one has left by being closed.
      if let news { _ = vgpu_epoll_add_readable(events.rawValue, news) }
      return
    }
    stopWatching()
    if let news, vgpu_epoll_add_readable(events.rawValue, news) == 0 { self.news = news }
    _ = vgpu_timerfd_repeat(timer.rawValue, self.news == nil ? interval : 0)
  }

  /// Makes it unreadable until the next time. A source's own descriptor is made so by its poll.
  func readOff() {
    var expirations: UInt64 = 0
    _ = read(timer.rawValue, &expirations, MemoryLayout<UInt64>.size)
  }

  private mutating func stopWatching() {
    if let old = news.take() { _ = vgpu_epoll_remove(events.rawValue, old) }
  }
}
