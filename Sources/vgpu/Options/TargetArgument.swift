// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import Attachment
import Guests

/// What every command that looks at a guest takes.
struct TargetArgument: ParsableArguments {
  @Argument(
    help: """
      Name the guest: mdev:UUID, pci:ADDRESS, pid:N, libvirt:[session/|system/]NAME, bridge:PATH[/UUID], \
      qmp:PATH or demo.
      """)
  var target: Target

  @Option(
    help: ArgumentHelp(
      """
      Show the VFIO device with this file descriptor in the process, if the process has several. \
      (default for a libvirt domain: the first device with a display)
      """,
      valueName: "fd"))
  var device: Int32?

  @Option(
    help: ArgumentHelp(
      """
      Show this screen of a guest that QEMU itself shows; the first is 0. With `vgpu view`, all shows each \
      of them in a window of its own.
      """, valueName: "n"))
  var head: HeadChoice?

  /// The guest that is named.
  ///
  /// - Parameters:
  ///   - qmp: where its QEMU serves QMP, if the user has said so.
  ///   - agent: where the port of its agent is, if the user has said so.
  func guest(qmp: String? = nil, agent: String? = nil) -> Guest {
    let number = if case .one(let number) = head { number } else { 0 }
    return Guest(target, descriptor: device, head: number, qmpSocket: qmp, agentSocket: agent)
  }

  /// Refuses what only a window can show.
  func refuseSeveralHeads() throws {
    if head == .all { throw ValidationError("--head all: give one number, such as --head 0") }
  }
}

/// Where the guest's agent is.
struct AgentOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Use this Unix socket of the guest's agent. (default: vgpu looks for one)", valueName: "path"),
    completion: .file())
  var agent: String?
}

/// The screens of a guest that a command shows.
enum HeadChoice: Hashable, ExpressibleByArgument {
  case one(Int)
  case all

  init?(argument: String) {
    if argument == "all" {
      self = .all
    } else if let number = Int(argument), (0..<64).contains(number) {
      self = .one(number)
    } else {
      return nil
    }
  }
}

extension Target: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }

  public static var defaultCompletionKind: CompletionKind { .targets }
}
