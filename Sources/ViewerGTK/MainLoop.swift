// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import Dispatch

#if !GTK
  #error("ViewerGTK needs the trait GTK of swift-vgpu, and libgtk-3-dev")
#endif

/// Turns the data pointer of a C callback back into its object. GTK and libwayland's default queue
/// call on the main thread alone.
func onMain<Object: AnyObject & Sendable>(
  _ data: UnsafeMutableRawPointer?, as type: Object.Type, _ body: @MainActor (Object) -> Void
) {
  onMain(data, as: type, otherwise: (), body)
}

/// The same for a callback that answers: `otherwise` without an object.
func onMain<Object: AnyObject & Sendable, Answer: Sendable>(
  _ data: UnsafeMutableRawPointer?, as type: Object.Type, otherwise: Answer,
  _ body: @MainActor (Object) -> Answer
) -> Answer {
  guard let data else { return otherwise }
  let object = Unmanaged<Object>.fromOpaque(data).takeUnretainedValue()
  return MainActor.assumeIsolated { body(object) }
}

extension Unmanaged {
  /// The data pointer for a callback that does not keep its object alive.
  static func borrowed(_ object: Instance) -> UnsafeMutableRawPointer {
    passUnretained(object).toOpaque()
  }
}

/// GTK's main loop, from any thread.
enum MainLoop {
  /// Calls a function on the main thread soon (g_idle_add_full), also within a loop that waits for an
  /// answer. `Task { @MainActor in }` would not: its work does not begin within another work of the
  /// actor's.
  static func call(_ body: @escaping @MainActor @Sendable () -> Void) {
    g_idle_add_full(
      G_PRIORITY_DEFAULT, onCall, Unmanaged.passRetained(Call(body)).toOpaque(), nil)
  }

  fileprivate final class Call: Sendable {
    let body: @MainActor @Sendable () -> Void
    init(_ body: @escaping @MainActor @Sendable () -> Void) { self.body = body }
  }
}

private func onCall(_ data: UnsafeMutableRawPointer?) -> gboolean {
  guard let data else { return 0 }
  let call = Unmanaged<MainLoop.Call>.fromOpaque(data).takeRetainedValue()
  MainActor.assumeIsolated { call.body() }
  return 0
}

/// A repeating call on GTK's main loop (g_timeout_add), until it is stopped or released.
@MainActor
final class Timer {
  private let body: @MainActor () -> Void
  private var id: guint = 0

  init(milliseconds: Int, _ body: @escaping @MainActor () -> Void) {
    self.body = body
    id = g_timeout_add(guint(milliseconds), onTime, Unmanaged.borrowed(self))
  }

  isolated deinit {
    if id != 0 { g_source_remove(id) }
  }

  fileprivate func fire() { body() }
}

private func onTime(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: Timer.self) { $0.fire() }
  return 1
}

/// The main actor in a program whose main thread runs GLib's main loop: gtk_main(3),
/// g_application_run, g_main_loop_run.
///
/// The main actor's work and that of Dispatch's main queue run when the main thread asks for it. GLib's
/// loop does not, so `Task { @MainActor in }`, `MainActor.run` and `DispatchQueue.main.async` would wait
/// for ever.
@MainActor
public enum MainQueue {
  private static var source: guint = 0

  /// Has GLib's default main context run that work too, until the process ends. Call this on the main
  /// thread before the loop; a further call does nothing. `Viewer.run` and `GuestView` call it.
  ///
  /// The program needs a synchronous main function, and starts asynchronous work with `Task`. In an
  /// asynchronous one the loop would be a piece of the main actor's work itself, and the main actor does
  /// one piece after the other.
  public static func attach() {
    guard source == 0 else { return }
    source = g_unix_fd_add(_dispatch_get_main_queue_handle_4CF(), G_IO_IN, onMainQueue, nil)
  }
}

private func onMainQueue(
  _ descriptor: gint, _ condition: GIOCondition, _ data: UnsafeMutableRawPointer?
) -> gboolean {
  // Before the work, so that work that comes meanwhile makes it readable again.
  var count: eventfd_t = 0
  _ = eventfd_read(descriptor, &count)
  _dispatch_main_queue_callback_4CF(nil)
  return 1
}
