// SPDX-License-Identifier: Apache-2.0

@testable import HostCheck

extension Target {
  /// A file of `modprobe.d`, and the kernel's own command line.
  static let modprobe = Target(name: "modprobe") { bytes in
    for line in ModprobeConfiguration.lines(of: bytes, in: "") {
      precondition(!line.command.isEmpty && !line.module.contains("-"))
      for argument in KernelArgument.list(line.rest) { _ = argument.parameter }
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
