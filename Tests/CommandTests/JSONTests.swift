// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import Foundation
import HostDevices
import TestSupport
import Testing

@testable import PersistentDevices
@testable import vgpu

/// The command's JSON is what docs/schemas says. The rig's tests ask the same of vGPUs and guests.
@Suite(.needsJSONSchema, .serialized, .onOwnThread) struct JSONTests {
  private func expect(
    _ arguments: String..., fits name: String, code: Int32 = 0,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let end = try Command.run(arguments)
    #expect(end.code == code, "\(end.errors)", sourceLocation: location)
    try JSONSchema.expect(end.output, fits: name, location: location)
  }

  private func expect(
    _ value: some Encodable, fits name: String, location: SourceLocation = #_sourceLocation
  ) throws {
    try JSONSchema.expect(Data(JSONOutput.text(value).utf8), fits: name, location: location)
  }

  @Test func thisHostsListsFit() throws {
    try expect("types", "--json", fits: "types")
    try expect("list", "--json", fits: "list")
    try expect("pci", "list", "--json", fits: "pci-list")
  }

  @Test(arguments: ["virtio", "gvt-g", "igd", "gpu", "sriov", "nvidia"]) func reportsFit(
    purpose: String
  ) throws {
    let end = try Command.run(["doctor", "--for", purpose, "--qemu", "/bin/true", "--json"])
    #expect([0, ExitReason.notReady.rawValue].contains(end.code), "\(end.errors)")
    try JSONSchema.expect(end.output, fits: "doctor")
  }

  @Test func guestsFit() throws {
    try expect("info", "demo", "--json", fits: "info")
    try expect("info", "\(getpid())", "--json", fits: "info")
  }

