// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import HostDevices
import Hotplug
import QMP
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct PluggableDeviceTests {
  @Test(arguments: [
    ("/dev/sr0", PluggableDevice.scsi(node: "/dev/sr0")),
    ("usb:046d:c52b", .usb(.id(vendor: 0x046d, product: 0xc52b))),
    ("046D:C52B", .usb(.id(vendor: 0x046d, product: 0xc52b))),
    ("usb:1.42", .usb(.address(bus: 1, device: 42))),
    ("1.42", .usb(.address(bus: 1, device: 42))),
  ])
  func whatIsNamed(text: String, device: PluggableDevice) throws {
    #expect(try PluggableDevice(parsing: text) == device)
    #expect(try PluggableDevice(parsing: device.description) == device)
  }

  @Test(arguments: [
    "", "sr0", "/dev/", "/dev/../etc/passwd", "/dev/a b", "usb:", "usb:46d:c52b", "usb:+46d:c52b",
    "046d:c52b:1", "usb:0.1", "usb:1.0", "usb:1.256", "1.2.3", "usb:/dev/sr0",
  ])
  func whatIsNot(text: String) {
    #expect(throws: HotplugError.notADevice(text)) { try PluggableDevice(parsing: text) }
  }
}

/// The connection of a machine of which only the devices matter: for what a real QEMU does not do on
/// demand.
private final class Machine: Sendable {
  struct State {
    var devices: [String] = []
    var nodes: [String] = []
    /// The buses that it has, as QEMU's error names them.
    var buses: Set<String> = []
    /// How often a device that is to go is still there when it is looked for.
    var reluctance = 0
    var refusals: [String: String] = [:]
    /// How often a drive is still in use when it is to be closed.
    var attachment = 0
  }

  let state: Mutex<State>

  init(buses: Set<String> = [], refusals: [String: String] = [:]) {
    var state = State()
    state.buses = buses
    state.refusals = refusals
    self.state = Mutex(state)
  }

  var devices: [String] { state.withLock(\.devices) }
  var nodes: [String] { state.withLock(\.nodes) }

  var connection: BlockingQMPConnection {
    BlockingQMPConnection(name: "qmp") { request in
      let request = try JSONDecoder().decode(JSONValue.self, from: Data(request))
      guard case .string(let command) = request["execute"] else { return [] }
      return self.state.withLock { Self.answer(command, request["arguments"] ?? .null, &$0) }
    }
  }

