// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSession
import QEMU

struct XMLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xml",
    abstract: "Print a guest as a domain of libvirt's.",
    discussion: """
      The guest is the one that `vgpu run` starts with the same options; nothing is made or \
      started, and devices that this host lacks are taken as they were named. Disks must be here, \
      because their headers are read. libvirt binds devices that are \
      passed through by itself. Version 8.2 or newer is needed.

        vgpu xml --vgpu UUID --disk /srv/linux.qcow2 > guest.xml
        virsh define guest.xml && virsh start vgpu-UUID
        vgpu view libvirt:vgpu-UUID
      """)

  @OptionGroup var options: PlanOptions

  @Option(help: ArgumentHelp("The domain's name.", valueName: "name"))
  var name: String?

  @Option(help: ArgumentHelp("Which QEMU.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  func validate() throws {
    guard let name else { return }
    guard !name.isEmpty, !name.contains(where: { $0 == "/" || $0.isNewline }) else {
      throw ValidationError("--name: libvirt takes no empty name, and none with / or a line's end")
    }
  }

  func run() throws {
    let program = try QEMUProgram.probe(qemu)
    var configuration = try PlanOptions.carryingOut {
      try options.plan.configuration(for: program) { $0.show() }
    }
    if let name { configuration.name = name }
    print(try configuration.domainXML(emulator: program.path), terminator: "")
  }
}