  @Test(.needs("qemu-system-x86_64")) func headsFit() throws {
    struct Info: Decodable {
      struct Head: Decodable, Equatable {
        let number: Int
        let device: String?
        let address: String?
        let output: Int
        let width: Int?
        let height: Int?
      }
      let heads: [Head]?
    }
    // Without a firmware nothing changes.
    let machine = try TestMachine(
      nil,
      [
        "-display", "dbus,p2p=yes", "-device", "virtio-vga,max_outputs=2,id=gpu,addr=5", "-device",
        "bochs-display,addr=6",
      ])
    let arguments = ["info", "qmp:\(machine.path)", "--json"]
    let end = try Command.run(arguments + ["--heads"])
    #expect(end.code == 0, "\(end.errors)")
    try JSONSchema.expect(end.output, fits: "info")
    let heads = try JSONDecoder().decode(Info.self, from: end.output).heads
    func head(_ number: Int, _ device: String, _ slot: Int, output: Int = 0) -> Info.Head {
      Info.Head(
        number: number, device: device, address: "pci/0000/0\(slot).0", output: output, width: 640,
        height: 480)
    }
    #expect(
      heads == [
        head(0, "gpu.0", 5), head(1, "gpu.1", 5, output: 1), head(2, "bochs-display", 6),
      ])
    let unasked = try Command.run(arguments)
    #expect(try JSONDecoder().decode(Info.self, from: unasked.output).heads == nil)
    let text = String(
      decoding: try Command.run(["info", arguments[1], "--heads"]).output, as: UTF8.self)
    #expect(text.contains("head 1             640x480, gpu.1, pci/0000/05.0, output 1"))
  }

  @Test func bridgesFit() async throws {
    let path = "/tmp/vgpu-json-\(UUID().uuidString.prefix(8)).sock"
    let bridge = Process()
    bridge.executableURL = URL(fileURLWithPath: Command.path)
    bridge.arguments = ["bridge", "demo", "--socket", path]
    bridge.standardError = FileHandle.nullDevice
    try bridge.run()
    defer {
      bridge.terminate()
      bridge.waitUntilExit()
    }
    try await eventually { (try? BridgeListing(path: path)) != nil }
    try expect("list", "--bridge", path, "--json", fits: "list-bridge")
    try expect("info", "bridge:\(path)", "--json", fits: "info")
  }

  /// What hosts and guests rarely tell is null, and what they tell has its key.
  @Test func everyVGPUFits() throws {
    let uuid = MdevUUID.random()
    let device = MdevDevice(uuid: uuid, type: "i915-GVTg_V5_4")
    let stopped = PersistentVGPU(
      uuid: uuid, parent: "0000:00:02.0", type: device.type, start: .manual)
    try expect(device, fits: "create")
    let rows: [VGPUReport] = [
      .running(device, users: [1, 4711], lasting: .auto),
      .running(device, users: [], lasting: nil), .stopped(stopped),
    ]
    try expect(VGPULists(vgpus: rows, pciVGPUs: []), fits: "list")
    let full = try JSONDecoder().decode(
      MdevDevice.self,
      from: Data(
        """
        {"uuid": "\(uuid)", "type": "t", "parent": "0000:00:02.0", "parentPCIAddress": "0000:00:02.0",
         "path": "/sys/bus/mdev/devices/\(uuid)", "iommuGroup": 7, "groupNode": "/dev/vfio/7",
         "deviceNode": "/dev/vfio/devices/vfio0", "driver": "vfio_mdev",
         "renderNode": "/dev/dri/renderD128"}
        """.utf8))
    try expect(full, fits: "create")
    #expect(try JSONDecoder().decode(MdevDevice.self, from: JSONEncoder().encode(full)) == full)
    #expect(
      try JSONDecoder().decode(MdevDevice.self, from: JSONEncoder().encode(device)) == device)
  }

  @Test(arguments: ["nvidia", "sriov", "gpu"]) func everyPCIVGPUFits(kind: String) throws {
    let vGPUs = try JSONDecoder().decode(
      [PCIVGPU].self,
      from: Data(
        """
        [{"pciAddress": "0000:41:00.4", "vendorID": "0x10de", "deviceID": "0x26b9",
          "classCode": "0x030200", "isBootVGA": false, "kind": "\(kind)"},
         {"pciAddress": "0000:03:00.1", "vendorID": "0x8086", "deviceID": "0xe212",
          "subsystemVendorID": "0x8086", "subsystemDeviceID": "0x1114", "classCode": "0x030000",
          "driver": "vfio-pci", "physicalFunction": "0000:03:00.0", "vfioDevice": "vfio0",
          "iommuGroup": 21, "isBootVGA": false, "kind": "\(kind)", "type": "nvidia-558",
          "groupNode": "/dev/vfio/21", "deviceNode": "/dev/vfio/devices/vfio0",
          "gpuRenderNode": "/dev/dri/renderD129"}]
        """.utf8))
    let rows = vGPUs.map { PCIVGPUReport($0, users: [4711]) }
    try expect(VGPULists(vgpus: [], pciVGPUs: rows), fits: "list")
    try expect(JSONList("pciVGPUs", rows), fits: "create-functions")
  }

  @Test func everyTypeAndBindingFits() throws {
    let types = try JSONDecoder().decode(
      [OfferedType].self,
      from: Data(
        """
        [{"type": "a", "parent": "p", "kind": "sriov"}, {"type": "c", "parent": "p", "kind": "nvidia"},
         {"type": "b", "kind": "mdev", "parent": "p", "name": "n", "description": "1\\n2", "availableInstances": 0,
          "deviceAPI": "vfio-pci"}]
        """.utf8))
    try expect(JSONList("types", types), fits: "types")
    let bindings = try JSONDecoder().decode(
      [PCIBinding].self,
      from: Data(
        """
        [{"pciAddress": "0000:01:00.0", "previousDriver": "nouveau", "driver": "vfio-pci"},
         {"pciAddress": "0000:01:00.1"}]
        """.utf8))
    try expect(JSONList("bindings", bindings), fits: "pci-bindings")
  }

  @Test func testIsNotAlwaysGreen() throws {
    for wrong in [
      "{}", "[]", #"{"devices": [{"device": 1}]}"#, #"{"devices": [{"device": null}]}"#,
      #"{"devices": [], "other": 1}"#,
    ] {
      #expect(try !JSONSchema.problems(of: Data(wrong.utf8), by: "plug").isEmpty, "\(wrong)")
    }
    let right = #"{"devices": [{"device": "/dev/sr0"}]}"#
    #expect(try JSONSchema.problems(of: Data(right.utf8), by: "plug") == "")
  }

  /// docs/json.md names every description, and each one the command that prints it.
  @Test func everyDescriptionIsNamed() throws {
    let document = try String(
      contentsOf: CLibraries.package.appendingPathComponent("docs/json.md"), encoding: .utf8)
    let files = try FileManager.default.contentsOfDirectory(atPath: JSONSchema.folder.path)
    #expect(files.count >= 11)
    for file in files {
      #expect(document.contains("(schemas/\(file))"), "\(file)")
    }
  }

  /// One thing has one description: whatever has one name in two files is the same.
  @Test func definitionsOfOneNameAreOne() throws {
    var found: [String: (file: String, text: Data)] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: JSONSchema.folder.path) {
      let data = try Data(contentsOf: JSONSchema.folder.appendingPathComponent(file))
      let schema = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      for (name, definition) in schema["$defs"] as? [String: Any] ?? [:] {
        let text = try JSONSerialization.data(withJSONObject: definition, options: .sortedKeys)
        if let other = found[name] {
          #expect(other.text == text, "\(name) in \(file) and \(other.file)")
        }
        found[name] = (file, text)
      }
    }
    #expect(found.count > 10)
  }
}
