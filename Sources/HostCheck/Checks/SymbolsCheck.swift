// SPDX-License-Identifier: Apache-2.0

/// Checks that the kernel also exports symbols that none of its own modules needs.
struct SymbolsCheck: Check {
  let id = "ksyms"
  let title = "Exported symbols"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.gvtG]
  let why = "kvmgt may not work with a kernel whose symbols are trimmed."
  let documentation = "https://github.com/intel/gvt-linux/issues/57"

  func examine(_ machine: Machine) -> Verdict {
    guard let config = machine.config else {
      return .notApplicable("unknown: the kernel's options cannot be read")
    }
    return config.has("TRIM_UNUSED_KSYMS")
      ? .warn("CONFIG_TRIM_UNUSED_KSYMS is set", remedy: "take a kernel without that option")
      : .ok("not trimmed")
  }
}
