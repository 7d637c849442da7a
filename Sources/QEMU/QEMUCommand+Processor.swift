// SPDX-License-Identifier: Apache-2.0

extension GuestConfiguration {
  /// What `-cpu` gets.
  var processorOption: String {
    // Hyper-V's interfaces are KVM's: with emulation QEMU ignores them, or refuses to start.
    guard hasKVM else { return hidesHypervisor ? "max,tcg-cpuid=off" : "max" }
    var model = ["host"]
    if threads > 1, pinning?.isAMD == true { model.append("topoext=on") }
    if hidesHypervisor { model.append("kvm=off") }
    if isWindows {
      model += Self.enlightenments
      // Where KVM is hidden, the name that Hyper-V's interfaces give is what drivers look at.
      if hidesHypervisor { model.append("hv-vendor-id=\(Self.hyperVVendor)") }
    }
    return model.joined(separator: ",")
  }

  /// What `-smp` gets.
  var processorCount: String {
    pinning == nil ? "\(cpus)" : "\(cpus),sockets=1,cores=\(cpus / threads),threads=\(threads)"
  }

  /// How many of the guest's processors share a core. The emulated processor knows no threads.
  var threads: Int { hasKVM ? pinning?.threads ?? 1 : 1 }

  /// Twelve characters at most.
  static let hyperVVendor = "vgpuhost"

  /// Hyper-V's interfaces that QEMU recommends for Windows, less those that ask for a special
  /// processor (hv-evmcs, hv-avic) or are for debugging.
  private static let enlightenments = [
    "hv-relaxed=on", "hv-vapic=on", "hv-spinlocks=0x1fff", "hv-vpindex=on", "hv-runtime=on",
    "hv-time=on", "hv-synic=on", "hv-stimer=on", "hv-stimer-direct=on", "hv-reset=on",
    "hv-frequencies=on", "hv-reenlightenment=on", "hv-tlbflush=on", "hv-ipi=on",
  ]
}
