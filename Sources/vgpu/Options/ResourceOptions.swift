// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
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

  /// Adds them to a guest whose processors and memory are known.
  ///
  /// - Parameter isHere: false for a command that is only printed: what this host lacks is left out
  ///   or supposed, and said.
  func add(to configuration: inout GuestConfiguration, isHere: Bool) throws {
    configuration.network = network
    if isHere { try network.check() }
    if pin {
      let count = configuration.cpus
      let choose = { try HostProcessors(allowed: HostProcessors.allowed()).pinning(count: count) }
      configuration.pinning = isHere ? try choose() : Note.orNil("--pin", "left out", choose)
    }
    guard let size = hugepages else { return }
    guard isHere else {
      configuration.hugePages = (try? HugePages.mounted(size)) ?? HugePages(size: size)
      return
    }
    let pages = try HugePages.mounted(size)
    try pages.check(mebibytes: configuration.memory)
    configuration.hugePages = pages
  }

  private enum CodingKeys: CodingKey {
    case network, pin, hugepages
  }
}

extension GuestNetwork: ExpressibleByArgument {}

extension HugePages.Size: ExpressibleByArgument {}
