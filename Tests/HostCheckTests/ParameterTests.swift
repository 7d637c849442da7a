// SPDX-License-Identifier: Apache-2.0

import HostCheck
import TestSupport
import Testing

/// What i915 was told, where this user may not see what it made of it: the kernel's rules
/// (kernel/params.c, lib/cmdline.c) and kmod's (modprobe.d(5)).
@Suite struct ParameterTests {
  struct Told: CustomTestStringConvertible, Sendable {
    var line = "quiet"
    var files: [String: String] = [:]
    let isOn: Bool

    var testDescription: String { "\(line) \(files)" }
  }

  private func tree(_ told: Told) throws -> SysfsTree {
    let tree = try SysfsTree.laptop()
    for name in ["enable_gvt", "enable_guc"] {
      try tree.remove("/sys/module/i915/parameters/\(name)")
      try tree.folder("/sys/module/i915/parameters/\(name)")
    }
    try tree.file("/proc/cmdline", told.line + "\n")
    for (path, text) in told.files { try tree.file(path, text) }
    return tree
  }

  static let all = [
    // kernel/params.c: "No equals means set".
    Told(line: "root=/dev/sda1 i915.enable_gvt intel_iommu=on", isOn: true),
    Told(line: "i915.enable_gvt=", isOn: false),
    Told(line: "i915.enable_gvt=Y", isOn: true),
    Told(line: "i915.enable_gvt=on", isOn: true),
    Told(line: "i915.enable_gvt=off", isOn: false),
    Told(line: "i915.enable_gvt=2", isOn: false),
    Told(line: "i915.enable-gvt=1", isOn: true),
    Told(line: "i915.enable_gvt=\"1\"", isOn: true),
    Told(line: "\"i915.enable_gvt=1\" quiet", isOn: true),
    Told(line: "x=\"a i915.enable_gvt=1\"", isOn: false),
    Told(line: "i915.enable_gvt=1 i915.enable_gvt=0", isOn: false),
    Told(line: "i915.enable_gvt=0 i915.enable_gvt", isOn: true),
    Told(line: "quiet -- i915.enable_gvt=1", isOn: false),
    Told(line: "xi915.enable_gvt=1 i915.enable_gvtx=1 i915.a.enable_gvt=1", isOn: false),
    // modprobe.d(5): a backslash joins the next line.
    Told(
      files: [
        "/etc/modprobe.d/i915.conf":
          "# GVT-g\noptions i915 \\\n    enable_guc=0 \\\n    enable_gvt=1\n"
      ], isOn: true),
    Told(
      files: ["/etc/modprobe.d/a.conf": "# off \\\noptions i915 enable_gvt=1\n"], isOn: false),
    Told(
      files: ["/etc/modprobe.d/a.conf": "options i915 \\\n\nenable_gvt=1\n"], isOn: false),
    Told(files: ["/etc/modprobe.d/a.conf": "options\ti915\t\tenable_gvt\n"], isOn: true),
    Told(files: ["/etc/modprobe.d/a.conf": "options i915 enable-gvt=\"1\"\r\n"], isOn: true),
    Told(files: ["/etc/modprobe.d/a.conf": " options i915 enable_gvt=1"], isOn: true),
    Told(files: ["/etc/modprobe.d/a.conf": " # options i915 enable_gvt=1"], isOn: false),
    Told(files: ["/etc/modprobe.d/a.txt": "options i915 enable_gvt=1\n"], isOn: false),
    Told(files: ["/etc/modprobe.d/a.conf": "install i915 enable_gvt=1\n"], isOn: false),
    // All of kmod's folders, of which a higher one's file hides those of its name.
    Told(files: ["/usr/local/lib/modprobe.d/vgpu.conf": "options i915 enable_gvt=1\n"], isOn: true),
    Told(files: ["/lib/modprobe.d/vgpu.conf": "options i915 enable_gvt=1\n"], isOn: true),
    Told(
      files: [
        "/usr/local/lib/modprobe.d/vgpu.conf": "options i915 enable_gvt=1\n",
        "/etc/modprobe.d/vgpu.conf": "",
      ], isOn: false),
    Told(
      files: [
        "/usr/lib/modprobe.d/vgpu.conf": "options i915 enable_gvt=0\n",
        "/run/modprobe.d/vgpu.conf": "options i915 enable_gvt=1\n",
      ], isOn: true),
    // By name, whatever the folder; the last one counts, and the command line after all.
    Told(
      files: [
        "/usr/lib/modprobe.d/b.conf": "options i915 enable_gvt=0\n",
        "/etc/modprobe.d/a.conf": "options i915 enable_gvt=1\n",
      ], isOn: false),
    Told(
      line: "i915.enable_gvt=0",
      files: ["/etc/modprobe.d/a.conf": "options i915 enable_gvt=1\n"], isOn: false),
    // A part of the kernel is given no options by kmod.
    Told(
      files: [
        "/etc/modprobe.d/a.conf": "options i915 enable_gvt=1\n",
        "/lib/modules/6.1.0-18-amd64/modules.builtin": "kernel/drivers/gpu/drm/i915/i915.ko\n",
      ], isOn: false),
  ]

