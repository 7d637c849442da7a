// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import EGLPresenter
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
    var geometry: SurfaceGeometry?
    var scaling: ScalingMode?
    /// Nanoseconds between two refreshes of the monitor, according to GDK.
    var fallbackInterval: Int?
    /// The most frames to present.
    var frameLimit: Int?
    /// The picture to lay over the guest's picture; `.some(nil)` removes it.
    var overlay: Overlay??
    /// A copy of the guest's picture that GTK's thread waits for.
    var picture: PictureRequest?
    /// GTK's thread has painted the widget with the frame that the render thread copied.
    var hasPainted = false
  }

  /// News from the render thread.
  struct News {
    /// The picture's place, and whether it contains a pointer; `nil` when both are unchanged.
    var picture: Shown?
    /// Why there is no picture.
    var message: ViewMessage?
    /// The canvas failed.
    var failure: GraphicsError?
    /// The requested number of frames has been presented.
    var isFinished = false
    /// The widget must be painted anew.
    var wantsPaint = false
  }

  /// A shown picture.
  struct Shown: Equatable {
    var placement: Placement
    var hasPointer: Bool
  }

  /// An eventfd that wakes the render thread.
  let wakeup: OwnedFileDescriptor
  /// An eventfd by which the render thread answers orders that GTK's thread waits for.
  private let answer: OwnedFileDescriptor
  private let orders = Mutex(Orders())
  private let news = Mutex<News?>(nil)
  private let shown = Mutex(ViewerStatistics())
  /// The time of the guest's last input; CLOCK_MONOTONIC, in nanoseconds.
  private let inputTime = Atomic<UInt64>(0)

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

  /// Leaves an order and waits for its answer, at most as long as one drawing takes.
  @MainActor
  func orderAndWait(_ change: (inout Orders) -> Void) {
    order(change)
    waitForAnswer()
    // Drop the news of the released canvas.
    news.withLock { news in
      guard let late = news else { return }
      news = News(isFinished: late.isFinished)
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

  /// Notes that the guest was told of input, and is likely to react on its screen. It wakes no
  /// thread.
  func hasSentInput() { inputTime.store(MonotonicInstant.now.nanoseconds, ordering: .relaxed) }

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
