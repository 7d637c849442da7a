// SPDX-License-Identifier: Apache-2.0

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
