// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import EGLPresenter
import FramePacing
import Glibc
import LinuxSystem
import Synchronization
import VGPUDisplay

/// The notes that GTK's thread and a view's render thread leave for each other, under a lock. A newer
/// note replaces an older one on the same subject.
final class RenderLink: Sendable {
  /// Orders to the render thread.
  struct Orders {
    /// A surface to draw on.
    var canvas: (any CanvasMaker)?
    /// Release the canvas, and confirm by `letGo`.
    var letsGo = false
    /// Release everything; the thread is then joined.
    var ends = false
    /// The widget's place, and who draws it.
    var place: Place?
    var scaling: ScalingMode?
    /// The time between two refreshes of the monitor, according to GDK.
    var fallbackInterval: Duration?
    /// The most frames to present.
    var frameLimit: Int?
    /// The picture to lay over the guest's picture; `.some(nil)` removes it.
    var overlay: Overlay??
    /// A copy of the guest's picture that GTK's thread waits for.
    var picture: PictureRequest?
    /// The source has let go of the guest without a poll.
    var hasLetGo = false
    /// GTK's thread has painted the widget with the frame that the render thread copied.
    var hasPainted = false
    /// Whether the host's pointer is where the guest's is, and can have its look.
    var hasHostPointer: Bool?
    /// Copy the guest's present picture to the board, because GTK draws the widget elsewhere too.
    var copies = false
    /// GTK's thread waits until the orders are followed.
    var isAwaited = false
  }

  /// A widget's place, and who draws the picture there.
  struct Place {
    enum Painter {
      /// The render thread, on the view's own surface.
      case canvas
      /// GTK, until the view's own surface can be shown.
      case gtk
      /// GTK, because the view can have no surface of its own.
      case gtkAlways
    }

    var geometry: SurfaceGeometry
    var painter: Painter
  }

  /// News from the render thread.
  struct News {
    /// The picture's place, and the guest's pointer; `nil` when both are unchanged.
    var picture: Shown?
    /// Why there is no picture.
    var message: ViewMessage?
    /// The canvas failed.
    var failure: GraphicsError?
    /// The requested number of frames has been presented.
    var isFinished = false
    /// The scale of the screen that shows the view's own surface.
    var scale: SurfaceScale?
    /// A frame has been presented, the first one since `awaitMotion`.
    var hasMoved = false
    /// What of the widget must be painted anew.
    var wantsPaint = Painting.none
  }

  /// A part of a widget to be painted anew.
  enum Painting {
    case none
    /// In device pixels from the widget's upper left corner.
    case part(Damage)
    case all

    /// Adds pixels; `nil` for all.
    mutating func add(_ damage: Damage?) {
      switch (self, damage) {
      case (.all, _): break
      case (_, nil): self = .all
      case (.none, let damage?): self = .part(damage)
      case (.part(var part), let damage?):
        part.add(damage)
        self = .part(part)
      }
    }
  }

  /// A shown picture.
  struct Shown: Equatable {
    var placement: Placement
    var pointer: GuestPointer
  }

  /// An eventfd that wakes the render thread.
  let wakeup: OwnedFileDescriptor
  /// An eventfd by which the render thread answers orders that GTK's thread waits for.
  private let answer: OwnedFileDescriptor
  /// The picture that GTK's thread draws.
  let board = CairoBoard()
  private let orders = Mutex(Orders())
  private let news = Mutex<News?>(nil)
  private let shown = Mutex(ViewerStatistics())
  /// The time of the guest's last input; CLOCK_MONOTONIC, in nanoseconds.
  private let inputTime = Atomic<UInt64>(0)
  /// Whether GTK's thread waits for a frame.
  private let isMotionAwaited = Atomic(false)

  /// The receiver of the news, on GTK's thread.
  @MainActor var onNews: (@MainActor (News) -> Void)?

  init() throws(SystemCallError) {
    wakeup = try Self.eventDescriptor()
    answer = try Self.eventDescriptor()
  }

