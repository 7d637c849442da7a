// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeClient
import BridgeProtocol
import Foundation
import HostDevices
import LinuxSystem
import PNGFile
import QEMU
import TestPatterns
import Testing
import VFIO

extension RigTests {
  /// `vgpu bridge` with devices that it looks into no other process for: handed over, or its own.
  @Suite struct BridgedDeviceTests {
    private static let pattern = TestPattern(width: 320, height: 200)
    /// Who may look, and has no other right.
    private static let viewer: uid_t = 1234

    /// A bridge that was started as a manager does, with descriptors from 3 on.
    private final class Bridge {
      let path = "/dev/shm/bridge-\(UUID().uuidString).sock"
      private let process: GuestProcess
      private var hasEnded = false
      private let output = "/dev/shm/bridge-\(UUID().uuidString).log"

      init(_ arguments: [String], _ descriptors: [Int32], environment: String = "") throws {
        let log = try OwnedFileDescriptor.open(output, flags: O_RDWR | O_CREAT)
        process = try GuestProcess(
          "/bin/sh",
          [
            "-c", "export LISTEN_PID=$$ \(environment); exec \"$@\"", "sh",
            Rig.program("vgpu").path,
            "bridge", "--socket", path,
          ] + arguments, output: log.rawValue, descriptors: descriptors)
      }

      var pid: Int32 { process.pid }
      var log: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

      /// Waits until it serves.
      func wait() throws {
        while (try? BridgeListing(path: path)) == nil {
          let end = process.end()
          hasEnded = end != nil
          try #require(end == nil, "\(log)")
          usleep(10_000)
        }
      }

      /// Waits until it has ended by itself.
      func failure(_ code: Int32) -> String {
        #expect(process.waitForEnd() == .exited(code))
        hasEnded = true
        return log
      }

      func stop() {
        guard !hasEnded else { return }
        kill(process.pid, SIGTERM)
        #expect(process.waitForEnd() == .exited(0))
        hasEnded = true
      }

      deinit {
        stop()
        unlink(path)
        unlink(output)
      }
    }

    /// The interfaces that the kernel has.
    private static let interfaces =
      access("/dev/iommu", F_OK) == 0 ? ["group", "cdev"] : ["group"]

    private static func open(_ vGPU: MdevDevice, by interface: String) throws -> OwnedDevice {
      interface == "cdev"
        ? try OwnedDevice(cdev: try #require(vGPU.deviceNode))
        : try OwnedDevice(named: "\(vGPU.uuid)", inGroup: try #require(vGPU.iommuGroup))
    }

    /// Has an mbochs device show a frame of the pattern.
    private static func draw(_ frame: UInt32, on device: borrowing Device) throws {
      let memory = try device.map(device.regionInfo(PCIRegion.bar(0)), access: .readWrite)
      let bytes = memory.mutableBytes
      pattern.draw(
        frame: frame, into: try #require(bytes), stride: pattern.width * 4, everything: true)
      let registers = try device.regionInfo(PCIRegion.bar(2))
      for (register, value) in [
        (4, 0), (1, pattern.width), (2, pattern.height), (3, 32), (6, pattern.width),
        (7, pattern.height), (8, 0), (9, 0), (4, 0x41),
      ] {
        try device.write(registers, at: 0x500 + UInt64(register) * 2, UInt16(value))
      }
    }

    /// What a user without a single privilege sees.
    private func expectSeen(
      _ frame: UInt32, _ bridge: Bridge, _ location: SourceLocation = #_sourceLocation
    ) throws {
      let user = "\(Self.viewer)"
      let shot = try Child(
        "/usr/bin/setpriv",
        [
          "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all", Rig.program("vgpu").path, "screenshot", "bridge:\(bridge.path)", "-",
        ]
      ).end()
      try #require(shot.code == 0, "\(shot.errors) \(bridge.log)", sourceLocation: location)
      ScreenshotTests.expect(
        try PNG.decode([UInt8](shot.output)), shows: frame, of: Self.pattern, location)
    }

    @Test(arguments: interfaces, ["option", "environment"])
    func deviceThatAManagerHandsOver(interface: String, way: String) throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let owned = try Self.open(vGPU, by: interface)
        try Self.draw(77, on: owned.device)
        let access = ["--user", "65534", "--allow", "user:\(Self.viewer)"]
        let bridge =
          way == "option"
          ? try Bridge(access + ["--device-fd", "\(vGPU.uuid)=3"], [owned.device.rawValue])
          : try Bridge(
            access, [owned.device.rawValue],
            environment: "LISTEN_FDS=1 LISTEN_FDNAMES=\(vGPU.uuid)")
        try bridge.wait()
        // Having the device, it needs no right to look into anyone.
        let status = try String(contentsOfFile: "/proc/\(bridge.pid)/status", encoding: .utf8)
        for line in ["Uid:\t65534", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"] {
          #expect(status.contains(line), "\(line)")
        }
        try expectSeen(77, bridge)
        let listing = try BridgeListing(path: bridge.path)
        #expect(listing.vGPUs.map { "\($0.identifier)" } == ["\(vGPU.uuid)"])
      }
    }

    @Test func deviceThatTheBridgeOpensItself() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let bridge = try Bridge(
          ["--open", "\(vGPU.uuid)", "--user", "65534", "--allow", "user:\(Self.viewer)"], [])
        try bridge.wait()
        #expect(HostHardware().users(of: vGPU.uuid) == [bridge.pid])
        let dark = try Child("vgpu", ["screenshot", "bridge:\(bridge.path)", "-"]).end()
        #expect(dark.code == 79 && dark.errors.contains("off"), "\(dark.errors)")
        do {
          let descriptor = try #require(
            ProcessDevices.descriptors(of: RunningProcess(bridge.pid)).first {
              if case .group = $0.target { false } else { true }
            })
          try Self.draw(
            78,
            on: try Device(
              duplicating: descriptor.number, of: RunningProcess(bridge.pid), name: "the bridge's"))
        }
        try expectSeen(78, bridge)
        bridge.stop()
        #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
      }
    }

    @Test func whatIsNoneOfTheVGPUsDevicesIsRefused() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        func failure(
          _ code: Int32, _ arguments: [String], _ descriptor: Int32? = nil
        ) throws -> String {
          try Bridge(arguments, descriptor.map { [$0] } ?? []).failure(code)
        }
        let zero = try OwnedFileDescriptor.open("/dev/zero", flags: O_RDWR)
        let device = ["--device-fd", "\(vGPU.uuid)=3"]
        #expect(try failure(82, device, zero.rawValue).contains("not a VFIO device"))
        #expect(try failure(1, ["--device-fd", "\(vGPU.uuid)=99"]).contains("Bad file descriptor"))
        let absent = MdevUUID.random()
        #expect(
          try failure(66, ["--device-fd", "\(absent)=3"], zero.rawValue).contains("no such vGPU"))
        #expect(try failure(66, ["--open", "\(absent)"]).contains("no such vGPU"))
        guard let node = vGPU.deviceNode else { return }
        try Rig.withVGPU("mbochs-small") { other in
          let owned = try OwnedDevice(cdev: try #require(other.deviceNode))
          let wrong = try failure(66, device, owned.device.rawValue)
          #expect(wrong.contains("belongs to \(other.uuid)"), "\(wrong)")
          #expect(try failure(75, ["--open", "\(other.uuid)"]).contains("another process has it"))
        }
        let unbound = try OwnedFileDescriptor.open(node, flags: O_RDWR)
        let early = try failure(1, device, unbound.rawValue)
        #expect(early.contains("not bound to an iommufd yet"), "\(early)")
      }
    }
  }
}
