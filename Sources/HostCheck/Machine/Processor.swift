// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The first processor of `/proc/cpuinfo`.
struct Processor: Sendable {
  let vendor: String
  let name: String
  let family: Int
  let model: Int
  private let flags: Set<Substring>

  init?(files: Sysfs) {
    var values: [Substring: Substring] = [:]
    for line in files.lines("/proc/cpuinfo", limit: 16 << 20) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let key = line[..<colon].prefix { $0 != "\t" }
      if values[key] != nil { break }
      values[key] = line[line.index(after: colon)...].drop { $0 == " " }
    }
    guard let vendor = values["vendor_id"], let family = values["cpu family"].flatMap({ Int($0) }),
      let model = values["model"].flatMap({ Int($0) })
    else { return nil }
    self.vendor = String(vendor)
    name = String(values["model name"] ?? vendor)
    self.family = family
    self.model = model
    flags = Set((values["flags"] ?? "").split(separator: " "))
  }

  var isIntel: Bool { vendor == "GenuineIntel" }

  /// Intel VT-x or AMD-V.
  var hasVirtualization: Bool { flags.contains("vmx") || flags.contains("svm") }

  /// The generation of a processor whose graphics GVT-g knows (`asm/intel-family.h`); `nil` for
  /// other processors.
  var gvtGeneration: String? {
    guard isIntel, family == 6 else { return nil }
    return switch model {
    case 0x3d, 0x47, 0x4f, 0x56: "Broadwell"
    case 0x4e, 0x5e, 0x55: "Skylake"
    // Coffee, Whiskey, Amber and the first Comet Lakes have Kaby Lake's numbers.
    case 0x8e, 0x9e: "Kaby Lake or Coffee Lake"
    case 0xa5, 0xa6: "Comet Lake"
    case 0x5c: "Apollo Lake"
    default: nil
    }
  }
}
