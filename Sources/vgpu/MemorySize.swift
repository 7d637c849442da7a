// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A guest's memory, as a user writes it: `8G`, `512M`, or a number of MiB.
struct MemorySize: ExpressibleByArgument {
  let mebibytes: Int

  init(mebibytes: Int) { self.mebibytes = mebibytes }

  init?(argument: String) {
    let unit = argument.last.map { String($0).lowercased() } ?? ""
    let factor = unit == "g" ? 1024 : 1
    let digits = unit == "g" || unit == "m" ? String(argument.dropLast()) : argument
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits),
      (1...1 << 24).contains(number)
    else { return nil }
    mebibytes = number * factor
  }

  var defaultValueDescription: String {
    mebibytes % 1024 == 0 ? "\(mebibytes / 1024)G" : "\(mebibytes)M"
  }
}
