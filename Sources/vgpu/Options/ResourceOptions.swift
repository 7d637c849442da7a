// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import GuestSession
public import QEMU

/// The options of the host's network, processors and memory that a guest runs on.
struct ResourceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Connect the guest. user: through QEMU, needs no rights. tap:NAME: through this interface of the \
      host. tap: through an interface that QEMU makes (needs root). none: not at all.
      """,
      valueName: "user|tap[:name]|none"))
  var network = GuestNetwork.user

  @Flag(
    help: """
      Run each of the guest's processors on one of the host's alone, and tell the guest which are \
      threads of one core.
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
    plan.isPinned = pin
    plan.hugePages = hugepages
  }

  private enum CodingKeys: CodingKey {
    case network, pin, hugepages
  }
}

extension GuestNetwork: ExpressibleByArgument {}

extension HugePages.Size: ExpressibleByArgument {}
