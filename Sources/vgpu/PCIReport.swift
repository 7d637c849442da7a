// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What a command did to PCI functions.
enum PCIReport {
  static func print(_ bindings: [PCIBinding], _ output: JSONOption) throws {
    if output.json {
      vgpu.print(try JSONOutput.text(bindings))
      return
    }
    if bindings.isEmpty { vgpu.print("Nothing was changed, so there is nothing to restore.") }
    for binding in bindings { vgpu.print(line(binding)) }
  }

  private static func line(_ binding: PCIBinding) -> String {
    let now = binding.after ?? "no driver"
    if binding.before == binding.after { return "\(binding.address): \(now), as before" }
    return "\(binding.address): \(binding.before ?? "no driver") -> \(now)"
  }
}
