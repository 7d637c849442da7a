// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import GuestSession
public import QEMU

/// The options of the host's network, processors and memory that a guest runs on.
struct ResourceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Connect the guest to a network. user: through QEMU, needs no rights. tap:NAME: through this TAP \
      interface of the host. tap: through a new interface (needs root). none: no network.
      """,
      valueName: "user|tap[:name]|none"))
  var network = GuestNetwork.user

  @Option(
    help: ArgumentHelp(
      """
      Give the guest a folder of the host; with :ro, the guest may only read. Repeat for more \
      folders. vgpu prints the command that mounts it in the guest. (virtiofsd serves the folder if it \
      is installed, else QEMU by 9p)
      """,
      valueName: "folder[:ro]"),
    completion: .directory)
  var share: [SharedFolder] = []

  @Flag(
    inversion: .prefixedNo,
    help: """
      Let KVM run the guest. With --no-kvm QEMU emulates the guest's processors, which is slow. \
      (default: if you may use KVM)
      """)
  var kvm: Bool?

  @Flag(
    help: """
      Pin each processor of the guest to one processor of the host, and show the guest the real cores \
      and threads.
      """)
  var pin = false

  @Option(
    defaultAsFlag: HugePages.Size.twoMiB,
    help: ArgumentHelp(
      "Put the guest's memory in huge pages of 2M or 1G.",
      valueName: "size"))
  var hugepages: HugePages.Size?

  func add(to plan: inout GuestPlan) {
    plan.network = network
    plan.shares = share
    plan.hasKVM = kvm
    plan.isPinned = pin
    plan.hugePages = hugepages
  }

  private enum CodingKeys: CodingKey {
    case network, share, kvm, pin, hugepages
  }
}

extension GuestNetwork: ExpressibleByArgument {}

extension SharedFolder: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension HugePages.Size: ExpressibleByArgument {}
