// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostCheck
import HostDevices
import TestSupport
import Testing

/// Captured hosts, and the whole report on each as `Golden` has it. With VGPU_WRITE_GOLDEN=1 the files
/// are written, to be read before they are committed.
@Suite struct GoldenTests {
  struct Host: CustomTestStringConvertible, Sendable {
    let name: String
    let purpose: Purpose
    let make: @Sendable () throws -> SysfsTree
    let isGood: Bool

    var testDescription: String { name }
  }

  static let hosts = [
    Host(name: "gvt-g-laptop", purpose: .gvtG, make: { try .laptop() }, isGood: true),
    Host(
      name: "comet-lake", purpose: .gvtG,
      make: {
        try .laptop(cpu: ("Intel(R) Core(TM) i7-10700 CPU @ 2.90GHz", 165), gpu: "0x9bc5")
      }, isGood: true),
    Host(
      name: "without-enable-gvt", purpose: .gvtG,
      make: {
        let tree = try SysfsTree.laptop()
        try tree.kernel("6.1.0-18-amd64", "root=/dev/sda1 quiet")
        try tree.file("/sys/module/i915/parameters/enable_gvt", "N\n")
        try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
        return tree
      }, isGood: false),
    Host(
      name: "with-guc", purpose: .gvtG,
      make: {
        let tree = try SysfsTree.laptop()
        try tree.file("/sys/module/i915/parameters/enable_guc", "3\n")
        try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
        return tree
      }, isGood: false),
    Host(
      name: "ice-lake", purpose: .gvtG,
      make: {
        let tree = try SysfsTree.laptop(
          cpu: ("Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz", 126), gpu: "0x8a52")
        try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
        return tree
      }, isGood: false),
    Host(
      name: "alder-lake", purpose: .gvtG,
      make: {
        let tree = try SysfsTree.laptop(
          cpu: ("12th Gen Intel(R) Core(TM) i7-1260P", 154), gpu: "0x46a6")
        try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
        try tree.file("/sys/module/i915/parameters/enable_guc", "-1\n")
        return tree
      }, isGood: false),
    Host(
      name: "two-gpu-laptop", purpose: .gvtG,
      make: {
        let tree = try SysfsTree.laptop()
        let card = try tree.function(
          "0000:01:00.0", "0x10de:0x1c8d", "0x030000", driver: "nouveau", group: 2, isBoot: true)
        try tree.drm(card, 1)
        try tree.file("/sys/devices/pci0000:00/0000:00:02.0/boot_vga", "0\n")
        return tree
      }, isGood: true),
    Host(name: "amd-desktop", purpose: .gpu, make: { try .desktop() }, isGood: true),
    Host(
      name: "amd-desktop-shared-group", purpose: .gpu,
      make: {
        let tree = try SysfsTree.desktop()
        try tree.function(
          "0000:09:00.0", "0x1022:0x43d5", "0x0c0330", driver: "xhci_hcd", group: 11)
        try tree.file(
          "/sys/devices/pci0000:00/0000:00:03.1/config", text: SysfsTree.configuration(acs: 0))
        return tree
      }, isGood: false),
    Host(
      name: "coffee-lake-linux-4.19", purpose: .gvtG, make: { try .coffeeLakeBefore51() },
      isGood: false),
    Host(name: "nvidia-vgpu", purpose: .gvtG, make: { try .nvidiaServer() }, isGood: true),
    Host(
      name: "sriov", purpose: .sriov, make: { try .sriovWorkstation(made: 0) }, isGood: true),
    Host(
      name: "sriov-none-left", purpose: .sriov, make: { try .sriovWorkstation(made: 2) },
      isGood: true),
    Host(
      name: "sriov-i915", purpose: .sriov,
      make: {
        let tree = try SysfsTree.laptop(
          cpu: ("12th Gen Intel(R) Core(TM) i7-1260P", 154), gpu: "0x46a6")
        try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
        try tree.file("/sys/devices/pci0000:00/0000:00:02.0/sriov_totalvfs", "7\n")
        return tree
      }, isGood: false),
    Host(
      name: "nvidia-functions", purpose: .nvidia, make: { try .nvidiaFunctions(isFull: false) },
      isGood: true),
    Host(
      name: "nvidia-functions-full", purpose: .nvidia, make: { try .nvidiaFunctions(isFull: true) },
      isGood: true),
    Host(name: "nvidia-mdevs", purpose: .nvidia, make: { try .nvidiaServer() }, isGood: true),
    Host(name: "mainframe", purpose: .gvtG, make: { try .mainframe() }, isGood: false),
    Host(
      name: "arch-kms-hook", purpose: .gpu,
      make: { try .archDesktop("HOOKS=(base udev autodetect modconf kms block)\n") },
      isGood: true),
    Host(name: "proxmox", purpose: .gpu, make: { try .proxmox() }, isGood: true),
    Host(name: "virtio-laptop", purpose: .virtio, make: { try .laptop() }, isGood: true),
    Host(name: "whole-intel-gpu", purpose: .igd, make: { try .laptop() }, isGood: true),
  ]

  @Test(arguments: hosts) func report(host: Host) throws {
    let tree = try host.make()
    let report = tree.report(host.purpose)
    #expect(report.isGood == host.isGood)
    let text = report.text() + "\n"
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/\(host.name).txt")
    if ProcessInfo.processInfo.environment["VGPU_WRITE_GOLDEN"] != nil {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(text == (try String(contentsOf: file, encoding: .utf8)))
    // The same on a terminal, but for the colours.
    let plain = report.text(isColoured: true).replacing(/\u{1b}\[[0-9]+m/, with: "")
    #expect(plain + "\n" == text)
  }

  @Test func purposeIsWhatTheHostOffers() throws {
    func suitable(_ tree: SysfsTree) -> Purpose { .suitable(for: tree.hardware) }
    #expect(suitable(try .laptop()) == .gvtG)
    #expect(suitable(try .sriovWorkstation(made: 0)) == .sriov)
    #expect(suitable(try .nvidiaFunctions(isFull: true)) == .nvidia)
    #expect(suitable(try .nvidiaServer()) == .nvidia)
    #expect(suitable(try .desktop()) == .gvtG)
  }

  @Test func jsonComesBack() throws {
    let report = try SysfsTree.laptop().report(.gvtG)
    let json = try JSONEncoder().encode(report)
    let again = try JSONDecoder().decode(HostReport.self, from: json)
    #expect(again.findings == report.findings && again.purpose == .gvtG)
    #expect(again.device?.description == "0000:00:02.0")
  }

  @Test func aTreeMaySayAnything() throws {
    let tree = try SysfsTree.laptop()
    try tree.file(
      "/proc/cpuinfo", "vendor_id: \u{1b}[2J\ncpu family: 6\nmodel: 1\nmodel name: a\u{7}b\n\n")
    try tree.file("/proc/cmdline", "i915.enable_gvt i915. .= = i915.enable_gvt=\u{1b}[31m\n")
    try tree.file("/proc/config.gz", "\u{1f}no gzip")
    try tree.remove("/boot/config-6.1.0-18-amd64")
    try tree.file("/proc/self/limits", "Max locked memory 99999999999999999999999 x\n")
    try tree.file("/sys/module/i915/parameters/enable_guc", "99999999999999999999\n")
    for purpose in Purpose.allCases {
      let report = tree.report(purpose)
      #expect(!report.text().unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
      #expect(!report.script.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }
    let empty = try SysfsTree()
    for purpose in Purpose.allCases { #expect(!empty.report(purpose).isGood) }
  }
}
