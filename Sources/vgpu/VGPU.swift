// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSession
import SafeText

@main
struct VGPU: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vgpu",
    abstract: "Make virtual GPUs and look straight into them.",
    discussion: """
      A vGPU (mediated device, mdev) is a slice of a real GPU that a virtual machine has to itself. \
      vgpu shows what a guest draws on it in a window at the monitor's own rate, without SPICE, \
      VNC or a patched QEMU.

      TARGET is one of
        mdev:UUID   the vGPU with that UUID, whichever process uses it
        pid:N       what a process shows, QEMU or any other that holds a VFIO device
        libvirt:NAME
                    a domain of libvirt's, by its name or UUID: one of your own
                    (libvirt:session/NAME), or else of the machine's
                    (libvirt:system/NAME); for root only of the machine's
        bridge:PATH[/UUID]
                    what a bridge shows (`vgpu bridge`), by its socket's path; with
                    a UUID where it shows several
        demo        a synthetic guest, to try the viewer on any machine
      A bare UUID or number is taken for one of the first two.

      Exit codes: 0 done, 1 failed, 64 wrong usage.
      """,
    version: "0.1.0",
    subcommands: [
      TypesCommand.self, ListCommand.self, CreateCommand.self, StartCommand.self,
      RemoveCommand.self, InfoCommand.self, ViewCommand.self, ScreenshotCommand.self, BenchCommand.self,
      RunCommand.self, XMLCommand.self, PlugCommand.self, UnplugCommand.self, EDIDCommand.self,
      PCICommand.self, BridgeCommand.self, DoctorCommand.self,
    ])

  /// As ArgumentParser's own, but for errors, which quote guests, QEMU, libvirt and files.
  static func main() {
    ProcessState.repair()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      let code = exitCode(for: error)
      // Help, which is the program's own and has its own layout.
      if code.isSuccess { exit(withError: error) }
      let text = fullMessage(for: error)
      if !text.isEmpty {
        // Wrong usage comes with the usage, in lines.
        if code == .failure {
          StandardError.write(text)
        } else {
          StandardError.draw(PlainText.lines(text) + "\n")
        }
      }
      exit(withError: code)
    }
  }
}
