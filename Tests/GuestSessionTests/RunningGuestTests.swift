// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestSession
import HostDevices
import QEMU
import QMP
import Synchronization
import TestSupport
import Testing

/// Guests with a virtio GPU, most of them with held processors, in the QEMUs that there are.
@Suite(.timeLimit(.minutes(15))) struct RunningGuestTests {
  private func plan(_ extra: [String] = ["-S"]) -> GuestPlan { .small(extra) }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// What is left in a guest's folder.
  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func startsIsAskedAndEnds(program: String) async throws {
    try await TestFolder.during { folder in
      let guest = try await RunningGuest.start(
        plan(), with: try QEMUProgram.probe(program), in: .at(state: folder, sockets: folder))
      defer { guest.kill() }
      #expect(guest.state == .running && guest.vGPU == nil && guest.takeDevice() == nil)
      #expect(guest.logPath == "\(folder)/guest.log" && exists(guest.logPath))
      #expect(exists(guest.sockets.window) && exists(guest.sockets.commands))
      #expect(exists(guest.sockets.agent))
      #expect(try await guest.execute(QueryStatus()).status == "prelaunch")
      // The window's socket is free meanwhile, and the other one again.
      let window = try await QMPClient(path: guest.sockets.window)
      #expect(try await guest.execute(QueryStatus()).status == "prelaunch")
      await window.close()
      #expect(try guest.cleanUp() == nil, "it runs")
      #expect(exists(guest.sockets.window))
      // Held processors take no notice of the power button.
      try await guest.end(after: .milliseconds(200))
      #expect(guest.state == .ended(.killed(SIGKILL)))
      #expect(try files(folder) == ["guest.log"])
      try await guest.end()
    }
  }

  /// Nothing of the host is needed: SeaBIOS runs, and shows its screen on QEMU's display.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func guestWithoutADeviceRuns(program: String) async throws {
    try await TestFolder.during { folder in
      var plan = plan([])
      plan.machine = .pc
      plan.name = nil
      plan.hasGL = false
      let guest = try await RunningGuest.start(
        plan, with: try QEMUProgram.probe(program), in: .at(state: folder, sockets: folder)
      ) { notice in
        if case .noSound = notice { return }
        Issue.record("\(notice)")
      }
      defer { guest.kill() }
      #expect(guest.configuration.isShownByHost && guest.vGPU == nil && !guest.isVGPUMade)
      #expect(try await guest.execute(QueryStatus()).status == "running")
      let client = try await QMPClient(path: guest.sockets.window)
      let display = try await client.execute("query-display-options")
      var wanted: [String: JSONValue] = ["type": .string("dbus"), "p2p": .bool(true)]
      if guest.configuration.hasSound { wanted["audiodev"] = .string("sound0") }
      #expect(display == .object(wanted))
      // The firmware's text, in a mode of the virtio GPU's.
      var picture = Data()
      for _ in 0..<600 where picture.count < 640 * 400 * 3 {
        try await Task.sleep(for: .milliseconds(100))
        try await client.execute(
          "screendump",
          arguments: .object([
            "filename": .string("\(folder)/screen"), "device": .string("gpu0"),
          ]))
        picture = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/screen"))
        if !picture.dropFirst(16).contains(where: { $0 > 100 }) { picture = Data() }
      }
      #expect(picture.starts(with: Data("P6\n720 400\n".utf8)), "\(picture.prefix(16))")
      await client.close()
      try await guest.end(after: .milliseconds(100))
      #expect(guest.state == .ended(.killed(SIGKILL)))
      #expect(try files(folder).allSatisfy { $0.hasSuffix(".log") || $0 == "screen" })
      #expect(kill(guest.process.pid, 0) != 0, "it is reaped")
    }
  }

  /// A QEMU without the module of its D-Bus display.
  @Test(.needs("qemu-system-x86_64"))
  func guestThatNobodyCouldSeeIsNotStarted() async throws {
    try await TestFolder.during { folder in
      let real = try QEMUProgram.probe()
      let bare = QEMUProgram(
        path: real.path, version: real.version, takesDescriptors: false, hasDBusDisplay: false,
        virtioGPUs: real.virtioGPUs)
      for (program, feature) in [
        (bare, "the D-Bus display (-display dbus)"),
        (
          QEMUProgram(
            path: real.path, version: "", takesDescriptors: false, hasDBusDisplay: true),
          "the device virtio-vga"
        ),
      ] {
        let error = await #expect(throws: GuestError.self) {
          try await RunningGuest.start(
            plan(), with: program, in: .at(state: folder, sockets: folder)
          ).kill()
        }
        guard case .qemu(.lacks(real.path, feature: feature)) = error else {
          throw error ?? GuestError.cancelled
        }
      }
      #expect(try files(folder) == [])
    }
  }

  @Test(.needs("qemu-system-x86_64"))
  func guestThatPowersOffIsWaitedFor() async throws {
    try await TestFolder.during { folder in
      let guest = try await RunningGuest.start(
        plan(), with: try QEMUProgram.probe(), in: .at(state: folder, sockets: folder))
      defer { guest.kill() }
      try await guest.execute(Quit())
      #expect(try await guest.waitForEnd() == .exited(0))
      #expect(try guest.cleanUp() == .exited(0))
      #expect(try files(folder) == ["guest.log"])
    }
  }

  @Test(.needs("qemu-system-x86_64"))
  func guestThatOthersKillIsAFailure() async throws {
    try await TestFolder.during { folder in
      let guest = try await RunningGuest.start(
        plan(), with: try QEMUProgram.probe(), in: .at(state: folder, sockets: folder))
      kill(guest.process.pid, SIGKILL)
      try await guest.waitForEnd()
      let error = try #require(throws: GuestError.self) { try guest.cleanUp() }
      #expect("\(error)" == "QEMU was ended by signal 9; see its log: \(folder)/guest.log")
      #expect(try files(folder) == ["guest.log"])
    }
  }

  @Test(.needs("qemu-system-x86_64"))
  func secondGuestOfANameIsRefused() async throws {
    try await TestFolder.during { folder in
      let program = try QEMUProgram.probe()
      let folders = GuestFolders.at(state: folder, sockets: folder)
      let first = try await RunningGuest.start(plan(), with: program, in: folders)
      defer { first.kill() }
      let error = await #expect(throws: GuestError.self) {
        try await RunningGuest.start(plan(), with: program, in: folders)
      }
      guard case .socketInUse(first.sockets.window) = error else {
        throw error ?? GuestError.cancelled
      }
      #expect(try await first.execute(QueryStatus()).status == "prelaunch")
      // What a killed guest has left is nobody's.
      kill(first.process.pid, SIGKILL)
      try await first.waitForEnd()
      #expect(exists(first.sockets.window))
      let second = try await RunningGuest.start(plan(), with: program, in: folders)
      try await second.end(after: .zero)
    }
  }

  /// QEMU ends before it has made its sockets, or after that.
  @Test(
    .needs("qemu-system-x86_64"), arguments: [["-no-such-option"], ["-device", "no-such-thing"]])
  func failedStartLeavesNothing(extra: [String]) async throws {
    try await TestFolder.during { folder in
      let error = await #expect(throws: GuestError.self) {
        try await RunningGuest.start(
          plan(extra), with: try QEMUProgram.probe(),
          in: .at(state: folder, sockets: folder))
      }
      guard case .ended(.exited(1), let lastWords, let log) = error else {
        throw error ?? GuestError.cancelled
      }
      #expect(lastWords.contains("no-such-") && log == "\(folder)/guest.log")
      #expect(try files(folder) == ["guest.log"])
    }
  }

  /// A new disk is there as long as the guest has started, and is not made twice.
  @Test(.needs("qemu-system-x86_64", "qemu-img"))
  func newDiskIsMadeForAGuestThatStarts() async throws {
    try await TestFolder.during { folder in
      let program = try QEMUProgram.probe()
      let folders = GuestFolders.at(state: folder, sockets: folder)
      let disk = try NamedDisk(parsing: "\(folder)/new.qcow2,size=1T")
      func start(_ extra: [String]) async throws -> RunningGuest {
        var plan = plan(extra)
        plan.disks = [disk]
        return try await RunningGuest.start(plan, with: program, in: folders)
      }
      // Described only, nothing is made.
      var described = plan()
      described.disks = [disk]
      let guest = try described.configuration(for: program)
      #expect(guest.disks == [DiskImage(path: "\(folder)/new.qcow2", format: .qcow2)])
      #expect(try files(folder) == [])
      await #expect(throws: GuestError.self) { try await start(["-no-such-option"]).kill() }
      #expect(try files(folder) == ["guest.log"])
      let first = try await start(["-S"])
      #expect(try files(folder).contains("new.qcow2"))
      try await first.end(after: .zero)
      let error = await #expect(throws: GuestError.self) { try await start(["-S"]).kill() }
      #expect("\(String(describing: error))".contains("exists already; leave out size="))
      #expect(throws: GuestError.self) { try described.configuration(for: program) }
      #expect(try files(folder) == ["guest.log", "new.qcow2"])
    }
  }

  /// A QEMU that never answers, and whoever waits for it changes his mind.
  @Test func cancelledStartLeavesNothing() async throws {
    try await TestFolder.during { folder in
      let program = "\(folder)/qemu"
      let script = "#!/bin/sh\necho $$ > '\(folder)/pid'\nexec sleep 1000\n"
      try Program.write(script, to: program)
      let plan = plan()
      let start = Task {
        try await RunningGuest.start(
          plan,
          with: QEMUProgram(
            path: program, version: "", takesDescriptors: false, hasDBusDisplay: true,
            virtioGPUs: [.plain]),
          in: .at(state: folder, sockets: folder))
      }
      try await eventually { self.exists("\(folder)/pid") }
      start.cancel()
      let error = await #expect(throws: GuestError.self) { try await start.value }
      guard case .cancelled = error else { throw error ?? GuestError.cancelled }
      let text = try String(contentsOfFile: "\(folder)/pid", encoding: .utf8)
      let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      #expect(kill(pid, 0) != 0, "it is reaped")
      #expect(try files(folder) == ["guest.log", "pid", "qemu"])
    }
  }

  @Test(.needs("qemu-system-x86_64"))
  func processorsArePinned() async throws {
    try await TestFolder.during { folder in
      var plan = plan()
      plan.isPinned = true
      let guest = try await RunningGuest.start(
        plan, with: try QEMUProgram.probe(), in: .at(state: folder, sockets: folder))
      defer { guest.kill() }
      let own = try #require(guest.configuration.pinning?.processors)
      let thread = try #require(try await guest.execute(QueryCPUs()).first?.thread)
      let status = try String(
        contentsOfFile: "/proc/\(guest.process.pid)/task/\(thread)/status", encoding: .utf8)
      let list = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
      #expect(list?.split(whereSeparator: \.isWhitespace).last.map(String.init) == "\(own[0])")
    }
  }

  @Test func absentVGPUIsAnError() async throws {
    let uuid = MdevUUID.random()
    var plan = plan()
    plan.vGPU = .existing(uuid)
    let program = QEMUProgram(path: "/no/qemu", version: "", takesDescriptors: false)
    let error = await #expect(throws: GuestError.self) {
      try await RunningGuest.start(plan, with: program, in: .at(state: "/no", sockets: "/no"))
    }
    guard case .host(.noSuchDevice(uuid, _)) = error else { throw error ?? GuestError.cancelled }
  }
}
