// SPDX-License-Identifier: Apache-2.0

public import HostDevices
import JSONText
import SafeText

/// The report on a host for a purpose: every check's finding, by area, always in the same order.
///
/// In JSON: `purpose`, `pciAddress` for the device, null when there is none, `findings`, and `isReady`.
public struct HostReport: Codable, Sendable {
  /// The purpose of the host.
  public let purpose: Purpose
  /// The device for a guest, or the GPU that is split into vGPUs; `nil` when the host has no
  /// suitable one.
  public let device: PCIAddress?
  /// The findings of all checks.
  public let findings: [Finding]

  private enum CodingKeys: String, CodingKey {
    case purpose
    case device = "pciAddress"
    case findings
  }

  private enum DerivedKey: String, CodingKey { case isReady }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(purpose, forKey: .purpose)
    try values.encode(device, forKey: .device)
    try values.encode(findings, forKey: .findings)
    var derived = encoder.container(keyedBy: DerivedKey.self)
    try derived.encode(isGood, forKey: .isReady)
  }

  /// Runs all checks for a purpose. It changes nothing.
  ///
  /// - Parameters:
  ///   - host: the host to check: this machine, or a tree captured on another machine.
  ///   - purpose: the purpose of the host.
  ///   - device: the device for a guest; `nil` for the default one.
  ///   - guestMemory: the guest's memory in MiB.
  ///   - live: facts that only a running machine can tell; `nil` for a captured tree.
  public init(
    of host: HostHardware, for purpose: Purpose, device: PCIAddress? = nil,
    guestMemory: Int = 4096, live: LiveFacts?
  ) {
    let machine = Machine(
      host: host, purpose: purpose, device: device, guestMemory: guestMemory, live: live)
    self.purpose = purpose
    self.device = machine.target?.address
    let checks = Checks.all.filter { $0.purposes.contains(purpose) }
    findings = CheckArea.allCases.flatMap { area in
      checks.filter { $0.area == area }.map { check in
        let verdict = check.examine(machine)
        return Finding(
          id: check.id, title: check.title, area: area, result: verdict.result,
          found: PlainText.line(verdict.found), why: check.why,
          remedy: verdict.remedy.map { PlainText.line($0) },
          documentation: check.documentation, fix: verdict.fix)
      }
    }
  }

  /// The number of checks with this result.
  public func count(_ result: CheckResult) -> Int { findings.count { $0.result == result } }

  /// The report as JSON (RFC 8259): an object with the properties' names as its keys, sorted, and what
  /// is `nil` left out. No character in it does anything to a terminal.
  public var json: String {
    // Every text can be written.
    (try? JSON.document(self)) ?? "{}"
  }

  /// Whether no check failed.
  public var isGood: Bool { count(.fail) == 0 }
}

/// The result of one check on a host.
///
/// The JSON keys are the properties' names. A `nil` property is null.
public struct Finding: Hashable, Codable, Sendable {
  /// The check's short name, such as `enable-gvt`.
  public let id: String
  /// Its name for people.
  public let title: String
  /// The check's area.
  public let area: CheckArea
  /// The check's result.
  public let result: CheckResult
  /// The fact that the check found.
  public let found: String
  /// Why it matters.
  public let why: String
  /// The command, file or action that fixes the problem; `nil` when nothing is wrong.
  public let remedy: String?
  /// The documentation: a web address, or a file of this project.
  public let documentation: String
  /// Harmless lines of a shell script that fix the problem; empty when a person must decide. A line
  /// that begins with `keep FILE` adds the lines after these words to a file; `HostReport.script`
  /// defines `keep`.
  public let fix: [String]

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(id, forKey: .id)
    try values.encode(title, forKey: .title)
    try values.encode(area, forKey: .area)
    try values.encode(result, forKey: .result)
    try values.encode(found, forKey: .found)
    try values.encode(why, forKey: .why)
    try values.encode(remedy, forKey: .remedy)
    try values.encode(documentation, forKey: .documentation)
    try values.encode(fix, forKey: .fix)
  }
}

/// The result of a check.
public enum CheckResult: String, CaseIterable, Codable, Sendable {
  /// The host is as it must be.
  case ok
  /// The purpose works, but not well or not for every user.
  case warn
  /// The purpose cannot work.
  case fail
  /// The check does not apply to this host, or its fact cannot be known.
  case notApplicable = "not-applicable"
}

/// The area of a check.
@nonexhaustive
public enum CheckArea: String, CaseIterable, Codable, Sendable {
  /// Processor, graphics, IOMMU.
  case hardware
  /// The kernel, its options and modules.
  case kernel
  /// The GPU's mediated devices.
  case vGPUs = "vgpus"
  /// The device for the guest.
  case device
  /// The rights of this user.
  case rights
  /// QEMU and firmware.
  case qemu
  /// The display of the guest's frames.
  case display

  /// Its heading in the report.
  var heading: String {
    switch self {
    case .hardware: "Hardware"
    case .kernel: "Kernel"
    case .vGPUs: "vGPUs"
    case .device: "Device"
    case .rights: "Rights"
    case .qemu: "QEMU"
    case .display: "Display"
    }
  }
}

/// The purpose of a host.
@nonexhaustive
public enum Purpose: String, CaseIterable, Codable, Sendable {
  /// QEMU's virtio GPU for guests, which takes nothing of the host.
  case virtio
  /// Parts of an Intel GPU for guests (mediated devices).
  case gvtG = "gvt-g"
  /// A whole Intel GPU for a guest.
  case igd
  /// A whole graphics card for a guest.
  case gpu
  /// Virtual functions (SR-IOV) of a GPU for guests, such as Intel's by xe.
  case sriov
  /// vGPUs of an NVIDIA GPU for guests, by its vGPU Manager.
  case nvidia

  /// Whether a real PCI device goes to the guest.
  var isPassthrough: Bool {
    switch self {
    case .igd, .gpu, .sriov, .nvidia: true
    case .virtio, .gvtG: false
    }
  }

  /// The purpose that suits a host when nobody names one: the kind of vGPU that it offers; else the kind
  /// that its GPU can have.
  ///
  /// - Parameter host: the host, or a captured tree of one.
  public static func suitable(for host: HostHardware) -> Purpose {
    let functions = (try? host.pciFunctions()) ?? []
    let gpus = functions.filter { $0.classCode.isDisplay && !$0.isVirtual }
    let isNVIDIAs = gpus.contains { NVIDIAManagerCheck.has($0, host) }
    let parents = (try? host.types())?.map(\.parent) ?? []
    if !parents.isEmpty {
      let isOthers = gpus.contains {
        $0.vendor == NVIDIAGraphicsCheck.vendor && parents.contains("\($0.address)")
      }
      return isOthers ? .nvidia : .gvtG
    }
    if isNVIDIAs { return .nvidia }
    if gpus.contains(where: { SRIOVGraphicsCheck.splits($0, host) }) { return .sriov }
    return .gvtG
  }
}
