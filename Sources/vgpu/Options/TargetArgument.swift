// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import Attachment
import Guests

/// What every command that looks at a guest takes.
struct TargetArgument: ParsableArguments {
  @Argument(help: "mdev:UUID, pid:N, libvirt:[session/|system/]NAME, bridge:PATH[/UUID] or demo.")
  var target: Target

  @Option(
    help: ArgumentHelp(
      """
      Which of a process's VFIO devices, by its file descriptor's number there; for a domain of \
      libvirt's the first that has a display, unless this is given.
      """,
      valueName: "fd"))
  var device: Int32?

  /// The guest that is named.
  ///
  /// - Parameter qmp: where its QEMU serves QMP, if the user has said so.
  func guest(qmp: String? = nil) -> Guest {
    Guest(target, descriptor: device, qmpSocket: qmp)
  }
}

extension Target: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
