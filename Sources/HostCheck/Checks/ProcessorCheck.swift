// SPDX-License-Identifier: Apache-2.0

/// Checks that the processor has graphics that GVT-g knows: Broadwell to Comet Lake.
struct ProcessorCheck: Check {
  let id = "cpu"
  let title = "Processor"
  let area = CheckArea.hardware
  let purposes: Set<Purpose> = [.gvtG, .igd]
  let why = "GVT-g works with the graphics of Intel's Broadwell to Comet Lake (2014 to 2020)."
  let documentation = "docs/host.md#hardware"

  func examine(_ machine: Machine) -> Verdict {
    if let verdict = machine.otherDriver { return verdict }
    guard let processor = machine.processor else {
      return .notApplicable("/proc/cpuinfo tells no x86 processor")
    }
    let number = "family \(processor.family), model \(processor.model)"
    let found = "\(processor.name) (\(number))"
    guard processor.isIntel else {
      return .fail(
        "\(found): not Intel's",
        remedy: "take a host with Intel graphics, or hand a card over: vgpu doctor --for gpu")
    }
    if machine.purpose == .igd { return .ok(found) }
    guard let generation = processor.gvtGeneration else {
      return .fail(
        "\(found): none of Broadwell to Comet Lake",
        remedy: "hand the GPU over whole: vgpu doctor --for igd")
    }
    return .ok("\(found): \(generation)")
  }
}
