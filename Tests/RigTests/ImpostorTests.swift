// SPDX-License-Identifier: Apache-2.0

import DMABuf
import Foundation
import HostDevices
import PNGFile
import TestPatterns
import Testing
import VFIO
import VGPUDisplay

@testable import Attachment

extension RigTests {
  /// Who has which vGPU, when somebody makes himself look like one who has it.
  @Suite struct ImpostorTests {
    private static let pattern = TestPattern(width: 320, height: 200)

    /// A process without any right, in namespaces of its own, that has a plain file open whose link in
    /// `/proc` reads like a node.
    private func impostor(of node: String) throws -> Child {
      let script = """
        mount -t tmpfs none /dev/vfio && mkdir /dev/vfio/devices && : > "$1" && exec 3<> "$1" &&
        echo ready && exec sleep 600
        """
      let child = try Child(
        "/usr/bin/setpriv",
        [
          "--reuid=1234", "--regid=1234", "--clear-groups", "unshare", "-Urm", "sh", "-c", script,
          "sh", node,
        ])
      let line = try child.line()
      try #require(line == "ready", "\(line == nil ? child.end().errors : "")")
      let link = try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/\(child.pid)/fd/3")
      #expect(link == node)
      return child
    }

    private func nodes(of vGPU: MdevDevice) -> [String] {
      [vGPU.groupNode, vGPU.deviceNode].compactMap { $0 }
    }

    @Test func unusedVGPUIsRemovedAllTheSame() throws {
      let host = HostHardware()
      let vGPU = try host.create(type: "mbochs-small")
      let impostors = try nodes(of: vGPU).map { try impostor(of: $0) }
      #expect(host.users(of: vGPU.uuid).isEmpty)
      let list = try run("vgpu", "list")
      #expect(!String(decoding: list.output, as: UTF8.self).contains("pid:"))
      let removal = try run("vgpu", "remove", "\(vGPU.uuid)")
      #expect(removal.code == 0, "\(removal.errors)")
      #expect(impostors.allSatisfy { $0.isRunning })
    }

    @Test func realGuestBesideImpostorsIsShown() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        // The first in the order of numbers.
        let impostors = try nodes(of: vGPU).map { try impostor(of: $0) }
        let guest = try Child(
          "rig-guest", ["\(vGPU.uuid)", "--mode", "320x200", "--fps", "0", "--first", "77"])
        defer { guest.kill() }
        #expect(try guest.line() == "ready 320x200")
        #expect(HostHardware().users(of: vGPU.uuid) == [guest.pid])
        let bridge = try BridgeTests.Bridge([vGPU.uuid])
        for target in ["\(vGPU.uuid)", "bridge:\(bridge.path)"] {
          let shot = try run("vgpu", "screenshot", target, "-")
          try #require(shot.code == 0, "\(shot.errors)")
          ScreenshotTests.expect(
            try PNG.decode([UInt8](shot.output)), shows: 77, of: Self.pattern)
        }
        #expect(impostors.allSatisfy { $0.isRunning })
      }
    }

    /// Another's descriptor of the node comes first, and cannot be looked through.
    @Test func holderWithoutTheDeviceIsPassedOver() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let node = try #require(vGPU.deviceNode)
        let other = try Child(
          "/bin/sh", ["-c", "exec 3<> \(node) && echo ready && exec sleep 600"])
        #expect(try other.line() == "ready")
        let guest = try Child(
          "rig-guest",
          [
            "\(vGPU.uuid)", "--mode", "320x200", "--fps", "0", "--first", "78", "--interface",
            "cdev",
          ])
        defer { guest.kill() }
        #expect(try guest.line() == "ready 320x200")
        #expect(HostHardware().users(of: vGPU.uuid) == [other.pid, guest.pid].sorted())
        let shot = try run("vgpu", "screenshot", "\(vGPU.uuid)", "-")
        try #require(shot.code == 0, "\(shot.errors)")
        ScreenshotTests.expect(try PNG.decode([UInt8](shot.output)), shows: 78, of: Self.pattern)
      }
    }

    /// A process whose numbers were used again in another order: both devices lie behind the group of
    /// the first vGPU, the second's first.
    @Test func ofTwoInOneProcessEachIsItself() throws {
      try Rig.withVGPU("mbochs-small") { first in
        try Rig.withVGPU("mbochs-small") { second in
          let firstContainer = try Container()
          let secondContainer = try Container()
          let secondGroup = try Group(number: try #require(second.iommuGroup))
          let firstGroup = try Group(number: try #require(first.iommuGroup))
          try firstGroup.setContainer(firstContainer)
          try firstContainer.setIOMMU(.type1v2)
          try secondGroup.setContainer(secondContainer)
          try secondContainer.setIOMMU(.type1v2)
          let secondDevice = try secondGroup.device(named: "\(second.uuid)")
          let firstDevice = try firstGroup.device(named: "\(first.uuid)")
          try show(width: 64, on: firstDevice)
          try show(width: 128, on: secondDevice)
          for (vGPU, width) in [(first, 64), (second, 128)] {
            let source = try AttachedSource(.mdev(vGPU.uuid))
            #expect(source.name.contains("\(vGPU.uuid)"))
            #expect(self.width(of: source) == width)
          }
          // A kernel that does not say is not guessed at.
          let error = #expect(throws: AttachmentError.self) {
            try AttachmentTests.find(first.uuid, canReopen: false)
          }
          #expect(error?.description.contains("Linux before 5.15") == true)
          // One that was chosen by its number is shown, under no vGPU's name.
          for (number, width) in [
            (firstDevice.rawValue, 64), (secondDevice.rawValue, 128),
          ] {
            let source = try AttachedSource(.process(getpid()), descriptor: number)
            #expect(source.name == "pid:\(getpid())")
            #expect(self.width(of: source) == width)
          }
        }
      }
    }

    private func show(width: UInt16, on device: borrowing Device) throws {
      let registers = try device.regionInfo(PCIRegion.bar(2))
      let mode: [(UInt64, UInt16)] = [(1, width), (2, 64), (3, 32), (6, width), (7, 64), (4, 0x41)]
      for (register, value) in mode {
        try device.write(registers, at: 0x500 + register * 2, value)
      }
    }

    private func width(of source: AttachedSource) -> Int? {
      // A mode's first query answers ENOMEM.
      for _ in 0..<3 {
        if case .frame(let frame) = source.poll() { return frame.primary.layout.width }
      }
      return nil
    }
  }
}
