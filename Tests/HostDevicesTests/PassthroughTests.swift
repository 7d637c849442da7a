// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import VFIO

@testable import HostDevices

/// On Debian's kernel with an IOMMU and PCI devices of QEMU's (`Rig/run-tcg --board pci`), as root.
@Suite(
  .serialized,
  .enabled(
    if: ProcessInfo.processInfo.environment["VGPU_RIG"] == "tcg-pci",
    "runs in the rig: Rig/run-tcg --board pci"))
struct PassthroughTests {
  let host = HostHardware()
  let bindings = PCIBindings()

  // Where Rig/run-tcg puts them.
  private static let display = PCIAddress(domain: 0, bus: 0, device: 4, function: 0)
  private static let network = PCIAddress(domain: 0, bus: 1, device: 0, function: 0)
  private static let usb = PCIAddress(domain: 0, bus: 2, device: 0, function: 0)
  private static let pair = [
    PCIAddress(domain: 0, bus: 3, device: 0, function: 0),
    PCIAddress(bus: 3, device: 0, function: 1),
  ]
  private static let neighbours = [
    PCIAddress(domain: 0, bus: 4, device: 1, function: 0),
    PCIAddress(bus: 4, device: 2, function: 0),
  ]

  /// Runs a program of this package's, by its name, or another by its path.
  private func run(
    _ program: String, _ arguments: String...
  ) throws -> (code: Int32, output: String, errors: String) {
    let process = Process()
    let ends = (output: Pipe(), errors: Pipe())
    let products = URL(fileURLWithPath: CommandLine.arguments[0])
      .resolvingSymlinksInPath().deletingLastPathComponent()
    process.executableURL =
      program.hasPrefix("/")
      ? URL(fileURLWithPath: program) : products.appendingPathComponent(program)
    process.arguments = arguments
    process.standardOutput = ends.output
    process.standardError = ends.errors
    try process.run()
    let output = ends.output.fileHandleForReading.readDataToEndOfFile()
    let errors = ends.errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: output, as: UTF8.self),
      String(decoding: errors, as: UTF8.self)
    )
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(
      in: .whitespacesAndNewlines)
  }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  private func driver(_ address: PCIAddress?) -> String? {
    address.flatMap(host.pciFunction)?.driver
  }

  /// Binds functions to vfio-pci and gives them back after `body`; everything is as before.
  private func bound<Result>(
    _ addresses: [PCIAddress], _ body: ([PCIBinding]) throws -> Result
  ) throws -> Result {
    let before = try host.pciFunctions().map { [$0.address.description, $0.driver ?? ""] }
    let result: Result
    do {
      result = try body(try bindings.bind(addresses, to: "vfio-pci"))
    } catch {
      _ = try bindings.restore()
      throw error
    }
    _ = try bindings.restore()
    #expect(bindings.remembered.isEmpty)
    #expect(try host.pciFunctions().map { [$0.address.description, $0.driver ?? ""] } == before)
    for address in addresses {
      #expect(try text("/sys/bus/pci/devices/\(address)/driver_override") == "(null)")
    }
    return result
  }

  /// Opens a function as a VM manager does.
  private func open<Result>(
    _ address: PCIAddress, _ body: (borrowing Device) throws -> Result
  ) throws -> Result {
    let container = try Container()
    let number = try #require(host.pciFunction(at: address)?.iommuGroup)
    let group = try Group(number: number)
    #expect(try group.status() == [.viable])
    try group.setContainer(container)
    try container.setIOMMU(.type1v2)
    return try body(try group.device(named: "\(address)"))
  }

  @Test func listIsWhatSysfsAndLspciSay() throws {
    struct Row: Decodable {
      let pciAddress: String, vendorID: String, deviceID: String, classCode: String
      let vendorName: String?, deviceName: String?, className: String?, driver: String?
    }
    struct Group: Decodable {
      let iommuGroup: Int?
      let functions: [Row]
    }
    struct List: Decodable { let groups: [Group] }
    let listed = try run("vgpu", "pci", "list", "--json")
    #expect(listed.code == 0)
    let groups = try JSONDecoder().decode(List.self, from: Data(listed.output.utf8)).groups

    // The guides' loop.
    var ofSysfs: [String: Int] = [:]
    for group in try names("/sys/kernel/iommu_groups") {
      for name in try names("/sys/kernel/iommu_groups/\(group)/devices") {
        ofSysfs[name] = Int(group)
      }
    }
    var ofVGPU: [String: Int] = [:]
    for group in groups {
      for row in group.functions { ofVGPU[row.pciAddress] = group.iommuGroup }
    }
    #expect(ofVGPU == ofSysfs && ofVGPU.count > 12)

    var lines: Set<String> = []
    for row in groups.flatMap(\.functions) {
      let ids = (row.vendorID.dropFirst(2), row.deviceID.dropFirst(2))
      lines.insert(
        """
        \(row.pciAddress) \(row.className ?? "") [\(row.classCode.dropFirst(2).prefix(4))] \
        \(row.vendorName ?? "Vendor") [\(ids.0)] \(row.deviceName ?? "Device") [\(ids.1)] \
        \(row.driver ?? "")
        """)
    }
    var ofLspci: Set<String> = []
    for block in try run("/usr/bin/lspci", "-Dvmmnnk").output.components(separatedBy: "\n\n") {
      var values: [String: String] = [:]
      for line in block.split(separator: "\n") {
        let parts = line.split(separator: "\t", maxSplits: 1)
        if parts.count == 2 { values[String(parts[0].dropLast())] = String(parts[1]) }
      }
      guard let slot = values["Slot"] else { continue }
      let what = ["Class", "Vendor", "Device"].map { values[$0] ?? "" }.joined(separator: " ")
      ofLspci.insert("\(slot) \(what) \(values["Driver"] ?? "")")
    }
    #expect(lines == ofLspci)

    let readable = try run("vgpu", "pci", "list").output
    #expect(readable.contains("Intel Corporation 82574L Gigabit Network Connection [8086:10d3]"))
  }

  @Test func aNetworkCardThereAndBack() throws {
    let address = try #require(Self.network)
    let folder = "/sys/bus/pci/devices/\(address)/net"
    let interface = try #require(try names(folder).first)
    let hardware = try text("\(folder)/\(interface)/address")
    try bound([address]) { done in
      #expect(done == [PCIBinding(address: address, before: "e1000e", after: "vfio-pci")])
      #expect(!FileTree.exists(folder))
      try open(address) { device in
        #expect(device.info.flags.contains(.pci))
        let config = try device.regionInfo(PCIRegion.config)
        #expect(try device.read(config, at: 0, as: UInt32.self) == 0x10d3_8086)
        // Its registers work once memory accesses are on.
        let command = try device.read(config, at: 4, as: UInt16.self)
        try device.write(config, at: 4, command | 2)
        let registers = try device.regionInfo(PCIRegion.bar(0))
        let low = try device.read(registers, at: 0x5400, as: UInt32.self)
        let high = try device.read(registers, at: 0x5404, as: UInt32.self)
        let bytes = (0..<6).map { index in
          let word = index < 4 ? low >> (8 * UInt32(index)) : high >> (8 * UInt32(index - 4))
          return String(format: "%02x", word & 0xff)
        }
        #expect(bytes.joined(separator: ":") == hardware)

        // Nobody takes it away meanwhile.
        let group = try #require(host.pciFunction(at: address)?.iommuGroup)
        #expect(
          throws: PCIBindingError.guestHolds(address, group: group, processes: [getpid()])
        ) { try bindings.restore() }
        #expect(driver(address) == "vfio-pci")
      }
    }
    // The driver is back, and works.
    let again = try #require(try names(folder).first)
    #expect(try text("\(folder)/\(again)/address") == hardware)
    #expect(try run("/sbin/ip", "link", "set", again, "up").code == 0)
    #expect(
      throws: PCIBindingError.inUse(address, .network(interface: again))
    ) { try bindings.bind([address], to: "vfio-pci") }
    #expect(try run("/sbin/ip", "link", "set", again, "down").code == 0)
  }

  /// Interrupts as a VM manager has them: KVM's machine knows the device, and gets them.
  @Test func interruptsGoToTheMachine() throws {
    let address = try #require(Self.network)
    let kvm = try OwnedFileDescriptor.open("/dev/kvm", flags: O_RDWR)
    let machine = OwnedFileDescriptor(
      owning: Int32(vgpu_ioctl(kvm.rawValue, vgpu_KVM_CREATE_VM, nil)))
    try #require(vgpu_ioctl(machine.rawValue, vgpu_KVM_CREATE_IRQCHIP, nil) == 0)
    func event() -> OwnedFileDescriptor {
      OwnedFileDescriptor(owning: eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)))
    }
    func refusal(_ errno: Errno, _ body: () throws -> Void) {
      #expect(#expect(throws: VFIOError.self, performing: body)?.errno == errno)
    }
    try bound([address]) { _ in
      let files = try KVMFiles(ofMachine: machine.rawValue)
      refusal(.resourceBusy) { _ = try KVMFiles(ofMachine: machine.rawValue) }
      let number = try #require(host.pciFunction(at: address)?.iommuGroup)
      let container = try Container()
      let group = try Group(number: number)
      try files.add(group.rawValue)
      refusal(.fileExists) { try files.add(group.rawValue) }
      refusal(.invalidArgument) { try files.add(kvm.rawValue) }
      try group.setContainer(container)
      try container.setIOMMU(.type1v2)
      let device = try group.device(named: "\(address)")

      let interrupts = KVMInterrupts(ofMachine: machine.rawValue)
      for index in [PCIInterrupt.msix, PCIInterrupt.msi, PCIInterrupt.intx] {
        let raised = event()
        let served = event()
        var count: UInt64 = 0
        func hasCome() -> Bool { read(raised.rawValue, &count, 8) == 8 }
        try device.setInterrupts(index, eventFDs: [raised.rawValue])
        // Whom nobody has connected gets it here.
        try device.setInterrupts(index, 0..<1, action: .trigger)
        #expect(hasCome() && count == 1)
        let resample = index == PCIInterrupt.intx ? served.rawValue : nil
        if resample != nil {
          try device.setInterrupts(index, action: .unmask, eventFDs: [served.rawValue])
        }
        try interrupts.connect(raised.rawValue, to: 10, resample: resample)
        refusal(.resourceBusy) { try interrupts.connect(raised.rawValue, to: 11) }
        try device.setInterrupts(index, 0..<1, action: .trigger)
        #expect(!hasCome(), "KVM has taken it")
        try interrupts.disconnect(raised.rawValue, from: 10)
        try device.setInterrupts(index, 0..<1, action: .trigger)
        #expect(hasCome() && count == 1)
        try device.disableInterrupts(index)
      }
      try files.remove(group.rawValue)
      refusal(.noSuchFileOrDirectory) { try files.remove(group.rawValue) }
    }
    // The example does the same.
    try bound([address]) { _ in
      let number = try #require(host.pciFunction(at: address)?.iommuGroup)
      let end = try run("open-device", "group", "\(number)", "\(address)")
      #expect(end.code == 0, "\(end.errors)")
      #expect(
        end.output.contains(
          """
          KVM: knows the device
          device: vendor 32902, device 4307
          """), "\(end.output)")
      #expect(
        end.output.contains(
          "interrupt: index 2 of 5, went to the guest\nscreen: none\n"), "\(end.output)")
    }
  }

  @Test func aUSBControllerThereAndBack() throws {
    let address = try #require(Self.usb)
    let folder = "/sys/bus/pci/devices/\(address)"
    func hubs() throws -> [String] { try names(folder).filter { $0.hasPrefix("usb") } }
    #expect(try hubs().count == 2)
    try bound([address]) { _ in
      #expect(try hubs().isEmpty)
      try open(address) { device in
        let config = try device.regionInfo(PCIRegion.config)
        #expect(try device.read(config, at: 0, as: UInt32.self) == 0x000d_1b36)
        try device.write(config, at: 4, try device.read(config, at: 4, as: UInt16.self) | 2)
        // HCIVERSION, xHCI specification 5.3.2.
        let registers = try device.regionInfo(PCIRegion.bar(0))
        #expect(try device.read(registers, at: 0, as: UInt32.self) >> 16 == 0x0100)
      }
    }
    #expect(try hubs().count == 2)
  }

  @Test func aDisplayThereAndBack() throws {
    let address = try #require(Self.display)
    try bound([address]) { done in
      #expect(done.map(\.before) == ["bochs-drm"])
      try open(address) { device in
        let config = try device.regionInfo(PCIRegion.config)
        try device.write(config, at: 4, try device.read(config, at: 4, as: UInt16.self) | 2)
        // Its dispi interface's version, and its video memory.
        let registers = try device.regionInfo(PCIRegion.bar(2))
        #expect(try device.read(registers, at: 0x500, as: UInt16.self) == 0xb0c5)
        let memory = try device.map(try device.regionInfo(PCIRegion.bar(0)), access: .readWrite)
        #expect(memory.bytes.count == 16 << 20)
        _ = try memory.read { bytes throws(SystemCallError) in bytes[4096] }
        // Switched off, as a guest's firmware does it, its memory is gone from under the mapping.
        let command = try device.read(config, at: 4, as: UInt16.self)
        try device.write(config, at: 4, command & ~2)
        let error = #expect(throws: SystemCallError.self) {
          try memory.read { bytes throws(SystemCallError) in bytes[4096] }
        }
        #expect(error?.errno == .badAddress)
        try device.write(config, at: 4, command)
        let again = try device.map(try device.regionInfo(PCIRegion.bar(0)), access: .read)
        _ = try again.read { bytes throws(SystemCallError) in bytes[4096] }
      }
    }
    #expect(host.pciFunction(at: address)?.cardNode != nil)
  }

  @Test func bothFunctionsOfADevice() throws {
    let both = Self.pair.compactMap { $0 }
    try bound([both[1]]) { done in
      #expect(done.map(\.address) == both)
      #expect(done.map(\.before) == ["e1000e", "xhci_hcd"])
      for address in both {
        try open(address) { device in #expect(device.info.flags.contains(.pci)) }
      }
    }
    #expect(both.map(driver) == ["e1000e", "xhci_hcd"])
  }

  @Test func aGroupWithASecondDevice() throws {
    let both = Self.neighbours.compactMap { $0 }
    let answer = try run("vgpu", "pci", "bind", "\(both[0])", "vfio-pci")
    #expect(answer.code == 82)
    #expect(answer.errors.contains("\(both[1]) (driver bochs-drm)"))
    #expect(both.map(driver) == ["e1000", "bochs-drm"])
    #expect(bindings.remembered.isEmpty)

    // The kernel would not give it to anybody: what the refusal says.
    _ = try bindings.unbind([both[0]])
    try write("vfio-pci", "/sys/bus/pci/devices/\(both[0])/driver_override")
    try write("\(both[0])", "/sys/bus/pci/drivers_probe")
    let number = try #require(host.pciFunction(at: both[0])?.iommuGroup)
    #expect(throws: VFIOError.groupNotViable(group: "/dev/vfio/\(number)")) {
      _ = try Group(number: number).status()
    }
    _ = try bindings.restore()
    #expect(both.map(driver) == ["e1000", "bochs-drm"])

    // Both, but for the bridge.
    try bound(both) { _ in
      for address in both {
        try open(address) { device in #expect(device.info.flags.contains(.pci)) }
      }
    }
  }

  private func write(_ text: String, _ path: String) throws {
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.write(contentsOf: Data(text.utf8))
    try file.close()
  }

  @Test func byTheCommandLine() throws {
    let network = try #require(Self.network)
    let there = try run("vgpu", "pci", "bind", "01:00.0", "vfio-pci")
    #expect(there.code == 0 && there.output == "\(network): e1000e -> vfio-pci\n")
    #expect(try run("vgpu", "pci", "list").output.contains("vfio-pci, changed"))
    let back = try run("vgpu", "pci", "restore")
    #expect(back.code == 0 && back.output == "\(network): vfio-pci -> e1000e\n")
    let unbound = try run("vgpu", "pci", "unbind", "01:00.0")
    #expect(unbound.output == "\(network): e1000e -> no driver\n")
    #expect(driver(network) == nil)
    #expect(try run("vgpu", "pci", "restore", "01:00.0").code == 0)
    #expect(driver(network) == "e1000e")
    #expect(try run("vgpu", "pci", "bind", "00:05.0", "vfio-pci").errors.contains("bridge"))
  }

  /// What the doctor says of a real IOMMU, of real groups and of a root port's own capabilities.
  @Test func theDoctorSeesIt() throws {
    struct Report: Decodable {
      struct Finding: Decodable { let id: String, result: String, found: String }
      let pciAddress: String
      let findings: [Finding]
    }
    func results(of function: PCIAddress?) throws -> [String: Report.Finding] {
      let address = function.map(\.description) ?? ""
      // QEMU is slow to ask here, and not what this is about.
      let answer = try run(
        "vgpu", "doctor", "--for", "gpu", "--device", address, "--qemu", "/bin/true", "--json")
      let report = try JSONDecoder().decode(Report.self, from: Data(answer.output.utf8))
      #expect(report.pciAddress == address)
      return Dictionary(uniqueKeysWithValues: report.findings.map { ($0.id, $0) })
    }
    let network = try results(of: Self.network)
    #expect(network["iommu"]?.found == "dmar0")
    #expect(network["iommu-groups"]?.result == "ok")
    #expect(network["isolation"]?.result == "ok")
    #expect(network["acs"]?.found == "in force on 0000:00:05.0")
    #expect(network["driver"]?.result == "warn")
    #expect(network["reset"]?.result == "ok")
    #expect(network["bar"]?.result == "ok")
    #expect(network["modules"]?.result == "ok")
    #expect(network["config"]?.result == "not-applicable")
    let neighbour = try results(of: Self.neighbours[0])
    #expect(neighbour["isolation"]?.result == "fail")
    #expect(neighbour["isolation"]?.found.contains("04:02.0 (bochs-drm)") == true)
    try bound(Self.pair.compactMap { $0 }) { _ in
      let both = try results(of: Self.pair[0])
      #expect(both["driver"]?.result == "ok")
      // The number depends on the machine's other devices.
      let found = try #require(both["isolation"]?.found)
      #expect(found.wholeMatch(of: /group \d+: 0000:03:00\.0, 0000:03:00\.1/) != nil, "\(found)")
    }
  }

  /// With /etc of its own, and a modprobe that finds everything loaded, as it is.
  @Test(.needs("driverctl"))
  func lastingByDriverctl() throws {
    let network = try #require(Self.network)
    let script = """
      mkdir -p /run/etc/upper /run/etc/work
      mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work etc /etc
      mount --bind /bin/true /sbin/modprobe
      """
    #expect(try run("/bin/bash", "-ec", script).code == 0)
    let bound = try run("vgpu", "pci", "bind", "--persist", "01:00.0", "vfio-pci")
    #expect(bound.code == 0, "\(bound.errors)")
    #expect(driver(network) == "vfio-pci")
    #expect(try text("/etc/driverctl.d/pci-\(network)") == "vfio-pci")
    let list = try run("/usr/sbin/driverctl", "list-overrides").output
    #expect(list == "\(network) vfio-pci\n")
    #expect(try run("vgpu", "pci", "restore", "--persist").code == 0)
    #expect(driver(network) == "e1000e")
    #expect(!FileTree.exists("/etc/driverctl.d/pci-\(network)"))
    #expect(
      try run("/bin/bash", "-ec", "umount /sbin/modprobe; umount /etc").code == 0)
  }
}
