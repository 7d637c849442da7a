// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSession
import QEMU

struct XMLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xml",
    abstract: "Print a guest as a libvirt domain.",
    discussion: """
      The options are those of `vgpu run`. Nothing is made or started. Disks must be on this host, \
      because vgpu reads their headers; other devices may be missing. libvirt binds PCI devices by \
      itself. libvirt 8.2 or newer is needed.

        vgpu xml --vgpu UUID --disk /srv/linux.qcow2 > guest.xml
        virsh define guest.xml && virsh start vgpu-UUID
        vgpu view libvirt:vgpu-UUID
      """)

  @OptionGroup var options: PlanOptions

  @Option(help: ArgumentHelp("Name the domain.", valueName: "name"))
  var name: String?

  @Option(help: ArgumentHelp("Use this QEMU.", valueName: "program"))
  var qemu = "qemu-system-x86_64"

  func validate() throws {
    guard let name else { return }
    guard !name.isEmpty, !name.contains(where: { $0 == "/" || $0.isNewline }) else {
      throw ValidationError(
        "--name: libvirt refuses an empty name, / and line breaks; give another name")
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
