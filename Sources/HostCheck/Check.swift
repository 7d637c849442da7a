// SPDX-License-Identifier: Apache-2.0

/// One thing that a host must be or have.
protocol Check: Sendable {
  /// Its short name, which programs may rely on.
  var id: String { get }
  /// Its name for people.
  var title: String { get }
  /// The heading that it stands under.
  var area: CheckArea { get }
  /// What it matters for.
  var purposes: Set<Purpose> { get }
  /// Why it matters.
  var why: String { get }
  /// Where it is documented.
  var documentation: String { get }

  func examine(_ machine: Machine) -> Verdict
}

extension Check {
  /// For every purpose, unless a check says otherwise.
  var purposes: Set<Purpose> { Set(Purpose.allCases) }
}

/// What a check found.
struct Verdict: Sendable {
  let result: CheckResult
  let found: String
  var remedy: String?
  /// Lines of a shell script that do no harm; none where a person must decide.
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

/// All checks, in the order in which they stand under their headings.
enum Checks {
  static let all: [any Check] = [
    ProcessorCheck(), VirtualizationCheck(), GraphicsCheck(), IOMMUCheck(), IOMMUGroupsCheck(),
    TwoGPUsCheck(),
    KernelVersionCheck(), KernelConfigCheck(), SymbolsCheck(), ModulesCheck(), EnableGVTCheck(),
    GuCCheck(), InitramfsCheck(), IgnoreMSRsCheck(),
    MdevTypesCheck(), InstancesCheck(), ApertureCheck(),
    IsolationCheck(), ACSCheck(), BootVGACheck(), VGAArbiterCheck(), LegacyModeCheck(),
    BoundDriverCheck(), VFIOIDsCheck(), ResetCheck(), BARCheck(),
    KVMNodeCheck(), VFIONodeCheck(), IOMMUFDNodeCheck(), UdevRuleCheck(), LockedMemoryCheck(),
    PtraceCheck(),
    QEMUCheck(), FirmwareCheck(),
    RendererCheck(), SessionCheck(),
  ]
}
