// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

extension RigTests {
  /// A drive of the host's, made of memory by the kernel's scsi_debug, in a running Linux guest.
  @Suite struct HotplugTests {
    private static let driver = "/sys/bus/pseudo/drivers/scsi_debug"

    private static func write(_ text: String, to attribute: String) throws {
      try text.write(toFile: "\(driver)/\(attribute)", atomically: false, encoding: .utf8)
    }

    /// Whatever SCSI device appears, by the nodes of its class.
    private static func node(_ folder: String, _ prefix: String) throws -> String {
      let deadline = Date(timeIntervalSinceNow: 20)
      while Date() < deadline {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        if let name = names.first(where: { $0.hasPrefix(prefix) }),
          FileManager.default.fileExists(atPath: "/dev/\(name)")
        {
          return "/dev/\(name)"
        }
        usleep(50_000)
      }
      throw CocoaError(.fileNoSuchFile)
    }

    /// An optical drive whose disc begins with a text. It is written as a disk's, which has the same
    /// memory.
    static func withDrive(_ text: String, _ body: (String) throws -> Void) throws {
      try write("0", to: "ptype")
      try write("1", to: "add_host")
      do {
        let disk = try node("/sys/class/block", "sd")
        let file = try #require(FileHandle(forWritingAtPath: disk))
        try file.write(contentsOf: Data((text + "\n").utf8))
        try file.synchronize()
        try file.close()
      }
      try write("-1", to: "add_host")
      try write("5", to: "ptype")
      try write("1", to: "add_host")
      defer { #expect(throws: Never.self) { try write("-1", to: "add_host") } }
      try body(try node("/sys/class/block", "sr"))
    }

    @Test(arguments: [["-device", "virtio-scsi-pci"], []])
    func driveIsReadInTheGuest(controller: [String]) throws {
      try Self.withDrive("a disc of ours") { drive in
        try Rig.withVGPU("mbochs-medium") { vGPU in
          let guest = try LinuxGuest(vGPU, controller)
          defer { guest.qemu.kill() }
          try guest.wait(forLines: "input QEMU QEMU USB Tablet")
          let target = "pid:\(guest.qemu.pid)"
          func vgpu(_ arguments: String...) throws -> String {
            let end = try Child("vgpu", arguments).end()
            return end.code == 0 ? String(decoding: end.output, as: UTF8.self) : end.errors
          }
          #expect(try vgpu("plug", target, drive) == "")
          try guest.wait(forLines: "drive sr0 a disc of ours")
          #expect(try vgpu("plug", target) == "\(drive)\n")
          let json = try vgpu("plug", target, "--json")
          try JSONSchema.expect(Data(json.utf8), fits: "plug")
          #expect(json.contains("\"device\" : \"\(drive)\""))
          #expect(try vgpu("plug", target, drive).contains("the guest has it already"))
          #expect(try vgpu("unplug", target, drive) == "")
          try guest.wait(forLines: "drive sr0 gone")
          #expect(try vgpu("plug", target) == "")
          #expect(try vgpu("unplug", target, drive).contains("plugged no device into this guest"))
          // It is the host's again, and the guest can have it again.
          #expect(try vgpu("plug", target, drive) == "")
          try guest.wait(forLines: "drive sr0 a disc of ours")
          #expect(try vgpu("plug", target, "/dev/null").contains("no SCSI device"))
        }
      }
    }
  }
}