  @Test(arguments: all) func switches(told: Told) throws {
    let report = try tree(told).report(.gvtG)
    let finding = try #require(report.findings.first { $0.id == "enable-gvt" })
    #expect((finding.result == .ok) == told.isOn, "\(finding.found)")
  }

  @Test func whatCountsIsNamed() throws {
    let tree = try tree(
      Told(
        files: ["/usr/lib/modprobe.d/z.conf": "options i915 enable_gvt=0 enable_guc=3\n"],
        isOn: false))
    let findings = tree.report(.gvtG).findings
    let gvt = try #require(findings.first { $0.id == "enable-gvt" })
    #expect(gvt.remedy?.contains("from /usr/lib/modprobe.d/z.conf") == true)
    #expect(gvt.fix.isEmpty, "another file would not count")
    let guc = try #require(findings.first { $0.id == "guc" })
    #expect(guc.remedy?.contains("3 from /usr/lib/modprobe.d/z.conf") == true)
  }

  @Test func toldTooLate() throws {
    let tree = try SysfsTree.laptop()
    try tree.file("/proc/cmdline", "quiet\n")
    try tree.file("/etc/modprobe.d/gvt.conf", "options i915 enable_gvt=1\n")
    try tree.file("/sys/module/i915/parameters/enable_gvt", "N\n")
    let gvt = try #require(tree.report(.gvtG).findings.first { $0.id == "enable-gvt" })
    #expect(gvt.result == .fail && gvt.fix.isEmpty)
    #expect(gvt.found.contains("/etc/modprobe.d/gvt.conf"))
    #expect(gvt.remedy?.contains("initramfs") == true)
  }

  @Test(
    arguments: [
      ("quiet", "blacklist kvmgt\n", "blacklist kvmgt in /etc/modprobe.d/a.conf"),
      ("quiet", "install kvmgt /bin/false\n", "install kvmgt /bin/false"),
      ("module_blacklist=x,kvmgt", "", "module_blacklist=kvmgt"),
      ("modprobe.blacklist=kvmgt", "", "modprobe.blacklist=kvmgt"),
    ])
  func forbiddenModules(line: String, file: String, found: String) throws {
    let tree = try SysfsTree.laptop()
    try tree.remove("/sys/module/kvmgt")
    try tree.file("/proc/modules", "kvm 4096 0 - Live 0x0\n")
    try tree.file("/proc/cmdline", line + "\n")
    try tree.file("/etc/modprobe.d/a.conf", file)
    let modules = try #require(tree.report(.gvtG).findings.first { $0.id == "modules" })
    #expect(modules.result == .fail && modules.found.contains(found), "\(modules.found)")
    #expect(modules.fix.isEmpty)
  }
}
