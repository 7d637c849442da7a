// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

/// An open device that whoever starts the program has left to it.
struct HandedDevice: Hashable {
  let vGPU: MdevUUID
  /// The descriptor's number in this process.
  let descriptor: Int32
}

extension HandedDevice: ExpressibleByArgument {
  /// Reads `UUID=N`; the first three descriptors are no devices.
  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let uuid = MdevUUID(String(parts[0])),
      parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int32(parts[1]), number > 2
    else { return nil }
    vGPU = uuid
    descriptor = number
  }
}
