// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What a change has done as lines of text, in which the helper tells it: `made DEVICE` for a vGPU, and
/// `binding ADDRESS/BEFORE/AFTER` for a function, with nothing for no driver. A name in sysfs has no slash,
/// and may have spaces.
package enum OutcomeLines {
  private static let made = "made "
  private static let binding = "binding "

  /// Writes an outcome.
  package static func text(of outcome: HostChange.Outcome) -> String {
    let lines =
      outcome.made.map { made + $0.busName }
      + outcome.bindings.map {
        "\(binding)\($0.address)/\($0.before ?? "")/\($0.after ?? "")"
      }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Reads what `text` wrote; `nil` for anything else.
  package static func outcome(in text: [UInt8]) -> HostChange.Outcome? {
    var outcome = HostChange.Outcome()
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix(made) {
        guard let device = AssignedDevice(busName: String(line.dropFirst(made.count))) else {
          return nil
        }
        outcome.made.append(device)
      } else if line.hasPrefix(binding) {
        guard let value = Self.binding(in: line.dropFirst(binding.count)) else { return nil }
        outcome.bindings.append(value)
      } else {
        return nil
      }
    }
    return outcome
  }

  private static func binding(in text: Substring) -> PCIBinding? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let address = PCIAddress(parts[0]) else { return nil }
    let drivers = parts[1...].map { $0.isEmpty ? nil : $0 }
    guard drivers.allSatisfy({ $0.map(Sysfs.isName) ?? true }) else { return nil }
    return PCIBinding(address: address, before: drivers[0], after: drivers[1])
  }
}
