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
