// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem
import SafeText

/// A host for the checks. It reads facts that several checks need only once.
struct Machine: Sendable {
  let host: HostHardware
  let purpose: Purpose
  /// The guest's memory in MiB.
  let guestMemory: Int
  let live: LiveFacts?

  /// `uname -r`.
  let release: String?
  let parameters: KernelParameters
  let modules: KernelModules
  let config: KernelConfig?
  let processor: Processor?
  let functions: [PCIFunction]
  let distribution: Distribution
  let parents: [MdevParent]
  /// The mdev types that may have a screen.
  let types: [MdevType]
  /// The mdev types that have no screen: channels, crypto devices.
  let otherTypes: [MdevType]
  /// A GPU that offers vGPUs with another driver than i915, when no Intel GPU offers any; `nil`
  /// when there is none, and for every purpose but vGPUs.
  let otherParent: MdevParent?
  /// The device for the guest; for GVT-g the GPU that is split. `nil` when there is none, and for a
  /// virtio GPU.
  let target: PCIFunction?
  /// The effective user id in `/proc/self/status`; `nil` when the tree does not contain it.
  let user: Int?

  init(
    host: HostHardware, purpose: Purpose, device: PCIAddress?, guestMemory: Int, live: LiveFacts?
  ) {
    self.host = host
    self.purpose = purpose
    self.guestMemory = guestMemory
    self.live = live
    let files = host.sysfs
    release = files.text("/proc/sys/kernel/osrelease")
    modules = KernelModules(files: files, release: release ?? "")
    parameters = KernelParameters(files: files, modules: modules)
    config = KernelConfig(files: files, release: release ?? "")
    processor = Processor(files: files)
    functions = (try? host.pciFunctions()) ?? []
    distribution = Distribution(files: files)
    parents = (try? host.parents()) ?? []
    let all = parents.flatMap { (try? host.allTypes(of: $0)) ?? [] }
    types = all.filter(\.canHaveScreen)
    otherTypes = all.filter { !$0.canHaveScreen }
    otherParent = Self.otherParent(functions, parents, types, purpose, device)
    target =
      device.map { host.pciFunction(at: $0) }
      ?? otherParent.flatMap { $0.pciAddress.map { host.pciFunction(at: $0) } }
      ?? Self.target(functions, purpose, host)
    user = files.lines("/proc/self/status").first { $0.hasPrefix("Uid:") }?
      .split { $0 == " " || $0 == "\t" }.dropFirst(2).first.flatMap { decimalNumber($0) }
  }

  var files: Sysfs { host.sysfs }

  var isRoot: Bool { user == 0 }

  /// The GPUs without virtual functions, because these have no screen.
  var displays: [PCIFunction] { functions.filter { $0.classCode.isDisplay && !$0.isVirtual } }

  /// Whether the split device already offers vGPUs. It then can, whatever other facts say.
  var offersTypes: Bool {
    guard let address = target?.address else { return false }
    let names = parents.filter { $0.pciAddress == address }.map(\.name)
    return types.contains { names.contains($0.parent) }
  }

  /// The verdict of a check of i915 when another driver makes the vGPUs.
  var otherDriver: Verdict? {
    otherParent.map { parent in
      .notApplicable("vGPUs are of \(parent.name) (\(target?.driver ?? "no driver")), not of i915")
    }
  }

  /// The verdict of a check of i915 when another driver makes the vGPUs, or when there is no GPU
  /// for i915.
  var notI915: Verdict? {
    otherDriver ?? (target == nil ? .notApplicable("no Intel GPU") : nil)
  }

  /// The kernel's own version.
  var version: KernelVersion? { release.flatMap(KernelVersion.init(release:)) }

  /// The target and the functions that a guest must get with it: the functions of its device that
  /// are in its IOMMU group.
  var companions: [PCIFunction] {
    target.map { target in
      functions.filter { $0.address == target.address || $0.goes(with: target) }
    } ?? []
  }

  func path(_ function: PCIFunction) -> String { "/sys/bus/pci/devices/\(function.address)" }

  /// The sizes of a function's BARs 0 to 5 in bytes, 0 for a missing BAR (file `resource`).
  func barSizes(of function: PCIFunction) -> [UInt64] {
    files.lines("\(path(function))/resource").prefix(6).map { line in
      let numbers = line.split(separator: " ").prefix(2).map { word in
        word.hasPrefix("0x") ? hexadecimalNumber(word.dropFirst(2), digits: 1...16) : nil
      }
      guard numbers.count == 2, let start = numbers[0], let end = numbers[1], end > start else {
        return 0
      }
      let size = (end - start).addingReportingOverflow(1)
      return size.overflow ? 0 : size.partialValue
    }
  }

  private static func otherParent(
    _ functions: [PCIFunction], _ parents: [MdevParent], _ types: [MdevType], _ purpose: Purpose,
    _ device: PCIAddress?
  ) -> MdevParent? {
    guard purpose == .gvtG else { return nil }
    let offering = parents.filter { parent in
      parent.pciAddress != nil && types.contains { $0.parent == parent.name }
    }
    let others = offering.filter { parent in
      !functions.contains { $0.address == parent.pciAddress && $0.vendor.rawValue == 0x8086 }
    }
    if let device { return others.first { $0.pciAddress == device } }
    return others.count == offering.count ? others.first : nil
  }

  /// The target's virtual functions (SR-IOV), by address.
  var virtualFunctions: [PCIFunction] {
    target.map { target in functions.filter { $0.physicalFunction == target.address } } ?? []
  }

  /// For virtio none; for SR-IOV and NVIDIA the first GPU that can be split; for GVT-g and igd the integrated GPU; for gpu the first graphics card that does not show the
  /// host's screen, else the first card.
  private static func target(
    _ functions: [PCIFunction], _ purpose: Purpose, _ host: HostHardware
  ) -> PCIFunction? {
    let displays = functions.filter { $0.classCode.isDisplay && !$0.isVirtual }
    let integrated = displays.filter { $0.vendor.rawValue == 0x8086 && $0.address.bus == 0 }
    switch purpose {
    case .virtio:
      return nil
    case .sriov:
      return displays.first { SRIOVGraphicsCheck.splits($0, host) } ?? integrated.first
        ?? displays.first { $0.vendor != NVIDIAGraphicsCheck.vendor }
    case .nvidia:
      let cards = displays.filter { $0.vendor == NVIDIAGraphicsCheck.vendor }
      return cards.first { NVIDIAManagerCheck.has($0, host) } ?? cards.first
    case .gvtG, .igd:
      return integrated.first
    case .gpu:
      let cards = displays.filter { !integrated.contains($0) }
      return cards.first { !$0.isBootVGA } ?? cards.first
    }
  }
}

extension Sequence<String> {
  /// `a, b and 3 more`.
  func list(limit: Int = 4) -> String {
    let all = Array(self)
    let shown = all.prefix(limit).joined(separator: ", ")
    return all.count > limit ? "\(shown) and \(all.count - limit) more" : shown
  }
}

extension PCIFunction {
  /// `0000:01:00.0 (10de:1c03)`.
  var label: String {
    "\(address) (\(vendor.description.dropFirst(2)):\(device.description.dropFirst(2)))"
  }
}

/// A size of memory, in GiB when it is a whole number of them, else in MiB.
func memorySize(_ bytes: UInt64) -> String {
  bytes >= 1 << 30 && bytes % (1 << 30) == 0 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
}
