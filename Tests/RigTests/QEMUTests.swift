// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PNGFile
import TestPatterns
import Testing
import VGPUDisplay

extension RigTests {
  /// A running QEMU without any display of its own: `-display none`, `display=off`.
  @Suite struct QEMUTests {
    /// The rig's folder, and that of its helpers.
    static let rig = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Rig").path
    private static let helpers = "\(rig)/inside"

    /// The boot guest of Rig/README.md, with its options.
    static func bootGuest(_ vGPU: MdevDevice, _ options: String) throws -> Child {
      try Child("\(helpers)/bootguest", ["\(vGPU.uuid)", options])
    }

    /// A guest that has only its BIOS.
    static func seaBIOS(_ vGPU: MdevDevice) throws -> Child {
      let device = "vfio-pci,sysfsdev=/sys/bus/mdev/devices/\(vGPU.uuid),display=off"
      return try Child(
        "/usr/bin/qemu-system-x86_64",
        [
          "-M", "pc", "-m", "64", "-nodefaults", "-vga", "none", "-display", "none", "-device",
          "\(device),romfile=vgabios-bochs-display.bin",
        ])
    }

    /// Light text on black, in a mode that the BIOS chose.
    static func isText(_ picture: Picture) -> Bool {
      let pixels = stride(from: 0, to: picture.rgb.count, by: 3)
      let bright = pixels.count { picture.rgb[$0] > 100 && picture.rgb[$0 + 1] > 100 }
      let dark = pixels.count { picture.rgb[$0] == 0 }
      return bright > 500 && dark > picture.width * picture.height / 2
    }

    /// How many lines of text a BIOS shows. Its cursor, which blinks, is none.
    static func textLines(of picture: Picture) -> Int {
      let (width, height) = (16, 16)
      return stride(from: 0, to: picture.height, by: height).count { top in
        let columns = (0..<(picture.width / width)).count { column in
          (top..<min(top + height, picture.height)).contains { y in
            let start = (y * picture.width + column * width) * 3
            return picture.rgb[start..<(start + width * 3)].contains { $0 > 100 }
          }
        }
        return columns > 2
      }
    }

    static func screenshot(_ target: String, until isThere: (Picture) -> Bool) throws -> Picture? {
      let deadline = Date(timeIntervalSinceNow: 30)
      while Date() < deadline {
        let shot = try run("vgpu", "screenshot", target, "-", "--timeout", "10")
        if shot.code == 0 {
          let picture = try PNG.decode([UInt8](shot.output))
          if isThere(picture) { return picture }
        }
        usleep(200_000)
      }
      return nil
    }

    @Test func bootGuestsPixels() throws {
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let guest = try Self.bootGuest(vGPU, "mode=1024x768 fps=60 frames=30")
        defer { guest.kill() }
        let pattern = TestPattern(width: 1024, height: 768)
        for target in ["pid:\(guest.pid)", "mdev:\(vGPU.uuid)"] {
          let picture = try #require(
            try Self.screenshot(target) {
              $0.width == 1024 && pattern.frameNumber(color: $0.color) == 29
            })
          ScreenshotTests.expect(picture, shows: 29, of: pattern)
        }
      }
    }

    @Test func seaBIOSText() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let guest = try Self.seaBIOS(vGPU)
        defer { guest.kill() }
        #expect(try Self.screenshot("pid:\(guest.pid)", until: Self.isText) != nil)
      }
    }
  }
}
