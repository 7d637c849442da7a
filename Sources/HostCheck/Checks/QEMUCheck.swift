// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import QEMU

/// Checks the installed QEMU and its abilities.
struct QEMUCheck: Check {
  let id = "qemu"
  let title = "QEMU"
  let area = CheckArea.qemu
  let purposes = Set(Purpose.allCases)
  let why = "QEMU runs the guest; QEMU 10 takes an open device, and then needs no rights."
  let documentation = "https://www.qemu.org/docs/master/devel/vfio-iommufd.html"

  func examine(_ machine: Machine) -> Verdict {
    guard let live = machine.live else {
      return .notApplicable("cannot be known from a captured tree")
    }
    switch live.qemu {
    case .failure(let error):
      return .fail(
        "\(error)", remedy: "\(machine.distribution.installing(.qemu)), or name it with --qemu")
    case .success(let program):
      let version = Self.version(program.version)
      let name = "\(program.path), \(version.map { "\($0.major).\($0.minor)" } ?? program.version)"
      if let version, version < KernelVersion(2, 12) {
        return .fail("\(name): no VFIO display", remedy: "install 2.12 or newer")
      }
      return program.takesDescriptors
        ? .ok("\(name): takes iommufd and open devices")
        : .ok("\(name): opens devices itself; takes neither iommufd nor open devices")
    }
  }

  /// The version in a text such as `QEMU emulator version 7.2.22 (Debian …)`.
  private static func version(_ text: String) -> KernelVersion? {
    text.split(separator: " ").firstIndex(of: "version").flatMap { index in
      text.split(separator: " ").dropFirst(index + 1).first
        .flatMap { KernelVersion(release: String($0)) }
    }
  }
}
