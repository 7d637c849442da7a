// SPDX-License-Identifier: Apache-2.0

/// Checks for VT-x or AMD-V, because KVM needs one of them.
struct VirtualizationCheck: Check {
  let id = "virtualization"
  let title = "Virtualization"
  let area = CheckArea.hardware
  let purposes = Set(Purpose.allCases)
  let why = "Without VT-x or AMD-V there is no KVM, and without KVM no vGPU and no fast guest."
  let documentation = "https://docs.kernel.org/virt/kvm/index.html"

  func examine(_ machine: Machine) -> Verdict {
    guard let processor = machine.processor else {
      return .notApplicable("/proc/cpuinfo tells no x86 processor")
    }
    guard processor.hasVirtualization else {
      return .fail(
        "the processor shows neither vmx nor svm",
        remedy: "switch VT-x (Intel) or SVM (AMD) on in the firmware")
    }
    return .ok(processor.isIntel ? "VT-x" : "AMD-V")
  }
}
