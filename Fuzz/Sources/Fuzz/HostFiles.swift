// SPDX-License-Identifier: Apache-2.0

@testable import HostCheck

extension Target {
  /// A file of `modprobe.d`, and the kernel's own command line.
  static let modprobe = Target(name: "modprobe") { bytes in
    let configuration = ModprobeConfiguration(
      lines: ModprobeConfiguration.lines(of: bytes, in: "file"))
    for line in configuration.lines {
      precondition(!line.command.isEmpty && !line.module.contains("-"))
      for argument in KernelArgument.list(line.rest) { _ = argument.parameter }
    }
    for module in ["i915", "vfio_pci"] {
      for option in configuration.options(of: module) { _ = option.argument.parameter }
      precondition(configuration.obstacle(to: module)?.isEmpty != true)
    }
  }

  /// A file of shell variables, as mkinitcpio and dracut have them.
  static let shell = Target(name: "shell-variables") { bytes in
    var variables = ShellAssignments()
    variables.read(bytes)
    for name in ["MODULES", "HOOKS", "add_drivers", "default_options"] {
      precondition(variables[name].allSatisfy { !$0.isEmpty })
    }
  }
}
