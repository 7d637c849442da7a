// SPDX-License-Identifier: Apache-2.0

/// One requirement on a host.
protocol Check: Sendable {
  /// The check's short name. Programs may rely on it.
  var id: String { get }
  /// The check's name for people.
  var title: String { get }
  /// The check's heading in the report.
  var area: CheckArea { get }
  /// The purposes that need the check.
  var purposes: Set<Purpose> { get }
  /// Why it matters.
  var why: String { get }
  /// The documentation of the check.
  var documentation: String { get }

  func examine(_ machine: Machine) -> Verdict
}

extension Check {
  /// For every purpose that takes something of a GPU, unless a check says otherwise.
  var purposes: Set<Purpose> { [.gvtG, .igd, .gpu, .sriov, .nvidia] }
}

/// The verdict of a check.
struct Verdict: Sendable {
  let result: CheckResult
  let found: String
  var remedy: String?
  /// Harmless lines of a shell script; empty when a person must decide.
  var fix: [String] = []

  static func ok(_ found: String) -> Verdict { Verdict(result: .ok, found: found) }

  static func notApplicable(_ found: String) -> Verdict {
    Verdict(result: .notApplicable, found: found)
  }

  static func warn(_ found: String, remedy: String, fix: [String] = []) -> Verdict {
    Verdict(result: .warn, found: found, remedy: remedy, fix: fix)
  }

  static func fail(_ found: String, remedy: String, fix: [String] = []) -> Verdict {
    Verdict(result: .fail, found: found, remedy: remedy, fix: fix)
  }
}

/// All checks, in their order under the headings of the report.
enum Checks {
  static let all: [any Check] = [
    ProcessorCheck(), VirtualizationCheck(), GraphicsCheck(), SRIOVGraphicsCheck(),
    NVIDIAGraphicsCheck(), IOMMUCheck(), IOMMUGroupsCheck(),
    TwoGPUsCheck(),
    KernelVersionCheck(), KernelConfigCheck(), SymbolsCheck(), ModulesCheck(), EnableGVTCheck(),
    GuCCheck(), SRIOVDriverCheck(), NVIDIAManagerCheck(), InitramfsCheck(), IgnoreMSRsCheck(),
    MdevTypesCheck(), InstancesCheck(), ApertureCheck(),
    VirtualFunctionsCheck(), FunctionGroupsCheck(), NVIDIAFunctionsCheck(), NVIDIATypesCheck(),
    IsolationCheck(), ACSCheck(), BootVGACheck(), VGAArbiterCheck(), LegacyModeCheck(),
    BoundDriverCheck(), VFIOIDsCheck(), ResetCheck(), BARCheck(),
    KVMNodeCheck(), VFIONodeCheck(), IOMMUFDNodeCheck(), UdevRuleCheck(), LockedMemoryCheck(),
    PtraceCheck(),
    QEMUCheck(), QEMUDisplayCheck(), FirmwareCheck(),
    RendererCheck(), VirtioGLCheck(), SessionCheck(),
  ]
}
