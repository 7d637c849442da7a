// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QMP
import TestSupport
import Testing

extension RigTests {
  /// `vgpu info`: what a guest is, and who provides what.
  @Suite struct InfoTests {
    private struct Info: Decodable {
      struct Process: Decodable {
        let pid: Int32
        let program: String
        let user: String
      }
      struct Display: Decodable {
        struct Monitor: Decodable { let maximumWidth: Int? }
        let pid: Int32
        let transport: String?
        let monitor: Monitor?
      }
      struct Domain: Decodable {
        let name: String
        let uri: String
        let state: String
      }
      struct VGPU: Decodable {
        let uuid: String
        let type: String
      }
      struct Shown: Decodable {
        let uuid: String
        let canResize: Bool
      }
      struct Function: Decodable {
        struct Provider: Decodable { let id: String }
        struct PassedOver: Decodable {
          let provider: Provider
          let reason: String
          let explanation: String
        }
        let function: String
        let provider: Provider?
        let passedOver: [PassedOver]
      }
      let target: String
      let kind: String
      let processes: [Process]
      let display: Display?
      let qmpSockets: [String]
      let domain: Domain?
      let vgpus: [VGPU]
      let bridgedVGPUs: [Shown]
      let functions: [Function]

      func provider(_ name: String) -> String? {
        functions.first { $0.function == name }?.provider?.id
      }

      func reasons(_ name: String) -> [String] {
        functions.first { $0.function == name }?.passedOver.map {
          "\($0.provider.id): \($0.explanation)"
        } ?? []
      }
    }

    private func info(
      _ run: (_ arguments: [String]) throws -> (code: Int32, output: Data, errors: String),
      _ target: String, location: SourceLocation = #_sourceLocation
    ) throws -> Info {
      let text = try run(["info", target])
      #expect(text.code == 0, "\(text.errors)", sourceLocation: location)
      for line in String(decoding: text.output, as: UTF8.self).split(separator: "\n") {
        // A path has a line of its own.
        let isLong = line.count > 80 && line.dropFirst(19).contains(" ")
        #expect(!isLong, "\(line)", sourceLocation: location)
      }
      let json = try run(["info", target, "--json"])
      #expect(json.code == 0, "\(json.errors)", sourceLocation: location)
      try JSONSchema.expect(json.output, fits: "info", location: location)
      return try JSONDecoder().decode(Info.self, from: json.output)
    }

    private func info(
      _ target: String, location: SourceLocation = #_sourceLocation
    ) throws -> Info {
      try info({ try run("vgpu", $0) }, target, location: location)
    }

    @Test func realQEMUIsLookedAtAndLeftAlone() async throws {
      let vGPU = try HostHardware().create(type: "mbochs-small")
      let socket = "/dev/shm/\(vGPU.uuid).qmp"
      let qemu = try Child(
        "/usr/bin/qemu-system-x86_64",
        [
          "-M", "pc", "-m", "64", "-nodefaults", "-vga", "none", "-display", "none", "-qmp",
          "unix:\(socket),server=on,wait=off", "-device",
          "vfio-pci,sysfsdev=\(vGPU.path),display=off,romfile=vgabios-bochs-display.bin",
        ])
      defer {
        qemu.kill()
        #expect(throws: Never.self) { try HostHardware().remove(vGPU.uuid) }
      }
      #expect(try QEMUTests.screenshot("pid:\(qemu.pid)", until: QEMUTests.isText) != nil)
      // Somebody has QMP, and keeps it.
      let client = try await QMPClient(path: socket)
      for target in ["mdev:\(vGPU.uuid)", "pid:\(qemu.pid)"] {
        let info = try info(target)
        #expect(info.target == target)
        #expect(info.kind == (target.hasPrefix("pid") ? "process" : "vgpu"))
        #expect(info.processes.map(\.pid) == [qemu.pid])
        #expect(info.processes.first?.program.hasPrefix("qemu-system") == true)
        #expect(info.processes.first?.user == "root")
        #expect(info.display?.pid == qemu.pid && info.display?.transport == "dma-buf")
        #expect(info.display?.monitor != nil)
        #expect(info.qmpSockets == [socket])
        #expect(info.vgpus.map(\.uuid) == ["\(vGPU.uuid)"])
        #expect(info.provider("screen") == "vfio" && info.reasons("screen").isEmpty)
        #expect(info.provider("boot-screen") == "screendump")
        #expect(info.provider("input") == "process" && info.provider("power") == "process")
        #expect(info.provider("size") == "edid")
      }
      // Another user may not connect to that socket.
      let nobody = try info(
        { try Child("/usr/bin/setpriv", Self.nobody + $0).end() }, "pid:\(qemu.pid)")
      #expect(nobody.qmpSockets == [socket])
      #expect(nobody.provider("input") == nil && nobody.provider("boot-screen") == nil)
      #expect(
        nobody.reasons("input").last?.contains("run as the user that QEMU runs as") == true)
      _ = try await client.execute(QueryStatus())
      await client.close()
    }

