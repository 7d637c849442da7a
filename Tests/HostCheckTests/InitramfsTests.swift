// SPDX-License-Identifier: Apache-2.0

import HostCheck
import TestSupport
import Testing

/// What the configurations of initramfs generators put into it, read without being carried out.
@Suite struct InitramfsTests {
  struct Configuration: CustomTestStringConvertible, Sendable {
    let files: [String: String]
    /// What is found to take the card; `nil` where vfio-pci has it first, or no driver is early.
    let found: String?

    init(_ files: [String: String], _ found: String?) {
      self.files = files
      self.found = found
    }

    /// A mkinitcpio.conf.
    init(_ text: String, _ found: String?) { self.init(["/etc/mkinitcpio.conf": text], found) }

    var testDescription: String { "\(files)" }
  }

  private static let kms =
    "hook kms in /etc/mkinitcpio.conf puts amdgpu, nouveau into the initramfs"
  private static let named = "amdgpu in /etc/mkinitcpio.conf"

  static let all = [
    // The line that Arch installs (archlinux/mkinitcpio, install/kms).
    Configuration(
      "MODULES=()\nHOOKS=(base udev autodetect microcode modconf kms keyboard block fsck)\n", kms),
    Configuration("HOOKS=(base udev autodetect modconf block)\n", nil),
    // mkinitcpio.conf(5): arrays of bash.
    Configuration("MODULES=(\n  amdgpu\n  btrfs\n)\nHOOKS=(base)\n", named),
    Configuration("MODULES=(btrfs) # amdgpu\n#MODULES=(amdgpu)\n", nil),
    Configuration("MODULES=(btrfs # amdgpu (\n 'am'\"dgpu\" )\n", named),
    Configuration("MODULES=(btrfs)\nMODULES+=(amdgpu)\n", named),
    Configuration("MODULES=(amdgpu)\nMODULES+=(btrfs)\n", named),
    Configuration("MODULES=(amdgpu)\nMODULES=(btrfs)\n", nil),
    Configuration("MODULES=\"btrfs amdgpu\"\n", named),
    Configuration("MODULES=\"btrfs\"; MODULES+=\" amdgpu?\"\n", named),
    Configuration("A=(amdgpu)\nMODULES=(\"${A[@]}\" btrfs)\n", named),
    Configuration("GPU=amdgpu\nMODULES=($GPU)\n", named),
    Configuration("MODULES=(btr\\\nfs amd\\\ngpu)\n", named),
    Configuration("if true; then HOOKS=(base kms); fi\n", kms),
    // What a command would give is not known.
    Configuration("MODULES=($(echo amdgpu \")\") btrfs)\n", nil),
    Configuration("MODULES=(`echo amdgpu` \"$(echo $(echo amdgpu))\")\n", nil),
    Configuration("MODULES=($(true) amdgpu)\n", named),
    Configuration("MODULES=(amdgpu", named),
    Configuration("'MODULES=(amdgpu)'\nX=\"\nMODULES=(amdgpu)\n\"\n", nil),
    Configuration("MODULES=(nouveau nvidia i915)\n", nil),
    // vfio-pci before the driver.
    Configuration("MODULES=(vfio_pci vfio vfio_iommu_type1)\nHOOKS=(base modconf kms)\n", nil),
    Configuration("MODULES=(vfio-pci amdgpu)\n", nil),
    Configuration("MODULES=(amdgpu vfio_pci)\n", named),
    // Drop-ins, by name; and presets, which may name another configuration, and then none count.
    Configuration(
      [
        "/etc/mkinitcpio.conf": "HOOKS=(base)\n",
        "/etc/mkinitcpio.conf.d/10-gpu.conf": "HOOKS+=(kms)\n",
        "/etc/mkinitcpio.conf.d/20.txt": "HOOKS=(base)\n",
      ],
      "hook kms in /etc/mkinitcpio.conf and /etc/mkinitcpio.conf.d puts amdgpu, nouveau into the initramfs"
    ),
    Configuration(
      [
        "/etc/mkinitcpio.conf": "HOOKS=(base kms)\n",
        "/etc/mkinitcpio.conf.d/10-gpu.conf": "HOOKS=(base)\n",
      ], nil),
    Configuration(
      [
        "/etc/mkinitcpio.conf": "HOOKS=(base kms)\n",
        "/etc/mkinitcpio.conf.d/10-gpu.conf": "HOOKS=(base)\n",
        "/etc/mkinitcpio.d/linux.preset":
          "ALL_config=\"/etc/mkinitcpio.conf\"\nPRESETS=('default' 'fallback')\n",
      ], kms),
    Configuration(
      [
        "/etc/mkinitcpio.conf": "HOOKS=(base kms)\n",
        "/etc/mkinitcpio.d/linux.preset":
          "PRESETS=('default')\ndefault_options=\"-S kms,autodetect\"\n",
      ], nil),
    Configuration(
      [
        "/etc/mkinitcpio.conf": "HOOKS=(base)\n",
        "/etc/other.conf": "MODULES=(amdgpu)\n",
        "/etc/mkinitcpio.d/linux.preset": "PRESETS=('default')\ndefault_config=/etc/other.conf\n",
      ], "amdgpu in /etc/other.conf"),
    // dracut.conf(5).
    Configuration(
      ["/usr/lib/dracut/dracut.conf.d/a.conf": "add_drivers+=\" amdgpu \"\n"],
      "amdgpu in dracut's configuration"),
    Configuration(
      [
        "/usr/lib/dracut/dracut.conf.d/a.conf": "add_drivers+=\" amdgpu \"\n",
        "/etc/dracut.conf.d/a.conf": "",
      ], nil),
    Configuration(
      ["/etc/dracut.conf": "add_drivers+=\" amdgpu \"\nomit_drivers+=\" amdgpu \"\n"], nil),
    Configuration(
      ["/etc/dracut.conf.d/v.conf": "force_drivers+=\" vfio_pci \"\nadd_drivers+=\" amdgpu \"\n"],
      nil),
    Configuration(
      ["/etc/dracut.conf.d/v.conf": "add_dracutmodules+=\" drm \"\n"],
      "module drm in dracut's configuration puts amdgpu, nouveau into the initramfs"),
    Configuration(
      [
        "/etc/dracut.conf.d/v.conf":
          "add_dracutmodules+=\" plymouth \"\nomit_dracutmodules+=\" drm \"\n"
      ], nil),
    // initramfs-tools(7).
    Configuration(
      ["/etc/initramfs-tools/modules": "# nouveau\namdgpu dc=0\n"],
      "amdgpu in /etc/initramfs-tools/modules"),
    Configuration(["/etc/initramfs-tools/modules": "vfio_pci ids=1002:73df\namdgpu\n"], nil),
    Configuration(
      [
        "/usr/share/initramfs-tools/conf-hooks.d/plymouth": "FRAMEBUFFER=y\n",
        "/usr/share/initramfs-tools/hooks/framebuffer": "",
      ],
      "FRAMEBUFFER=y in /etc/initramfs-tools/modules puts amdgpu, nouveau into the initramfs"),
    // Alpine's mkinitfs.
    Configuration(
      ["/etc/mkinitfs/mkinitfs.conf": "features=\"ata base ext4 keymap kms nvme usb\"\n"],
      "feature kms in /etc/mkinitfs/mkinitfs.conf puts amdgpu, nouveau into the initramfs"),
  ]

