// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

/// Which PCI functions a user means: one, `01:00.0`, or all of a device, `01:00`.
struct PCISelector: ExpressibleByArgument {
  let address: PCIAddress
  let isWholeDevice: Bool

  init(address: PCIAddress, isWholeDevice: Bool) {
    self.address = address
    self.isWholeDevice = isWholeDevice
  }

  init?(argument: String) {
    if let address = PCIAddress(argument) {
      self.init(address: address, isWholeDevice: false)
    } else if let address = PCIAddress("\(argument).0") {
      self.init(address: address, isWholeDevice: true)
    } else {
      return nil
    }
  }
}