    @Test func guestWithoutQMPAndVGPUWithoutAGuest() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "64x64", "--fps", "0"]) { vGPU, guest in
        let info = try info("\(vGPU.uuid)")
        #expect(info.processes.map(\.pid) == [guest.pid])
        #expect(info.provider("screen") == "vfio")
        #expect(info.provider("input") == nil && info.provider("boot-screen") == nil)
        #expect(
          info.reasons("input").last?.hasPrefix("process: process \(guest.pid) has no QMP socket")
            == true)
        // Another user: what may not be seen is told with its reason.
        let nobody = try self.info(
          { try Child("/usr/bin/setpriv", Self.nobody + $0).end() }, "pid:\(guest.pid)")
        #expect(nobody.processes.map(\.user) == ["root"])
        #expect(nobody.reasons("screen").first?.contains("belongs to user root") == true)
      }
      try Rig.withVGPU("mbochs-small") { vGPU in
        let info = try info("\(vGPU.uuid)")
        #expect(info.processes.isEmpty && info.display == nil)
        #expect(info.vgpus.map(\.type) == ["mbochs-small"])
        #expect(info.provider("screen") == nil)
        #expect(info.reasons("screen").first?.contains("start its guest") == true)
      }
    }

    private static let nobody = [
      "--reuid", "65534", "--clear-groups", Rig.program("vgpu").path,
    ]

    @Test func bridgeAndSyntheticGuest() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "64x64", "--fps", "0"]) { vGPU, _ in
        let bridge = try BridgeTests.Bridge([vGPU.uuid], ["--allow", "user:0"])
        let info = try info("bridge:\(bridge.path)")
        #expect(info.kind == "bridge")
        #expect(info.bridgedVGPUs.map(\.uuid) == ["\(vGPU.uuid)"])
        #expect(info.provider("screen") == "bridge")
        #expect(info.provider("size") == nil)
        #expect(info.reasons("size").contains { $0.contains("--allow-resize") })
        #expect(info.provider("input") == nil)
        #expect(info.reasons("input").last?.contains("give --qmp") == true)
        let other = try self.info("bridge:\(bridge.path)/\(MdevUUID.random())")
        #expect(other.provider("screen") == nil)
        #expect(other.reasons("screen").contains { $0.contains("shows you no such vGPU") })
      }
      let demo = try info("demo")
      #expect(demo.kind == "synthetic" && demo.provider("screen") == "synthetic")
      let none = try run("vgpu", "info", "bridge:/none")
      #expect(none.code == 66 && none.errors.contains("start `vgpu bridge`"), "\(none.errors)")
    }

    @Test func domainOfLibvirt() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU])
        defer { libvirt.remove("told") }
        try libvirt.define("told", "mode=320x200 fps=0", [vGPU.uuid])
        let vgpu = { try Child("\(libvirt.folder)/as", [Rig.program("vgpu").path] + $0).end() }
        let stopped = try info(vgpu, "libvirt:told")
        #expect(stopped.domain?.state == "shut-off")
        #expect(stopped.vgpus.map(\.uuid) == ["\(vGPU.uuid)"])
        #expect(stopped.provider("screen") == nil && stopped.provider("input") == nil)
        #expect(stopped.reasons("input").contains { $0.contains("the domain is not running") })
        try libvirt.virsh("start", "told")
        let running = try info(vgpu, "libvirt:told")
        #expect(running.kind == "domain")
        #expect(running.domain?.name == "told" && running.domain?.state == "running")
        #expect(running.domain?.uri == "qemu:///session")
        #expect(running.processes.count == 1 && running.display?.transport == "dma-buf")
        #expect(running.provider("screen") == "vfio" && running.provider("size") == "edid")
        #expect(running.provider("input") == "libvirt" && running.provider("power") == "libvirt")
        // By its vGPU's name QMP is libvirt's, and the remedy is its own.
        let byUUID = try info(vgpu, "\(vGPU.uuid)")
        #expect(byUUID.provider("input") == nil)
        #expect(byUUID.reasons("input").last?.contains("view it as libvirt:told") == true)
        let wrong = try vgpu(["info", "libvirt:tol"])
        #expect(wrong.code == 66 && wrong.errors.contains("no such domain"), "\(wrong.errors)")
      }
    }
  }
}
