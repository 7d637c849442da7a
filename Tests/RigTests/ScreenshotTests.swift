// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PNGFile
import TestPatterns
import TestSupport
import Testing
import VFIO
import VGPUDisplay

extension RigTests {
  /// `vgpu screenshot` of guests that another process draws.
  @Suite struct ScreenshotTests {
    private static let modes: [(String, Int, Int)] = [
      ("mbochs-small", 64, 64), ("mbochs-small", 100, 75), ("mbochs-small", 640, 480),
      ("mbochs-small", 800, 600), ("mbochs-medium", 1024, 768), ("mbochs-medium", 1366, 768),
      ("mbochs-medium", 1280, 1024), ("mbochs-medium", 1920, 1080),
    ]

    static func expect(
      _ picture: Picture, shows frame: UInt32, of pattern: TestPattern,
      _ location: SourceLocation = #_sourceLocation
    ) {
      SavedFrame(picture).expect(pattern, frame: frame, location)
    }

    @Test(arguments: modes)
    func everyPixelOfEveryMode(type: String, width: Int, height: Int) throws {
      let frame: UInt32 = 0xA5C3_0F1E
      try Rig.withGuest(
        type,
        ["--mode", "\(width)x\(height)", "--fps", "0", "--first", "\(frame)", "--buffers", "1"]
      ) { vGPU, guest in
        for target in ["mdev:\(vGPU.uuid)", "\(guest.pid)"] {
          let shot = try run("vgpu", "screenshot", target, "-")
          #expect(shot.code == 0, "\(shot.errors)")
          let picture = try PNG.decode([UInt8](shot.output))
          Self.expect(picture, shows: frame, of: TestPattern(width: width, height: height))
        }
      }
    }

    @Test(arguments: [("mdpy-vga", 640, 480), ("mdpy-xga", 1024, 768), ("mdpy-hd", 1920, 1080)])
    func everyPixelOfARegion(type: String, width: Int, height: Int) throws {
      try Rig.withGuest(type, ["--fps", "0", "--first", "42"]) { vGPU, _ in
        let shot = try run("vgpu", "screenshot", "\(vGPU.uuid)", "-")
        #expect(shot.code == 0, "\(shot.errors)")
        Self.expect(
          try PNG.decode([UInt8](shot.output)), shows: 42,
          of: TestPattern(width: width, height: height))
      }
    }

    @Test func whatCannotBeShownIsSaid() throws {
      let host = HostHardware()
      let missing = try run("vgpu", "screenshot", "\(MdevUUID.random())", "-")
      #expect(missing.code == 66)
      #expect(missing.errors.contains("no such vGPU"))
      try Rig.withVGPU("mbochs-small") { vGPU in
        let unused = try run("vgpu", "screenshot", "\(vGPU.uuid)", "-")
        #expect(unused.code == 69)
        #expect(unused.errors.contains("start its guest"))
        #expect(host.users(of: vGPU.uuid).isEmpty)
      }
      let process = try run("vgpu", "screenshot", "pid:\(1 << 22)", "-")
      #expect(process.code == 66)
      #expect(process.errors.contains("no such process"))
    }

    @Test func rightsThatAreMissingAreNamed() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "64x64"]) { vGPU, guest in
        let nobody = ["--reuid", "65534", "--clear-groups", Rig.program("vgpu").path, "screenshot"]
        let byProcess = try Child("/usr/bin/setpriv", nobody + ["pid:\(guest.pid)", "-"]).end()
        #expect(byProcess.code == 77)
        #expect(byProcess.errors.contains("belongs to user root"), "\(byProcess.errors)")
        let byUUID = try Child("/usr/bin/setpriv", nobody + ["\(vGPU.uuid)", "-"]).end()
        #expect(byUUID.code == 69)
        #expect(byUUID.errors.contains("as its user or as root"), "\(byUUID.errors)")
      }
    }

    @Test func deviceWithoutADisplay() throws {
      try Rig.withVGPU("mtty-1") { vGPU in
        let container = try Container()
        let group = try Group(number: try #require(vGPU.iommuGroup))
        try group.setContainer(container)
        try container.setIOMMU(.type1v2)
        let device = try group.device(named: "\(vGPU.uuid)")
        #expect(try device.displayDevice().transport() == nil)
        let shot = try run("vgpu", "screenshot", "\(vGPU.uuid)", "-")
        #expect(shot.code == 80)
        #expect(shot.errors.contains("no display"), "\(shot.errors)")
        _ = consume device
      }
    }

    @Test func listsNameWhoUsesWhat() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "64x64"]) { vGPU, guest in
        let text = String(decoding: try run("vgpu", "list").output, as: UTF8.self)
        #expect(text.contains("\(vGPU.uuid)") && text.contains("pid:\(guest.pid)"))
        struct List: Decodable {
          struct Row: Decodable {
            let uuid: String
            let type: String
            let pids: [Int32]
          }
          let vgpus: [Row]
        }
        let json = try run("vgpu", "list", "--json").output
        try JSONSchema.expect(json, fits: "list")
        let list = try JSONDecoder().decode(List.self, from: json).vgpus
        #expect(list.map(\.uuid) == ["\(vGPU.uuid)"])
        #expect(list.first?.pids == [guest.pid])
        try JSONSchema.expect(try run("vgpu", "types", "--json").output, fits: "types")
        func offered(_ subcommand: String, _ word: String) throws -> [Substring] {
          String(
            decoding: try run(
              "vgpu", "---completion", subcommand, "--", "positional@0", "2", "\(word.count)",
              "vgpu",
              subcommand, word
            ).output, as: UTF8.self
          ).split(separator: "\n")
        }
        #expect(try offered("view", "").contains("\(vGPU.uuid)"))
        #expect(try offered("view", "").contains("pid:\(guest.pid)"))
        #expect(try offered("view", "mdev:").contains("mdev:\(vGPU.uuid)"))
        #expect(try offered("remove", "") == ["\(vGPU.uuid)"])
        #expect(try offered("create", "").contains("mbochs-small"))
        let types = String(decoding: try run("vgpu", "types").output, as: UTF8.self)
        #expect(types.contains("mbochs-small"))
      }
    }

    @Test func createAndRemoveByTheTool() throws {
      let created = try run("vgpu", "create", "mbochs-small")
      #expect(created.code == 0, "\(created.errors)")
      let uuid = String(decoding: created.output, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(try run("vgpu", "create", "mbochs-small", "--uuid", uuid).code == 75)
      #expect(try run("vgpu", "create", "mbochs-none").errors.contains("mbochs-small"))
      #expect(try run("vgpu", "create", "mbochs-small", "--uuid", "x").code == 64)
      #expect(try run("vgpu", "remove", uuid).code == 0)
      #expect(try run("vgpu", "remove", uuid).code == 66)
      let json = try run("vgpu", "create", "mbochs-small", "--uuid", uuid, "--json").output
      try JSONSchema.expect(json, fits: "create")
      #expect(try run("vgpu", "remove", uuid).code == 0)
      #expect(try HostHardware().devices().isEmpty)
    }
  }
}
