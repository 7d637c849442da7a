// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestSession
import LinuxSystem
import QEMU
import QMP
import TestSupport
import Testing

/// Guests with Secure Boot and a TPM, by the real firmware and the real swtpm.
@Suite(.needs("qemu-system-x86_64", "swtpm"), .timeLimit(.minutes(15)), .serialized)
struct SecureGuestTests {
  private func plan(_ extra: [String] = ["-S"]) -> GuestPlan {
    var plan = GuestPlan.small(extra)
    plan.hasGL = false
    plan.hasTPM = true
    return plan
  }

  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// The numbers of the processes of swtpm that have a state in this folder.
  private func swtpms(_ folder: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).filter { pid in
      let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
      let text = String(decoding: words, as: UTF8.self)
      return text.contains("swtpm\0socket") && text.contains("dir=\(folder)/")
    }
  }

  /// The lines that a guest has written to its serial port.
  private func lines(_ path: String) -> [String] {
    let text = FileManager.default.contents(atPath: path) ?? Data()
    return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
  }

  /// Shim, GRUB and Debian's kernel, each started because its signature is right (Rig/README.md). The
  /// guest takes no notice of its power button; its agent is the real one.
  @Test(arguments: TestMachine.programs)
  func linuxSeesSecureBootAndTheTPM(program: String) async throws {
    let disk = try #require(TestMachine.rigPart("secure"), "Rig/prepare secure") + "/disk.img"
    try await TestFolder.during { folder in
      try FileManager.default.copyItem(atPath: disk, toPath: "\(folder)/disk.img")
      var plan = plan(["-serial", "file:\(folder)/serial"])
      plan.hasSecureBoot = true
      plan.memory = 512
      plan.disks = [try NamedDisk(parsing: "\(folder)/disk.img")]
      let folders = GuestFolders.at(state: folder, sockets: folder)
      let guest = try await RunningGuest.start(
        plan, with: try QEMUProgram.probe(program), in: folders)
      defer { guest.kill() }
      #expect(swtpms(folder).count == 1)
      try await eventually {
        try #require(guest.state == .running)
        let lines = lines("\(folder)/serial")
        try #require(!lines.contains { $0.contains("Kernel panic") }, "\(lines)")
        return lines.contains("ready")
      }
      let told = lines("\(folder)/serial")
      #expect(told.contains { $0.hasSuffix("SecureBoot 1") }, "\(told)")
      #expect(told.contains("SetupMode 0"), "\(told)")
      #expect(told.contains("lockdown none [integrity] confidentiality"), "\(told)")
      #expect(told.contains("tpm 2"), "\(told)")
      for number in [0, 4, 7] {
        let line = try #require(told.first { $0.hasPrefix("pcr \(number) ") }, "\(told)")
        let digest = line.dropFirst("pcr \(number) ".count)
        #expect(digest.count == 64 && digest.contains { $0 != "0" }, "\(line)")
      }
      #expect(told.contains("agent"), "\(told)")
      let process = try RunningProcess(try #require(swtpms(folder).first))
      try await guest.askToPowerDown(patience: .seconds(20))
      #expect(try await guest.waitForEnd() == .exited(0))
      await process.waitForEnd()
      try guest.cleanUp()
      let left = try files(folder)
      #expect(left.count == 5 && Set(left).isSuperset(of: ["disk.img", "guest.log", "serial"]))
      let state = try #require(left.first { $0.hasSuffix(".tpm") })
      #expect(try files("\(folder)/\(state)").contains("tpm2-00.permall"))
      #expect(left.contains { $0.hasSuffix(".secure.vars") })
      let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(state)")
      #expect(mode[.posixPermissions] as? Int == 0o700)

      // The other way of starting needs other variables, and these stay.
      plan.hasSecureBoot = false
      plan.firmware = .uefi
      let other = plan
      let error = await #expect(throws: GuestError.self) {
        try await RunningGuest.start(other, with: QEMUProgram.probe(program), in: folders).kill()
      }
      #expect("\(String(describing: error))".contains("were made with Secure Boot's keys"))
      #expect(try files(folder) == left)
    }
  }

  /// Every way out but this process's own end, which GuestRunTests has.
  @Test(arguments: TestMachine.programs)
  func swtpmEndsWithTheGuest(program: String) async throws {
    try await TestFolder.during { folder in
      let program = try QEMUProgram.probe(program)
      let folders = GuestFolders.at(state: folder, sockets: folder)
      func guest() async throws -> (RunningGuest, RunningProcess) {
        let guest = try await RunningGuest.start(plan(), with: program, in: folders)
        return (guest, try RunningProcess(try #require(swtpms(folder).first)))
      }
      let (ended, first) = try await guest()
      #expect(swtpms(folder).count == 1)
      try await ended.end(after: .milliseconds(100))
      await first.waitForEnd()
      #expect(kill(first.pid, 0) != 0, "it is reaped")
      let (killed, second) = try await guest()
      kill(killed.process.pid, SIGKILL)
      await second.waitForEnd()
      try await killed.waitForEnd()
      #expect(throws: GuestError.self) { try killed.cleanUp() }
      let (quits, third) = try await guest()
      try await quits.execute(Quit())
      await third.waitForEnd()
      try await quits.waitForEnd()
      try quits.cleanUp()
      // QEMU fails before or after it has found the TPM.
      for extra in [["-no-such-option"], ["-device", "no-such-thing"]] {
        let error = await #expect(throws: GuestError.self) {
          try await RunningGuest.start(plan(extra), with: program, in: folders).kill()
        }
        guard case .ended(.exited(1), _, _) = error else { throw error ?? GuestError.cancelled }
        #expect(swtpms(folder) == [])
      }
      let left = try files(folder)
      #expect(left.count == 2 && left.contains("guest.log"), "\(left)")
    }
  }

  /// The variables and the TPM belong to a guest that has started.
  @Test func aFailedFirstStartLeavesNothing() async throws {
    try await TestFolder.during { folder in
      let program = try QEMUProgram.probe()
      let folders = GuestFolders.at(state: folder, sockets: folder)
      func start(_ extra: [String]) async throws -> RunningGuest {
        var plan = plan(extra)
        plan.firmware = .uefi
        return try await RunningGuest.start(plan, with: program, in: folders)
      }
      for extra in [["-no-such-option"], ["-device", "no-such-thing"]] {
        await #expect(throws: GuestError.self) { try await start(extra).kill() }
        #expect(try files(folder) == ["guest.log"])
      }
      try await start(["-S"]).end(after: .zero)
      let left = try files(folder)
      #expect(left.count == 3 && left.contains { $0.hasSuffix(".tpm") })
      // What a guest has stays.
      await #expect(throws: GuestError.self) { try await start(["-no-such-option"]).kill() }
      #expect(try files(folder) == left)
    }
  }

  @Test func stateOfARunningGuestIsNotUsed() async throws {
    try await TestFolder.during { folder in
      let disk = "\(folder)/disk.img"
      try Data(count: 1 << 20).write(to: URL(fileURLWithPath: disk))
      var plan = plan()
      plan.disks = [try NamedDisk(parsing: disk)]
      let program = try QEMUProgram.probe()
      let folders = GuestFolders.at(state: folder, sockets: folder)
      let first = try await RunningGuest.start(plan, with: program, in: folders)
      let pid = try #require(swtpms(folder).first)
      plan.name = "other"
      let other = plan
      let error = await #expect(throws: GuestError.self) {
        try await RunningGuest.start(other, with: program, in: folders).kill()
      }
      #expect(
        "\(String(describing: error))".contains("in use by process \(pid), another guest's"),
        "\(String(describing: error))")
      #expect(swtpms(folder) == [pid])
      #expect(try !files(folder).contains { $0.hasPrefix("other.") && !$0.hasSuffix(".log") })
      try await first.end(after: .zero)
      let second = try await RunningGuest.start(plan, with: program, in: folders)
      try await second.end(after: .zero)
    }
  }

  /// A swtpm that cannot read its state ends, and QEMU with it; the log has its words.
  @Test func brokenStateIsAnErrorAndStays() async throws {
    try await TestFolder.during { folder in
      let folders = GuestFolders.at(state: folder, sockets: folder)
      let program = try QEMUProgram.probe()
      let guest = try await RunningGuest.start(plan(), with: program, in: folders)
      let state = try #require(guest.configuration.tpm?.state)
      try await guest.end(after: .zero)
      let broken = Data("not a TPM's state".utf8)
      try broken.write(to: URL(fileURLWithPath: "\(state)/tpm2-00.permall"))
      let error = await #expect(throws: GuestError.self) {
        try await RunningGuest.start(plan(), with: program, in: folders).kill()
      }
      guard case .ended(.exited(1), let words, _) = error else {
        throw error ?? GuestError.cancelled
      }
      #expect(words.contains("tpm"), "\(words)")
      #expect(FileManager.default.contents(atPath: "\(state)/tpm2-00.permall") == broken)
      #expect(swtpms(folder) == [])
    }
  }
}
