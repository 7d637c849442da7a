// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSession
import QEMU

struct XMLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xml",
    abstract: "Print a guest as a libvirt domain.",
    discussion: """
      xml takes the options of `vgpu run`, and makes and starts nothing. The disks must be on this host, \
      because vgpu reads their headers; other devices may be missing. libvirt binds PCI devices by \
      itself. The domain needs libvirt 8.4 or newer; without QEMU's D-Bus display, 8.2.

        vgpu xml --vgpu UUID --disk /srv/linux.qcow2 > guest.xml
        virsh define guest.xml && virsh start vgpu-UUID
        vgpu view libvirt:vgpu-UUID

        vgpu xml --name linux --disk /srv/linux.qcow2 > guest.xml
      """)

  @OptionGroup var options: PlanOptions

  @Option(help: ArgumentHelp("Use this QEMU.", valueName: "program"), completion: .file())
  var qemu = "qemu-system-x86_64"

  func run() throws {
    let program = try QEMUProgram.probe(qemu)
    let configuration = try PlanOptions.carryingOut {
      try options.plan.configuration(for: program, tryingOpenGL: OpenGLProbe.trial) { $0.show() }
    }
    try print(configuration.domainXML(emulator: program.path), terminator: "")
  }
}
