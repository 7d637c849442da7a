// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import GuestSession
public import QEMU

/// What a user can say of what the host gives a guest to run on.
struct ResourceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      user: through QEMU, needs no rights. tap:NAME: an interface of the host's, such as one on a \
      bridge. tap: QEMU makes one (root). none.
      """,
      valueName: "user|tap[:name]|none"))
  var network = GuestNetwork.user

  @Flag(
    help: """
      Give each of the guest's processors one of the host's, and tell the guest which are threads of \
      one core.
      """)
  var pin = false

  @Option(
    defaultAsFlag: HugePages.Size.twoMiB,
    help: ArgumentHelp(
      "Make the guest's memory of large pages: 2M (also without a value) or 1G.",
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
