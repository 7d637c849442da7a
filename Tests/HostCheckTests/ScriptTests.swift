// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostCheck
import HostDevices
import SystemPackage
import TestSupport
import Testing

/// What `--fix` prints, and what Scripts/capture-host makes.
@Suite(.serialized, .onOwnThread) struct ScriptTests {
  /// A host that lacks all that the script can give.
  private func bareLaptop() throws -> SysfsTree {
    let tree = try SysfsTree.laptop()
    try tree.file("/proc/cmdline", "quiet\n")
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

  /// Carries a script out with commands that only tell, below a tree's root.
  private func carryOut(_ script: String, in tree: SysfsTree) throws -> String {
    // What is left of this machine's own paths is commands.
    let script = script.replacing("/etc/", with: "\(tree.root)/etc/")
      .replacing("/sys/", with: "\(tree.root)/sys/")
      .replacing(
        "in /run /usr/local/lib /usr/lib /lib;",
        with:
          "in \(["run", "usr/local/lib", "usr/lib", "lib"].map { "\(tree.root)/\($0)" }.joined(separator: " "));"
      )
    try #require(!script.contains("in /run"))
    try tree.file(
      "/fix.sh", "modprobe() { echo \"modprobe $*\"; }\nudevadm() { :; }\n" + script + "\n")
    let answer = try Program.run(["bash", tree.location("/fix.sh")])
    #expect(answer.code == 0, "\(answer.text)")
    try tree.remove("/fix.sh")
    return answer.text
  }

  private func text(_ path: String, _ tree: SysfsTree) throws -> String {
    try String(contentsOfFile: tree.location(path), encoding: .utf8)
  }

  /// The text of every file below /etc and /usr.
  private func contents(_ tree: SysfsTree) -> [String: String] {
    let paths = tree.everything().filter { $0.hasPrefix("/etc/") || $0.hasPrefix("/usr/") }
    return Dictionary(
      uniqueKeysWithValues: paths.compactMap { path in
        (try? text(path, tree)).map { (path, $0) }
      })
  }

  private static let mark = "# From vgpu doctor --fix.\n"

  /// What it writes is what the checks want.
  @Test func itMends() throws {
    let tree = try bareLaptop()
    let before = tree.report(.gvtG)
    let said = try carryOut(before.script, in: tree)
    #expect(said == "modprobe -a kvm_intel vfio mdev kvmgt vfio_iommu_type1\n")
    #expect(
      try text("/etc/modprobe.d/vgpu-doctor.conf", tree)
        == Self.mark + "options i915 enable_gvt=1\noptions kvm ignore_msrs=1\n")
    #expect(
      try text("/etc/security/limits.d/vgpu-doctor.conf", tree)
        == Self.mark + "@kvm - memlock unlimited\n")
    #expect(
      try text("/etc/modules-load.d/vgpu-doctor.conf", tree)
        == Self.mark + "kvm\nkvm_intel\nvfio\ni915\nmdev\nkvmgt\nvfio_iommu_type1\n")
    // What needs no new start is well at once.
    let after = tree.report(.gvtG)
    let mended = zip(before.findings, after.findings).filter { $0.result != $1.result }
    #expect(mended.map(\.1.id) == ["ignore-msrs", "udev"])
    #expect(mended.allSatisfy { $0.1.result == .ok })
  }

  /// Each purpose adds its own to the same files; again, nothing.
  @Test func purposesCoexistAndTwiceIsOnce() throws {
    let tree = try bareLaptop()
    let scripts = Purpose.allCases.map { tree.report($0).script }
    for script in scripts { _ = try carryOut(script, in: tree) }
    let once = contents(tree)
    let modules = try text("/etc/modules-load.d/vgpu-doctor.conf", tree)
    #expect(modules.contains("kvmgt\n") && modules.contains("vfio_pci\n"))
    #expect(try text("/etc/modprobe.d/vgpu-doctor.conf", tree).contains("enable_gvt=1\n"))
    for script in scripts + Purpose.allCases.map({ tree.report($0).script }) {
      _ = try carryOut(script, in: tree)
    }
    #expect(contents(tree) == once)
  }

  /// A file of its name that somebody else has written, or that it would hide, is left as it is.
  @Test func filesOfOthersStay() throws {
    let tree = try bareLaptop()
    try tree.file("/etc/modprobe.d/vgpu-doctor.conf", "options i915 mine=1\n")
    try tree.file("/usr/local/lib/modules-load.d/vgpu-doctor.conf", "theirs\n")
    let before = contents(tree)
    let said = try carryOut(tree.report(.gvtG).script, in: tree)
    #expect(
      said.contains("modprobe.d/vgpu-doctor.conf: not from vgpu doctor; left out: options i915"))
    #expect(said.contains("modules-load.d/vgpu-doctor.conf: would hide"))
    let after = contents(tree)
    for (path, text) in before { #expect(after[path] == text, "\(path)") }
    #expect(after["/etc/modules-load.d/vgpu-doctor.conf"] == nil)
  }

  /// After Scripts/install the doctor finds what that has brought, and undoes none of it.
  @Test(arguments: ["/usr/local", "/usr"]) func installedFilesCount(prefix: String) throws {
    let tree = try bareLaptop()
    // The program is not what this is about.
    try tree.folder("/build")
    for name in ["vgpu", "vgpu-helper"] {
      try Program.write("#!/bin/sh\n", to: tree.location("/build/\(name)"))
    }
    try Program.write(
      "#!/bin/sh\ncat >/dev/null; : >\"$1/vgpu.1\"\n", to: tree.location("/build/vgpu-manual"))
    let answer = try Program.run(
      [Self.script("install"), "--binary", tree.location("/build/vgpu"), "--prefix", prefix],
      environment: ["DESTDIR": tree.root])
    try #require(answer.code == 0, "\(answer.text)")
    let installed = contents(tree)
    let report = tree.report(.gvtG)
    func finding(_ id: String) throws -> Finding {
      try #require(report.findings.first { $0.id == id })
    }
    #expect(try finding("udev").result == .ok)
    #expect(try finding("udev").found == "\(prefix)/lib/udev/rules.d/70-vgpu.rules")
    let gvt = try finding("enable-gvt")
    #expect(gvt.found.contains("\(prefix)/lib/modprobe.d/vgpu.conf") && gvt.fix.isEmpty)
    let memory = try finding("memlock")
    #expect(memory.fix.isEmpty && memory.remedy?.contains("usermod -aG vfio") == true)
    for purpose in Purpose.allCases { _ = try carryOut(tree.report(purpose).script, in: tree) }
    let after = contents(tree)
    for (path, text) in installed { #expect(after[path] == text, "\(path)") }
    // And no new file hides one.
    let added = Set(after.keys).subtracting(installed.keys)
    #expect(added.allSatisfy { $0.contains("vgpu-doctor") }, "\(added)")
    #expect(
      try !text("/etc/modules-load.d/vgpu-doctor.conf", tree).contains("kvmgt"),
      "a file that is installed names it")
  }

  private static func script(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Scripts/\(name)").path
  }

  @Test func nothingToMend() throws {
    let script = try SysfsTree.laptop().report(.gvtG).script
    #expect(
      script.split(separator: "\n").allSatisfy {
        $0.hasPrefix("#") || $0 == "set -euo pipefail"
      })
  }

  /// Of mkinitcpio's configuration the arrays are captured whole, and nothing else of it; of modprobe's
  /// what a backslash joins is one line.
  @Test func capturedOverSeveralLines() throws {
    let tree = try SysfsTree()
    try tree.file(
      "/mkinitcpio.conf",
      "MODULES=(\n  amdgpu # (a card\n  btrfs)\nFILES=(/secret.key)\nHOOKS=(base)\nHOOKS+=(\nkms)\nX=1\n"
    )
    try tree.file("/a.conf", "options i915 \\\n enable_gvt=1\noptions snd \\\n x=1\n")
    let functions = #"s/^/ /; /^ (place|variables|matching)\(\)/,/^ }/p"#
    let answer = try Program.run(
      [
        "bash", "-euc",
        """
        eval "$(sed -nE '\(functions)' "$1")"; tree=$2/out
        variables 'MODULES|HOOKS' "$2/mkinitcpio.conf"; matching '^options.*i915' "$2/a.conf"
        """, "-", Self.script("capture-host"), tree.root,
      ])
    #expect(answer.code == 0 && answer.text.isEmpty, "\(answer.text)")
    #expect(
      try text("/out\(tree.root)/mkinitcpio.conf", tree)
        == "MODULES=(\n  amdgpu # (a card\n  btrfs)\nHOOKS=(base)\nHOOKS+=(\nkms)\n")
    #expect(try text("/out\(tree.root)/a.conf", tree) == "options i915   enable_gvt=1\n")
  }

  /// This machine, captured: its files say there what they say here.
  @Test func capturedIsAsLive() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("host-\(UUID())")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try Program.run([Self.script("capture-host"), folder]).code == 0)
    for purpose in Purpose.allCases {
      let here = HostReport(of: HostHardware(), for: purpose, live: nil)
      let there = HostReport(of: HostHardware(root: FilePath(folder)), for: purpose, live: nil)
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