  private static func eventDescriptor() throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("eventfd", on: "the render thread") { vgpu_eventfd() }
    return OwnedFileDescriptor(owning: Int32(fd))
  }

  // MARK: GTK's thread

  /// Leaves an order, and wakes the render thread.
  func order(_ change: (inout Orders) -> Void) {
    orders.withLock { change(&$0) }
    _ = eventfd_write(wakeup.rawValue, 1)
  }

  /// Leaves an order and waits until it is followed, at most as long as one drawing takes.
  @MainActor
  func settle(_ change: (inout Orders) -> Void) {
    order { orders in
      change(&orders)
      orders.isAwaited = true
    }
    waitForAnswer()
  }

  /// Has the canvas released, and waits for that, at most as long as one drawing takes.
  @MainActor
  func orderAndWait(_ change: (inout Orders) -> Void) {
    order(change)
    waitForAnswer()
    // Drop the news of the released canvas. That the guest has ended stays true.
    news.withLock { news in
      guard let late = news else { return }
      news = News(message: late.message, isFinished: late.isFinished, hasMoved: late.hasMoved)
    }
  }

  /// Asks the render thread for a copy of the guest's present picture, and waits for it.
  @MainActor
  func picture() throws(ScreenshotError) -> Picture {
    let request = PictureRequest()
    order { $0.picture = request }
    waitForAnswer()
    return try request.picture()
  }

  private func waitForAnswer() {
    var entry = pollfd(fd: answer.rawValue, events: Int16(POLLIN), revents: 0)
    while true {
      var count: eventfd_t = 0
      if poll(&entry, 1, -1) > 0, eventfd_read(answer.rawValue, &count) == 0 { break }
    }
  }

  /// Notes that the guest was told of input, and is likely to react on its screen. The first input
  /// for a while wakes the render thread, which sleeps longer while the guest is at rest.
  func hasSentInput() {
    let now = MonotonicInstant.now
    let last = inputTime.exchange(now.nanoseconds, ordering: .relaxed)
    guard now.nanoseconds(since: MonotonicInstant(nanoseconds: last)) > FrameDirector.rest / 2
    else { return }
    _ = eventfd_write(wakeup.rawValue, 1)
  }

  /// Has the next presented frame told, once.
  func awaitMotion() { isMotionAwaited.store(true, ordering: .relaxed) }

  /// The statistics so far.
  var statistics: ViewerStatistics { shown.withLock { $0 } }

  // MARK: The render thread

  /// The time of the guest's last input.
  var lastInput: MonotonicInstant {
    MonotonicInstant(nanoseconds: inputTime.load(ordering: .relaxed))
  }

  /// All orders since the last call.
  func takeOrders() -> Orders {
    var count: eventfd_t = 0
    _ = eventfd_read(wakeup.rawValue, &count)
    return orders.withLock { orders in
      defer { orders = Orders() }
      return orders
    }
  }

  /// Answers an order that GTK's thread waits for.
  func letGo() { _ = eventfd_write(answer.rawValue, 1) }

  /// Leaves news, and wakes GTK's thread once for any number of news.
  func tell(_ change: (inout News) -> Void) {
    let isFirst = news.withLock { news in
      let isFirst = news == nil
      var changed = news ?? News()
      change(&changed)
      news = changed
      return isFirst
    }
    guard isFirst else { return }
    g_idle_add_full(
      G_PRIORITY_DEFAULT, onIdle, Unmanaged.passRetained(self).toOpaque(), nil)
  }

  /// Tells of a presented frame when GTK's thread waits for one.
  func hasPresented() {
    // Read before it is exchanged, because it is false at nearly every frame.
    guard isMotionAwaited.load(ordering: .relaxed),
      isMotionAwaited.exchange(false, ordering: .relaxed)
    else { return }
    tell { $0.hasMoved = true }
  }

  func update(_ change: (inout ViewerStatistics) -> Void) { shown.withLock { change(&$0) } }

  @MainActor
  fileprivate func deliver() {
    let news = news.withLock { news in
      defer { news = nil }
      return news
    }
    if let news { onNews?(news) }
  }
}

private func onIdle(_ data: UnsafeMutableRawPointer?) -> gboolean {
  guard let data else { return 0 }
  let link = Unmanaged<RenderLink>.fromOpaque(data).takeRetainedValue()
  MainActor.assumeIsolated { link.deliver() }
  return 0
}

/// A copy of the guest's picture for GTK's thread. The render thread makes the copy, because only
/// it may use the source.
final class PictureRequest: Sendable {
  private let outcome = Mutex<Result<Picture, ScreenshotError>>(
    .failure(.noPicture("the view has ended")))

  func settle(_ outcome: Result<Picture, ScreenshotError>) {
    self.outcome.withLock { $0 = outcome }
  }

  func picture() throws(ScreenshotError) -> Picture { try outcome.withLock { $0 }.get() }
}
