// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import Foundation
import HostDevices
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// The examples, on vGPUs that a kernel has.
  @Suite struct ExampleTests {
    @Test func frameOfAVGPUSavedInC() throws {
      let program = "/dev/shm/save-frame-\(UUID().uuidString)"
      let file = "\(program).ppm"
      defer { for path in [program, file] { try? FileManager.default.removeItem(atPath: path) } }
      let libraries = try CLibraries.folder()
      let compiled = try Program.run([
        "cc", "-std=c99", CLibraries.headers,
        CLibraries.package.appendingPathComponent("Examples/C/save-frame.c").path, "-L\(libraries)",
        "-lvgpu", "-o", program,
      ])
      try #require(compiled.code == 0, "\(compiled.text)")
      let pattern = TestPattern(width: 640, height: 480)
      try Rig.withGuest(
        "mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, guest in
        for target in ["\(vGPU.uuid)", "pid:\(guest.pid)"] {
          let saved = try Child(
            program, [target, file], environment: ["LD_LIBRARY_PATH": libraries]
          ).end()
          try #require(saved.code == 0, "\(saved.errors)")
          let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
          let header = Array("P6\n640 480\n255\n".utf8)
          try #require(bytes.starts(with: header))
          ScreenshotTests.expect(
            try #require(
              Picture(width: 640, height: 480, rgb: Array(bytes.dropFirst(header.count)))),
            shows: 77, of: pattern)
        }
      }
      try Rig.withVGPU("mbochs-small") { vGPU in
        let refused = try Child(
          program, ["\(vGPU.uuid)", file], environment: ["LD_LIBRARY_PATH": libraries]
        ).end()
        #expect(refused.code == 1)
        #expect(refused.errors.contains("start its guest"), "\(refused.errors)")
      }
    }

    /// The bridge's client in Python, while its guest ends and the next one comes on the same vGPU.
    @Test func clientInPythonComesBack() throws {
      let file = "/dev/shm/bridge-client-\(UUID().uuidString).ppm"
      defer { unlink(file) }
      let arguments = ["--mode", "320x200", "--fps", "0", "--first"]
      try Rig.withVGPU("mbochs-small") { vGPU in
        let bridge = try BridgeTests.Bridge([vGPU.uuid])
        let first = try Child("rig-guest", ["\(vGPU.uuid)"] + arguments + ["5"])
        #expect(try first.line() != nil)
        let client = try Child(
          "/usr/bin/python3",
          [
            CLibraries.package.appendingPathComponent("Examples/Python/bridge_client.py").path,
            bridge.path, "\(vGPU.uuid)", file, "300",
          ])
        defer { client.kill() }
        func viewers() throws -> [UInt32] {
          try BridgeListing(path: bridge.path).vGPUs.map(\.viewers)
        }
        while client.isRunning, try viewers() != [1] { usleep(10_000) }
        usleep(500_000)
        first.kill()
        // The kernel answers EBUSY until the bridge has let go of the first guest's device.
        let deadline = Date(timeIntervalSinceNow: 60)
        var second: Child
        var line: String?
        repeat {
          second = try Child("rig-guest", ["\(vGPU.uuid)"] + arguments + ["77"])
          line = try second.line()
        } while line == nil && Date() < deadline
        #expect(line == "ready 320x200")
        let end = client.end()
        try #require(end.code == 0, "\(end.errors)")
        // Whether the first guest is there at the first look is not sure.
        #expect(
          String(decoding: end.output, as: UTF8.self).contains(
            /^pictures: 300, absences: [12], connections: 1\n$/))
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let header = Array("P6\n320 200\n255\n".utf8)
        try #require(bytes.starts(with: header))
        ScreenshotTests.expect(
          try #require(
            Picture(width: 320, height: 200, rgb: Array(bytes.dropFirst(header.count)))),
          shows: 77, of: TestPattern(width: 320, height: 200))
        second.kill()
      }
    }

    /// A VM manager's way with a device, on both interfaces.
    @Test func aDeviceIsOpenedAsAManagerDoes() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let group = "\(try #require(vGPU.iommuGroup))"
        for words in [
          ["group", group, "\(vGPU.uuid)"], ["cdev", try #require(vGPU.deviceNode)],
        ] {
          let end = try Child("open-device", words).end()
          #expect(end.code == 0, "\(end.errors)")
          #expect(
            String(decoding: end.output, as: UTF8.self) == """
              KVM: none
              device: vendor 4660, device 4369
              BAR 0: 4194304 bytes, mapped
              BAR 2: 4096 bytes, not mapped
              interrupt: none
              screen: off

              """)
        }
        #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
      }
    }

    /// The newest QEMU there is: it is handed the device.
    @Test(arguments: LaunchTests.programs.suffix(1))
    func twoGuestsSideBySide(program: String, handover: String) throws {
      let compositor = try Compositor(width: 1400, height: 640)
      let kernel = try Child("\(QEMUTests.rig)/prepare", ["--path", "guests"]).end().output
      let folder = String(decoding: kernel, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      try Rig.withVGPU("mbochs-small") { left in
        try Rig.withVGPU("mbochs-small") { right in
          let manager = try Child(
            "two-guests",
            [
              "\(left.uuid)", "\(right.uuid)", program, "-kernel", "\(folder)/bootguest.elf",
              "-append", "mode=640x480 fps=60 frames=30",
            ], environment: compositor.environment)
          defer { manager.kill() }
          // The window is 1300 pixels wide, so that each part has one guest's picture whole.
          let pattern = TestPattern(width: 640, height: 480)
          let deadline = Date(timeIntervalSinceNow: 240)
          var found: [Found?] = []
          repeat {
            usleep(200_000)
            let picture = try compositor.picture()
            found = [picture.part(0..<750), picture.part(650..<1400)].map { $0.find(pattern) }
          } while manager.isRunning && Date() < deadline
            && !found.allSatisfy { $0?.frame == 29 && $0?.wrong == 0 }
          #expect(
            found.allSatisfy { $0?.frame == 29 && $0?.wrong == 0 },
            "\(manager.isRunning ? "" : manager.end().errors)")
          let users = [left, right].map { vGPU in
            HostHardware().users(of: vGPU.uuid).filter { $0 != manager.pid }
          }
          #expect(users.allSatisfy { $0.count == 1 } && users[0] != users[1])
          kill(manager.pid, SIGTERM)
          let ended = Date(timeIntervalSinceNow: 60)
          while manager.isRunning, Date() < ended { usleep(100_000) }
          try #require(!manager.isRunning)
          #expect(manager.end().code == 0)
          for vGPU in [left, right] { LaunchTests.waitUntilUnused(vGPU.uuid) }
        }
      }
    }
  }
}

extension Picture {
  /// Some of its columns.
  fileprivate func part(_ columns: Range<Int>) -> Picture {
    var lines: [UInt8] = []
    for y in 0..<height {
      let start = (y * width + columns.lowerBound) * 3
      lines += rgb[start..<start + columns.count * 3]
    }
    return Picture(width: columns.count, height: height, rgb: lines) ?? self
  }
}
