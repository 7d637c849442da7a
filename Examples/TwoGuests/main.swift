// SPDX-License-Identifier: Apache-2.0
//
// A manager of two guests: starts a QEMU on each of two vGPUs and shows both in one window, side by
// side. When the window is closed, the guests are ended.
//
//     swift run two-guests UUID UUID QEMU [QEMU ARGUMENT]...

import Attachment
import CGTK3
import CX11
import EGLPresenter
import Foundation
import GuestSession
import HostDevices
import QEMU
import ViewerGTK

/// What the user reads when it does not work: one line.
struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// A guest that this manager has started, and its frames.
struct Guest {
  let running: RunningGuest
  let source: AttachedSource

  /// - Parameter extra: further arguments for QEMU, the same for every guest.
  init(on uuid: MdevUUID, in program: QEMUProgram, extra: [String]) async throws {
    var plan = GuestPlan(vGPU: .existing(uuid))
    plan.memory = 64
    plan.cpus = 1
    plan.machine = .pc
    plan.network = .none
    plan.extra = extra
    running = try await RunningGuest.start(
      plan, with: program, in: .user(program: "two-guests")
    ) { tell("\(uuid): \($0)") }
    do {
      source = try Self.source(of: running, uuid)
    } catch {
      try? await running.end(after: .zero)
      throw error
    }
  }

  private static func source(of guest: RunningGuest, _ uuid: MdevUUID) throws -> AttachedSource {
    // QEMU was handed the device open, and this is a duplicate; or QEMU has opened the vGPU itself,
    // and it is looked for in there.
    guard let vGPU = guest.vGPU, let device = guest.takeDevice() else {
      return try AttachedSource(.mdev(uuid), waiting: true)
    }
    return try AttachedSource(keeping: device, of: vGPU, process: guest.process.running)
  }
}

/// Shows guests side by side until the window is closed or SIGTERM comes.
@MainActor
func show(_ guests: [Guest]) async throws {
  guard let window = gtk_window_new(GTK_WINDOW_TOPLEVEL),
    let row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0)
  else { return }
  gtk_window_set_title(vgpu_gtk_window(window), "\(guests.count) guests")
  gtk_window_set_default_size(vgpu_gtk_window(window), 1300, 500)
  gtk_container_add(vgpu_gtk_container(window), row)
  for guest in guests {
    // Each view looks and draws on a thread of its own.
    let view = try GuestView(source: guest.source, scaling: .oneToOne)
    gtk_container_add(vgpu_gtk_container(row), view.widget)
  }
  g_unix_signal_add(
    SIGTERM,
    { window in
      gtk_widget_destroy(window?.assumingMemoryBound(to: GtkWidget.self))
      return 0
    }, window)
  // The program that started this one may have blocked it.
  var signals = sigset_t()
  sigemptyset(&signals)
  sigaddset(&signals, SIGTERM)
  pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  gtk_widget_show_all(window)
  await withCheckedContinuation { continuation in
    vgpu_connect(
      window, "destroy",
      { _, closing in
        guard let closing else { return }
        Unmanaged<Closing>.fromOpaque(closing).takeRetainedValue().continuation.resume()
      }, Unmanaged.passRetained(Closing(continuation)).toOpaque())
  }
}

/// Carries the wait for the window's end through GTK.
final class Closing {
  let continuation: CheckedContinuation<Void, Never>
  init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }
}

@MainActor
func run(_ arguments: [String]) async throws {
  guard arguments.count >= 3 else {
    throw Failure(description: "usage: two-guests UUID UUID QEMU [QEMU ARGUMENT]...")
  }
  let uuids = try arguments.prefix(2).map { try MdevUUID(parsing: $0) }
  let program = try QEMUProgram.probe(arguments[2])
  var guests: [Guest] = []
  let outcome: Result<Void, any Error>
  do {
    for uuid in uuids {
      guests.append(
        try await Guest(on: uuid, in: program, extra: Array(arguments.dropFirst(3))))
    }
    try await show(guests)
    outcome = .success(())
  } catch {
    outcome = .failure(error)
  }
  for guest in guests {
    do {
      // It has no system that could power down.
      try await guest.running.end(after: .zero)
    } catch {
      tell("\(error)")
    }
  }
  try outcome.get()
}

func tell(_ text: String) {
  FileHandle.standardError.write(Data("two-guests: \(text)\n".utf8))
}

ProcessState.repair()
XInitThreads()
guard gtk_init_check(nil, nil) != 0 else {
  tell("no display server")
  exit(1)
}
// GTK's loop has the main thread, and runs the main actor's work with the rest.
MainQueue.attach()
var status: Int32 = 0
Task { @MainActor in
  do {
    try await run(Array(CommandLine.arguments.dropFirst()))
  } catch {
    tell("\(error)")
    status = 1
  }
  gtk_main_quit()
}
gtk_main()
exit(status)
