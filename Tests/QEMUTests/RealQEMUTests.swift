// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import QEMU
import TestSupport
import Testing

/// The commands, given to the QEMUs that there are: Debian 12's and, where the rig has it, 10.0.
@Suite struct RealQEMUTests {
  private static func text(
    of program: String, _ arguments: [String], input: String
  ) throws -> (code: Int32, output: String, errors: String) {
    let process = Process()
    let ends = (input: Pipe(), output: Pipe(), errors: Pipe())
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = ends.input
    process.standardOutput = ends.output
    process.standardError = ends.errors
    try process.run()
    ends.input.fileHandleForWriting.write(Data(input.utf8))
    try ends.input.fileHandleForWriting.close()
    let output = ends.output.fileHandleForReading.readDataToEndOfFile()
    let errors = ends.errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: output, as: UTF8.self),
      String(decoding: errors, as: UTF8.self)
    )
  }

  /// Guests that differ in everything that changes the command.
  private func configurations(_ folder: String, _ program: QEMUProgram) throws
    -> [GuestConfiguration]
  {
    let json = """
      {"uuid": "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "type": "i915-GVTg_V5_4", "parent": "p",
       "path": "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"}
      """
    let vGPU = try JSONDecoder().decode(MdevDevice.self, from: Data(json.utf8))
    let disk = "\(folder)/d,isk.img"
    let cdrom = "\(folder)/cd.iso"
    for file in [disk, cdrom] { try Data(count: 1 << 20).write(to: URL(fileURLWithPath: file)) }
    var all: [GuestConfiguration] = []
    for machine in GuestConfiguration.Machine.allCases {
      for isWindows in [false, true] {
        var guest = GuestConfiguration(vGPU: vGPU, isWindows: isWindows)
        guest.machine = machine
        guest.memory = 128
        guest.hasKVM = false
        guest.disks = [DiskImage(path: disk, format: .raw)]
        guest.cdroms = [cdrom, cdrom].map { DiskImage(path: $0, format: .raw) }
        guest.hasGuestAgent = true
        guest.guestAgentSocket = "\(folder)/agent"
        guest.qmpSockets = ["\(folder)/qmp"]
        all.append(guest)
        guest.display = .dbus(hasGL: false)
        guest.hasVirtio.toggle()
        guest.hasBootScreen = false
        guest.hidesHypervisor = true
        guest.cdroms = []
        let uefi = try UEFIImages.find(machine: try program.fullName(of: machine))
        guest.firmware = .uefi(
          code: uefi.code,
          variables: try VariableStore.make(of: disk, in: folder, from: uefi.variables))
        all.append(guest)
        guest.vGPU = nil
        guest.hasVirtioGPU = true
        all.append(guest)
        guard machine == .q35 else { continue }
        let secure = try UEFIImages.find(
          machine: try program.fullName(of: machine), isSecure: true)
        guest.firmware = .uefi(
          code: secure.code,
          variables: try VariableStore.make(
            of: "secure", in: folder, from: secure.variables, isSecure: true))
        guest.hasSecureBoot = true
        all.append(guest)
      }
    }
    return all
  }

  @Test(arguments: TestMachine.programs)
  func everyCommandStartsWithoutAWarning(name: String) throws {
    let program = try QEMUProgram.probe(name)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for guest in try configurations(folder.path, program) {
      var arguments = guest.arguments(.opensGroup)
      // The vGPU is the one thing that is not here.
      if let vfio = arguments.firstIndex(where: { $0.hasPrefix("vfio-pci,") }) {
        arguments.removeSubrange(vfio - 1...vfio)
      }
      let answer = try Self.text(
        of: program.path, arguments + ["-S", "-qmp", "stdio"],
        input: """
          {"execute": "qmp_capabilities"}
          {"execute": "query-status"}
          {"execute": "query-display-options"}
          {"execute": "quit"}

          """)
      let command = arguments.joined(separator: " ")
      #expect(answer.errors == "", "\(command)")
      #expect(answer.code == 0, "\(command)")
      #expect(answer.output.contains("\"prelaunch\""), "\(command)")
      let isDBus = answer.output.contains("\"p2p\": true, \"type\": \"dbus\"")
      #expect(isDBus == (guest.display != .none), "\(command)")
    }
  }

  /// KVM is seldom where the tests are; its processor's properties are the same as those of
  /// the emulated one.
  @Test(arguments: TestMachine.programs)
  func everyPropertyOfTheProcessorIsKnown(name: String) throws {
    let program = try QEMUProgram.probe(name)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var guest = try #require(try configurations(folder.path, program).last)
    guest.isWindows = true
    guest.hasKVM = true
    guest.hidesHypervisor = true
    let arguments = guest.arguments(.opensGroup)
    let index = try #require(arguments.firstIndex(of: "-cpu"))
    let help = try Self.text(of: program.path, ["-device", "max-x86_64-cpu,help"], input: "").output
    let known = Set(
      help.split(separator: "\n").compactMap {
        $0.trimmingCharacters(in: .whitespaces).split(separator: "=").first.map(String.init)
      })
    for property in arguments[index + 1].split(separator: ",").dropFirst() {
      let name = String(property.split(separator: "=")[0])
      #expect(known.contains(name), "\(name)")
    }
  }

  @Test(arguments: TestMachine.programs)
  func devicesAreAskedFor(name: String) throws {
    let program = try QEMUProgram.probe(name)
    for model in EmulatedTPM.Model.allCases { #expect(try program.hasDevice(model.rawValue)) }
    #expect(try !program.hasDevice("tpm-none"))
  }

  @Test(arguments: TestMachine.programs)
  func machinesHaveFullNames(name: String) throws {
    let program = try QEMUProgram.probe(name)
    let q35 = try program.fullName(of: .q35)
    #expect(q35.hasPrefix("pc-q35-"))
    #expect(q35.last?.isNumber == true)
    #expect(try program.fullName(of: .pc).hasPrefix("pc-i440fx-"))
  }
}
