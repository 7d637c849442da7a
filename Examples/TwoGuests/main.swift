// SPDX-License-Identifier: Apache-2.0
//
// A manager of two guests: starts a QEMU on each of two vGPUs and shows both in one window, side by
// side. Whoever closes the window ends the guests.
//
//     swift run two-guests UUID UUID QEMU [QEMU ARGUMENT]...

import Attachment
import CGTK3
import CX11
import EGLPresenter
import Foundation
import HostDevices
import LinuxSystem
import QEMU
import VFIO
import ViewerGTK

/// What the user reads when it does not work: one line.
struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// A guest that this manager has started.
struct Guest {
  let process: GuestProcess
  let source: AttachedSource

  /// - Parameter extra: further arguments for QEMU, the same for every guest.
  init(on vGPU: MdevDevice, by launcher: GuestLauncher, extra: [String]) throws {
    var configuration = GuestConfiguration(vGPU: vGPU)
    configuration.memory = 64
    configuration.cpus = 1
    configuration.machine = .pc
    configuration.network = .none
    configuration.hasKVM = access("/dev/kvm", R_OK | W_OK) == 0
    configuration.extra = extra
    // QEMU says on our standard error what it has to say.
    var started = try launcher.start(configuration, log: STDERR_FILENO)
    process = started.process
    do {
      guard let device = started.device.take() else {
        // This QEMU opens the vGPU itself. It is looked for in there.
        source = try AttachedSource(.mdev(vGPU.uuid), waiting: true)
        return
      }
      // It was handed the device open, and we have a duplicate. QEMU binds it as it starts; until
      // then it says nothing of itself.
      while (try? Device(owning: device.duplicate(of: "vGPU"), name: "vGPU")) == nil {
        if let end = process.end() { throw Failure(description: "\(vGPU.uuid): QEMU: \(end)") }
        Thread.sleep(forTimeInterval: 0.1)
      }
      source = try AttachedSource(keeping: device, of: vGPU, process: process.pid)
    } catch {
      Self.end(process)
      throw error
    }
  }

  /// Ends it as pulling the plug does.
  static func end(_ process: GuestProcess) {
    kill(process.pid, SIGKILL)
    _ = process.waitForEnd()
  }
}

/// Shows guests side by side until the window is closed or SIGTERM comes.
@MainActor
func show(_ guests: [Guest]) throws {
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
  vgpu_connect(window, "destroy", { _, _ in gtk_main_quit() }, nil)
  g_unix_signal_add(
    SIGTERM,
    { window in
      gtk_widget_destroy(window?.assumingMemoryBound(to: GtkWidget.self))
      return 0
    }, window)
  // Whoever started this program may have blocked it.
  var signals = sigset_t()
  sigemptyset(&signals)
  sigaddset(&signals, SIGTERM)
  pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  gtk_widget_show_all(window)
  gtk_main()
}

@MainActor
func run(_ arguments: [String]) throws {
  guard arguments.count >= 3 else {
    throw Failure(description: "usage: two-guests UUID UUID QEMU [QEMU ARGUMENT]...")
  }
  XInitThreads()
  guard gtk_init_check(nil, nil) != 0 else { throw Failure(description: "no display server") }
  let launcher = GuestLauncher(program: try QEMUProgram.probe(arguments[2]))
  var guests: [Guest] = []
  defer { for guest in guests { Guest.end(guest.process) } }
  for text in arguments.prefix(2) {
    guard let uuid = MdevUUID(text), let vGPU = HostHardware().device(uuid) else {
      throw Failure(description: "\(text): no vGPU of this host (vgpu list)")
    }
    guests.append(try Guest(on: vGPU, by: launcher, extra: Array(arguments.dropFirst(3))))
  }
  try show(guests)
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  FileHandle.standardError.write(Data("two-guests: \(error)\n".utf8))
  exit(1)
}