  @Test(arguments: all) func whatTakesTheCard(configuration: Configuration) throws {
    let tree = try SysfsTree.archDesktop("")
    for (path, text) in configuration.files { try tree.file(path, text) }
    let finding = try #require(tree.report(.gpu).findings.first { $0.id == "initramfs" })
    #expect(finding.result == (configuration.found == nil ? .ok : .warn), "\(finding.found)")
    if let found = configuration.found { #expect(finding.found == found) }
  }

  @Test func theRemedyIsTheGenerators() throws {
    let hook = try #require(
      SysfsTree.archDesktop("HOOKS=(base kms)\n").report(.gpu).findings
        .first { $0.id == "initramfs" })
    #expect(
      hook.remedy
        == "take kms out of HOOKS, or put vfio_pci into MODULES, before that driver; then mkinitcpio -P"
    )
    let module = try #require(
      SysfsTree.archDesktop("MODULES=(amdgpu)\n").report(.gpu).findings
        .first { $0.id == "initramfs" })
    #expect(module.remedy?.hasPrefix("take amdgpu out") == true)
  }

  /// It is nobody's fault where what was told is in force.
  @Test func gvtInForce() throws {
    let tree = try SysfsTree.laptop()
    try tree.file("/etc/mkinitcpio.conf", "HOOKS=(base udev kms)\n")
    let initramfs = { try #require(tree.report(.gvtG).findings.first { $0.id == "initramfs" }) }
    #expect(try initramfs().result == .ok)
    try tree.file("/sys/module/i915/parameters/enable_gvt", "N\n")
    #expect(try initramfs().result == .warn)
  }

  /// A file that doubles a variable in each line is not let fill the memory.
  @Test func doublingEnds() throws {
    let lines = String(repeating: "A=\"$A$A\"\nB=(${B[@]} ${B[@]})\n", count: 60)
    let tree = try SysfsTree.archDesktop("A=amdgpu\nB=(amdgpu)\n\(lines)MODULES=(amdgpu)\n")
    #expect(try #require(tree.report(.gpu).findings.first { $0.id == "initramfs" }).result == .warn)
  }
}
