// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct PCICommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pci",
    abstract: "List PCI devices by IOMMU group, hand them to guests and take them back.",
    subcommands: [
      PCIListCommand.self, PCIBindCommand.self, PCIUnbindCommand.self, PCIRestoreCommand.self,
    ])
}

/// PCI functions as a person names them.
struct PCIAddressArguments: ParsableArguments {
  @Argument(help: "A PCI function, as 0000:01:00.0 or 01:00.0.")
  var addresses: [String]

  func parsed() throws -> [PCIAddress] { try addresses.map(PCIAddressArguments.address) }

  static func address(_ text: String) throws -> PCIAddress {
    guard let address = PCIAddress(text) else {
      throw ValidationError(
        "\(text.debugDescription): not a PCI address; it must look like 0000:01:00.0")
    }
    return address
  }
}
