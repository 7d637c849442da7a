// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSession
import SafeText

@main
struct VGPU: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vgpu",
    abstract: "Make virtual GPUs, run guests on them and show the guests' screens.",
    discussion: """
      A vGPU (mediated device, mdev) is a slice of a real GPU that belongs to one guest. vgpu shows \
      the guest's screen in a window, at your monitor's own rate, without SPICE, VNC or a patched \
      QEMU.

      TARGET is one of
        mdev:UUID   the vGPU with this UUID; any process may use it
        pid:N       the screen of process N: QEMU, or another user of a VFIO device
        libvirt:NAME
                    a libvirt domain, by its name or UUID. vgpu looks among your
                    own domains (libvirt:session/NAME), then among the machine's
                    (libvirt:system/NAME). Root has only the machine's.
        bridge:PATH[/UUID]
                    a screen from the bridge (`vgpu bridge`) at this socket. Add
                    the UUID when the bridge shows several vGPUs.
        demo        a synthetic guest, to try the viewer on any machine
      You can write a UUID without mdev: and a number without pid:.

      Exit codes: 0 done, 1 failed, 64 wrong usage.
      """,
    version: "0.1.0",
    subcommands: [
      TypesCommand.self, ListCommand.self, CreateCommand.self, StartCommand.self,
      RemoveCommand.self, InfoCommand.self, ViewCommand.self, ScreenshotCommand.self,
      BenchCommand.self,
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
