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
      A vGPU (a mediated device, or a virtual function of SR-IOV) is a slice of a real GPU that belongs \
      to one guest. vgpu shows \
      the guest's screen in a window, at your monitor's own rate, without SPICE, VNC or a patched \
      QEMU.

      TARGET is one of
        mdev:UUID   the vGPU with this UUID; any process may use it
        pci:ADDRESS the vGPU that is this PCI function, such as a virtual function
                    (SR-IOV); any process may use it
        pid:N       the screen of process N, such as QEMU
        libvirt:NAME
                    a libvirt domain, by its name or UUID. vgpu looks among your
                    own domains (libvirt:session/NAME), then among the machine's
                    (libvirt:system/NAME). Root sees only the machine's.
        bridge:PATH[/UUID]
                    a screen from the bridge (`vgpu bridge`) at this socket. Add
                    the UUID when the bridge shows several vGPUs.
        qmp:PATH    the screen that QEMU shows itself (-display dbus,p2p=yes), by the
                    path of its QMP socket
        demo        a synthetic guest; try the viewer with it on any machine
      You can write a UUID without mdev:, an address without pci: (03:02.1 or 0000:03:02.1), and a \
      number without pid:.

      Exit codes:
      \(ExitReason.list)
      """,
    version: "0.1.0",
    subcommands: [
      TypesCommand.self, ListCommand.self, CreateCommand.self, StartCommand.self,
      RemoveCommand.self, InfoCommand.self, GuestsCommand.self, ViewCommand.self,
      ScreenshotCommand.self, BenchCommand.self,
      RunCommand.self, XMLCommand.self, CopyCommand.self, PlugCommand.self, UnplugCommand.self,
      EDIDCommand.self,
      PCICommand.self, BridgeCommand.self, DoctorCommand.self,
    ])

  /// As ArgumentParser's own, but for errors, which quote guests, QEMU, libvirt and files, and for
  /// results that are lost.
  static func main() {
    ProcessState.repair()
    OpenGLProbe.runIfAsked()
    do {
      do {
        var command = try parseAsRoot()
        try command.run()
      } catch let error where exitCode(for: error).isSuccess {
        try show(fullMessage(for: error))
      }
    } catch {
      end(error)
    }
  }

  /// Prints help, a version, a completion or a script for completion: the program's own, with a layout
  /// of its own.
  private static func show(_ text: String) throws {
    guard !text.isEmpty else { return }
    let isScript = text == completionScript(for: .bash)
    try OutputFile.write(Array((isScript ? bashCompletionScript : text + "\n").utf8), to: "-")
  }

  private static func end(_ error: any Error) -> Never {
    let text = fullMessage(for: error)
    let code = exitCode(for: error)
    guard code == .failure else {
      // Wrong usage comes with the usage, in lines.
      if !text.isEmpty { StandardError.draw(PlainText.lines(text) + "\n") }
      exit(withError: code)
    }
    StandardError.write(text)
    exit(withError: ExitCode(ExitReason(of: error).rawValue))
  }
}
