// SPDX-License-Identifier: Apache-2.0

public import HostDevices
import SafeText

/// What a host lacks for a purpose: every check's finding, by area, and in one order always.
public struct HostReport: Codable, Sendable {
  /// What the host is to be used for.
  public let purpose: Purpose
  /// The device that a guest is to have, or the GPU that vGPUs are made of; `nil` when the host has
  /// none that would do.
  public let device: PCIAddress?
  /// What the checks said.
  public let findings: [Finding]

  /// Runs all checks for a purpose. Nothing is changed.
  ///
  /// - Parameters:
  ///   - host: where to look: this machine, or a tree that was captured elsewhere.
  ///   - purpose: what the host is to be used for.
  ///   - device: the device that a guest is to have; `nil` for the one that it would be.
  ///   - guestMemory: what a guest is to have, in MiB.
  ///   - live: what can be asked of a running machine only; `nil` for a captured tree.
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

  /// How many checks ended so.
  public func count(_ result: CheckResult) -> Int { findings.count { $0.result == result } }

  /// Whether nothing stands in the way.
  public var isGood: Bool { count(.fail) == 0 }
}

/// What one check says of a host.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct Finding: Hashable, Codable, Sendable {
  /// The check's short name, such as `enable-gvt`.
  public let id: String
  /// Its name for people.
  public let title: String
  /// What it is about.
  public let area: CheckArea
  /// How it ended.
  public let result: CheckResult
  /// What was found.
  public let found: String
  /// Why it matters.
  public let why: String
  /// The command, the file or the deed that fixes it; `nil` when nothing is wrong.
  public let remedy: String?
  /// Where it is documented: an address, or a file of this project.
  public let documentation: String
  /// Lines of a shell script that fix it and do no harm; empty when a person must decide. One that
  /// begins with `keep FILE` adds the lines behind it to a file; `HostReport.script` says how.
  public let fix: [String]
}

/// How a check ended.
public enum CheckResult: String, CaseIterable, Codable, Sendable {
  /// As it must be.
  case ok
  /// It works, but not well or not for everybody.
  case warn
  /// It cannot work.
  case fail
  /// It says nothing about this host, or cannot be known.
  case notApplicable = "not applicable"
}

/// What a check is about: the heading that it stands under.
@nonexhaustive
public enum CheckArea: String, CaseIterable, Codable, Sendable {
  /// Processor, graphics, IOMMU.
  case hardware = "Hardware"
  /// The kernel, its options and modules.
  case kernel = "Kernel"
  /// The GPU's mediated devices.
  case vGPUs = "vGPUs"
  /// The device that a guest is to have.
  case device = "Device"
  /// What this user may do.
  case rights = "Rights"
  /// QEMU and firmware.
  case qemu = "QEMU"
  /// What shows the guest.
  case display = "Display"
}

/// What a host is to be used for.
@nonexhaustive
public enum Purpose: String, CaseIterable, Codable, Sendable {
  /// Slices of an Intel GPU for guests (mediated devices).
  case gvtG = "gvt-g"
  /// An Intel GPU handed to a guest whole.
  case igd
  /// A graphics card handed to a guest whole.
  case gpu

  /// Whether a real PCI device goes to the guest.
  var isPassthrough: Bool { self != .gvtG }
}
