// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostCheck
import HostDevices
import SystemPackage
import TestSupport
import Testing

/// What `--fix` prints, and what Scripts/capture-host makes.
@Suite struct ScriptTests {
  /// A host that lacks all that the script can give.
  private func bareLaptop() throws -> SysfsTree {
    let tree = try SysfsTree.laptop()
    try tree.modules(["kvm", "i915"])
    for module in ["kvm_intel", "vfio", "vfio_iommu_type1", "vfio_pci", "mdev", "kvmgt"] {
      try tree.remove("/sys/module/\(module)")
    }
    try tree.file("/sys/module/i915/parameters/enable_gvt", "N\n")
    try tree.file("/sys/module/kvm/parameters/ignore_msrs", "N\n")
    try tree.remove("/etc/udev/rules.d/70-vgpu.rules")
    try tree.file("/proc/self/limits", "Max locked memory  8388608  8388608  bytes\n")
    return tree
  }

  @Test(.needs("shellcheck"), arguments: Purpose.allCases)
  func shellcheckLikesIt(purpose: Purpose) throws {
    let tree = try bareLaptop()
    let script = tree.report(purpose).script
    try tree.file("/fix.sh", script + "\n")
    let answer = try Program.run(["shellcheck", tree.location("/fix.sh")])
    #expect(answer.code == 0, "\(answer.text)\n\(script)")
  }

  /// Carried out with commands that only tell, and with a folder for /etc: what it writes is what the
  /// checks want.
  @Test func itMends() throws {
    let tree = try bareLaptop()
    let before = tree.report(.gvtG)
    let script = before.script
      .replacing(">/etc/", with: ">\(tree.root)/etc/")
      .replacing(">/sys/", with: ">\(tree.root)/sys/")
    for folder in ["modprobe.d", "modules-load.d", "security/limits.d"] {
      try tree.folder("/etc/\(folder)")
    }
    try tree.file(
      "/fix.sh", "modprobe() { echo \"modprobe $*\"; }\nudevadm() { :; }\n" + script + "\n")
    let answer = try Program.run(["bash", tree.location("/fix.sh")])
    #expect(answer.code == 0, "\(answer.text)")
    #expect(
      answer.text == "modprobe -a kvm_intel vfio mdev kvmgt vfio_iommu_type1\n")

    func text(_ path: String) throws -> String {
      try String(contentsOfFile: tree.location(path), encoding: .utf8)
    }
    #expect(try text("/etc/modprobe.d/vgpu-i915.conf") == "options i915 enable_gvt=1\n")
    #expect(try text("/etc/security/limits.d/vgpu.conf") == "@kvm - memlock unlimited\n")
    #expect(
      try text("/etc/modules-load.d/vgpu.conf")
        == "kvm\nkvm_intel\nvfio\ni915\nmdev\nkvmgt\nvfio_iommu_type1\n")
    // What needs no new start is well at once.
    let after = tree.report(.gvtG)
    let mended = zip(before.findings, after.findings).filter { $0.result != $1.result }
    #expect(mended.map(\.1.id) == ["ignore-msrs", "udev"])
    #expect(mended.allSatisfy { $0.1.result == .ok })
  }

  @Test func nothingToMend() throws {
    let script = try SysfsTree.laptop().report(.gvtG).script
    #expect(
      script.split(separator: "\n").allSatisfy {
        $0.hasPrefix("#") || $0 == "set -euo pipefail"
      })
  }

  /// This machine, captured: its files say there what they say here.
  @Test func capturedIsAsLive() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("host-\(UUID())")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Scripts/capture-host").path
    #expect(try Program.run([script, folder]).code == 0)
    for purpose in Purpose.allCases {
      let here = HostReport(of: HostDevices(), for: purpose, live: nil)
      let there = HostReport(of: HostDevices(root: FilePath(folder)), for: purpose, live: nil)
      for (one, other) in zip(here.findings, there.findings) where one.id != "acs" {
        #expect(one.result == other.result, "\(one.id): \(one.found) / \(other.found)")
      }
    }
    // And nothing that is nobody else's business.
    let all = try FileManager.default.subpathsOfDirectory(atPath: folder)
    #expect(!all.contains { $0.contains("mountinfo") || $0.contains("environ") })
    let host = try String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
    let line = try String(contentsOfFile: "\(folder)/proc/cmdline", encoding: .utf8)
    #expect(!line.contains("root=") && !line.contains("UUID") && !host.isEmpty)
  }
}