  private static func answer(
    _ command: String, _ arguments: JSONValue, _ state: inout State
  ) -> [UInt8] {
    func text(_ name: String) -> String {
      if case .string(let text) = arguments[name] { text } else { "" }
    }
    func refuse(_ reason: String, _ errorClass: String = "GenericError") -> [UInt8] {
      Array(#"{"error": {"class": "\#(errorClass)", "desc": "\#(reason)"}}"#.utf8)
    }
    if let reason = state.refusals["\(command) \(text("driver"))"] ?? state.refusals[command] {
      return refuse(reason)
    }
    switch command {
    case "qom-list":
      let properties = state.devices.map { #"{"name": "\#($0)", "type": "child<x>"}"# }
      if state.reluctance > 0 {
        state.reluctance -= 1
      } else {
        state.devices.removeAll { $0.hasSuffix("!") }
      }
      return Array(
        #"{"return": [\#(properties.joined(separator: ",").replacing("!", with: ""))]}"#.utf8)
    case "device_add":
      let bus = text("driver").hasPrefix("scsi") ? "SCSI" : "usb-bus"
      guard state.buses.contains(bus) || !text("bus").isEmpty else {
        return refuse("No '\(bus)' bus found for device '\(text("driver"))'")
      }
      state.devices.append(text("id"))
    case "device_del":
      guard let index = state.devices.firstIndex(of: text("id")) else {
        return refuse("Device '\(text("id"))' not found", "DeviceNotFound")
      }
      if state.reluctance > 0 {
        state.devices[index] += "!"
      } else {
        state.devices.remove(at: index)
      }
    case "blockdev-add": state.nodes.append(text("node-name"))
    case "blockdev-del":
      guard state.nodes.contains(text("node-name")) else { return refuse("Failed to find node") }
      if state.attachment > 0 {
        state.attachment -= 1
        return refuse("Node \(text("node-name")) is in use")
      }
      state.nodes.removeAll { $0 == text("node-name") }
    default: break
    }
    return Array(#"{"return": {}}"#.utf8)
  }
}

/// A host with a drive `/dev/sr0` of `/dev/sg1`, a disk that is no SCSI device, and a USB device.
private final class Host {
  let root: String

  init() throws {
    root = FileManager.default.temporaryDirectory.path + "/hotplug-\(UUID())"
    let drive = "/sys/devices/pci0/ata2/host1/target1:0:0/1:0:0:0"
    try file("\(drive)/type", "5\n")
    try file("\(drive)/scsi_generic/sg1/dev", "21:1\n")
    let disk = "/sys/devices/pci0/ata1/host0/target0:0:0/0:0:0:0"
    try file("\(disk)/type", "0\n")
    for (name, device) in [("block/sr0", drive), ("scsi_generic/sg1", drive), ("block/sdb", disk)] {
      let folder = "\(root)/sys/class/\(name)"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/device", withDestinationPath: "\(root)\(device)")
    }
    try file("/sys/class/block/nvme0n1/size", "1\n")
    for (name, values) in [
      ("usb1", ["1d6b", "0002", "1", "1"]), ("1-2", ["046d", "c52b", "1", "42"]),
    ] {
      for (attribute, value) in zip(["idVendor", "idProduct", "busnum", "devnum"], values) {
        try file("/sys/bus/usb/devices/\(name)/\(attribute)", value + "\n")
      }
    }
    try file("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "03\n")
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  var devices: HostHardware { HostHardware(root: FilePath(root)) }

  private func file(_ path: String, _ text: String) throws {
    let url = URL(filePath: root + path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }
}

@Suite(.timeLimit(.minutes(15))) struct HotplugTests {
  private let host: Host
  private let drive = PluggableDevice.scsi(node: "/dev/sr0")
  private let mouse = PluggableDevice.usb(.id(vendor: 0x046d, product: 0xc52b))

  init() throws { host = try Host() }

  private func hotplug(_ machine: Machine) -> GuestHotplug {
    GuestHotplug(machine.connection, host: host.devices)
  }

  @Test func driveOnTheMachinesController() async throws {
    let machine = Machine(buses: ["SCSI"])
    let hotplug = hotplug(machine)
    try await hotplug.plug(drive)
    #expect(machine.devices == ["vgpu-plug-sr0"] && machine.nodes == ["vgpu-plug-sr0"])
    #expect(try await hotplug.plugged() == [drive])
    await #expect(throws: HotplugError.isPlugged(drive)) { try await hotplug.plug(drive) }
    try await hotplug.unplug(drive)
    #expect(machine.devices.isEmpty && machine.nodes.isEmpty)
    await #expect(throws: HotplugError.isNotPlugged(drive, existing: [])) {
      try await hotplug.unplug(drive)
    }
  }

  @Test func driveOnAControllerOfItsOwn() async throws {
    let machine = Machine(buses: ["usb-bus"])
    let hotplug = hotplug(machine)
    try await hotplug.plug(drive)
    #expect(machine.devices == ["vgpu-carrier-sr0", "vgpu-plug-sr0"])
    #expect(try await hotplug.plugged() == [drive])
    try await hotplug.unplug(drive)
    #expect(machine.devices.isEmpty && machine.nodes.isEmpty)
  }

  @Test func guestThatTakesItsTime() async throws {
    let machine = Machine(buses: ["SCSI"])
    let hotplug = hotplug(machine)
    try await hotplug.plug(drive)
    machine.state.withLock { $0.reluctance = 4 }
    // More than any machine needs that does a thousand other things.
    try await hotplug.unplug(drive, patience: .seconds(3600))
    #expect(machine.devices.isEmpty && machine.nodes.isEmpty)
    try await hotplug.plug(drive)
    machine.state.withLock { $0.reluctance = 1000 }
    await #expect(throws: HotplugError.guestKeeps(drive, after: .zero)) {
      try await hotplug.unplug(drive, patience: .zero)
    }
    #expect(machine.nodes == ["vgpu-plug-sr0"], "what the guest may still read stays open")
  }

  @Test func driveThatIsLetGoAMomentLater() async throws {
    let machine = Machine(buses: ["SCSI"])
    try await hotplug(machine).plug(drive)
    machine.state.withLock { $0.attachment = 3 }
    try await hotplug(machine).unplug(drive)
    #expect(machine.nodes.isEmpty)
    // Whoever was interrupted before that does not keep the drive for ever.
    machine.state.withLock { $0.nodes = ["vgpu-plug-sr0"] }
    try await hotplug(machine).plug(drive)
    #expect(machine.nodes == ["vgpu-plug-sr0"])
  }

  @Test func nothingIsLeftOfAnAttempt() async throws {
    let none = Machine()
    await #expect(throws: HotplugError.noController(drive)) {
      try await hotplug(none).plug(drive)
    }
    let bad = Machine(buses: ["usb-bus"], refusals: ["device_add scsi-generic": "it is broken"])
    await #expect(throws: HotplugError.self) { try await hotplug(bad).plug(drive) }
    let late = Machine(buses: ["usb-bus"], refusals: ["qom-set": "it is broken"])
    await #expect(throws: HotplugError.self) { try await hotplug(late).plug(drive) }
    #expect(none.nodes.isEmpty && bad.nodes.isEmpty && late.nodes.isEmpty)
    #expect(none.devices.isEmpty && bad.devices.isEmpty && late.devices.isEmpty)
  }

  @Test func rightsThatQEMULacks() async throws {
    let closed = Machine(
      buses: ["SCSI"], refusals: ["blockdev-add": "Could not open '/dev/sg1': Permission denied"])
    await #expect(throws: HotplugError.noRights(drive, node: "/dev/sg1")) {
      try await hotplug(closed).plug(drive)
    }
  }

  @Test func whatTheHostLacks() async throws {
    let hotplug = hotplug(Machine(buses: ["SCSI", "usb-bus"]))
    for (node, error) in [
      ("/dev/nvme0n1", HotplugError.scsi(.notSCSI("/dev/nvme0n1"))),
      ("/dev/sr7", .scsi(.missing("/dev/sr7"))),
      ("/dev/sdb", .scsi(.noGenericNode("/dev/sdb"))),
    ] {
      await #expect(throws: error) { try await hotplug.plug(.scsi(node: node)) }
    }
    try await hotplug.plug(.scsi(node: "/dev/sg1"))
    let gone = PluggableDevice.usb(.id(vendor: 0x1234, product: 0x5678))
    await #expect(throws: HotplugError.noSuchUSBDevice(gone, existing: [mouse])) {
      try await hotplug.plug(gone)
    }
    try await hotplug.plug(.usb(.address(bus: 1, device: 42)))
    #expect(
      try await hotplug.plugged() == [.scsi(node: "/dev/sg1"), .usb(.address(bus: 1, device: 42))])
  }

  /// A real QEMU waits for a USB device that is not there, so that none is needed.
  @Test(.needs("qemu-system-x86_64"))
  func realQEMUTakesAndLetsGo() async throws {
    let machine = try TestMachine(nil, ["-device", "qemu-xhci"])
    let connection = try await QMPClient(path: machine.path)
    let hotplug = GuestHotplug(connection, host: host.devices)
    try await hotplug.plug(mouse)
    #expect(try await hotplug.plugged() == [mouse])
    try await hotplug.unplug(mouse)
    #expect(try await hotplug.plugged() == [])
    // There is no /dev/sg1 here; what was done before is undone.
    await #expect(throws: HotplugError.self) { try await hotplug.plug(drive) }
    #expect(try await hotplug.plugged() == [])
    await connection.close()

    let bare = try TestMachine()
    let other = try await QMPClient(path: bare.path)
    await #expect(throws: HotplugError.noController(mouse)) {
      try await GuestHotplug(other, host: host.devices).plug(mouse)
    }
    await other.close()
  }
}
