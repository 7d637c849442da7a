// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PNGFile
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// `vgpu run`, through both VFIO interfaces.
  @Suite struct LaunchTests {
    static func part(_ name: String) throws -> String {
      try #require(TestMachine.rigPart(name), "Rig/prepare \(name)")
    }

    /// Debian 12's QEMU, and one that can be handed an open device.
    static let programs: [(String, String)] = {
      let newer = try? "\(part("qemu"))/usr/bin/qemu-system-x86_64"
      return [("qemu-system-x86_64", "group")] + (newer.map { [($0, "descriptors")] } ?? [])
    }()

    /// The boot guest and a QEMU, copied to where every user may read them.
    static func copies(of program: String, in folder: String) throws -> (
      qemu: String, guest: String
    ) {
      let files = FileManager.default
      try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try files.copyItem(atPath: "\(part("guests"))/bootguest.elf", toPath: "\(folder)/guest")
      guard program.hasPrefix("/") else { return (program, "\(folder)/guest") }
      try files.copyItem(atPath: "\(part("qemu"))/usr", toPath: "\(folder)/usr")
      return ("\(folder)/usr/bin/qemu-system-x86_64", "\(folder)/guest")
    }

    static func waitUntilUnused(_ uuid: MdevUUID) {
      let deadline = Date(timeIntervalSinceNow: 5)
      while !HostHardware().users(of: uuid).isEmpty, Date() < deadline { usleep(50_000) }
    }

    private static func guestArguments(_ options: String) throws -> [String] {
      let folder = try part("guests")
      return ["--", "-kernel", "\(folder)/bootguest.elf", "-append", options]
    }

    @Test(arguments: programs)
    func startedGuestIsSeen(program: String, handover: String) throws {
      let host = HostHardware()
      let launch = try run(
        "vgpu",
        [
          "run", "--vgpu", "mbochs-small", "--qemu", program, "--memory", "128M", "--cpus", "1",
          "--machine", "pc", "--pin", "--no-view",
        ] + Self.guestArguments("mode=640x480 fps=60 frames=30"))
      #expect(launch.code == 0, "\(launch.errors)")
      #expect(!launch.errors.contains("not pinned"), "\(launch.errors)")
      let text = String(decoding: launch.output, as: UTF8.self)
      let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      defer { kill(pid, SIGKILL) }
      let device = try #require(try host.devices().first)
      #expect(host.users(of: device.uuid) == [pid])
      let holds = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap
      {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
      }
      #expect(holds.contains("/dev/iommu") == (handover == "descriptors"))
      let pattern = TestPattern(width: 640, height: 480)
      let picture = try #require(
        try QEMUTests.screenshot("pid:\(pid)") {
          $0.width == 640 && pattern.frameNumber(color: $0.color) == 29
        })
      ScreenshotTests.expect(picture, shows: 29, of: pattern)
      kill(pid, SIGKILL)
      Self.waitUntilUnused(device.uuid)
      try host.remove(device.uuid)
    }

    @Test func guestOutlivesItsViewer() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let compositor = try Compositor(width: 720, height: 600)
        let viewer = try Child(
          "vgpu",
          [
            "run", "--vgpu", "\(vGPU.uuid)", "--memory", "128M", "--cpus", "1", "--machine", "pc",
          ] + Self.guestArguments("mode=640x480 fps=60 frames=30"),
          environment: compositor.environment)
        defer { viewer.kill() }
        let pattern = TestPattern(width: 640, height: 480)
        #expect(try compositor.find(pattern, in: viewer)?.wrong == 0)
        let pid = try #require(HostHardware().users(of: vGPU.uuid).first { $0 != viewer.pid })
        viewer.kill()
        #expect(kill(pid, 0) == 0, "the guest runs on")
        let picture = try QEMUTests.screenshot("\(vGPU.uuid)") { $0.width == 640 }
        #expect(picture != nil)
        kill(pid, SIGKILL)
        Self.waitUntilUnused(vGPU.uuid)
      }
    }

    /// Starts a viewer on a guest whose vGPU is made for it, and waits until its picture is there.
    private func withShownGuest(
      _ program: String, _ body: (_ viewer: Child, _ pid: Int32, _ uuid: MdevUUID) throws -> Void
    ) throws {
      let compositor = try Compositor(width: 720, height: 600)
      let viewer = try Child(
        "vgpu",
        [
          "run", "--vgpu", "mbochs-small", "--qemu", program, "--memory", "64M", "--cpus", "1",
          "--machine", "pc",
        ] + Self.guestArguments("mode=640x480 fps=60 frames=30"),
        environment: compositor.environment)
      defer { viewer.kill() }
      let pattern = TestPattern(width: 640, height: 480)
      let found = try compositor.find(pattern, in: viewer)
      try #require(found?.wrong == 0, "\(viewer.isRunning ? "" : viewer.end().errors)")
      let uuid = try #require(try HostHardware().devices().first).uuid
      let pid = try #require(HostHardware().users(of: uuid).first { $0 != viewer.pid })
      try body(viewer, pid, uuid)
    }

    /// Sends QMP commands one after the other, each after the answer before.
    private func qmp(_ uuid: MdevUUID, _ commands: String...) throws -> String {
      let runtime = try #require(ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"])
      let script = """
        import json, socket, sys
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        f = s.makefile("rw")
        f.readline()
        for name in ["qmp_capabilities"] + sys.argv[2:]:
            f.write(json.dumps({"execute": name}))
            f.flush()
            line = f.readline()
            while "return" not in line and "error" not in line: line = f.readline()
            print(line)
        """
      let answer = try Child(
        "/usr/bin/python3", ["-c", script, "\(runtime)/vgpu/\(uuid).qmp"] + commands
      ).end()
      #expect(answer.code == 0, "\(answer.errors)")
      return String(decoding: answer.output, as: UTF8.self)
    }

    @Test(arguments: programs)
    func guestThatPowersOffTakesItsVGPUAlong(program: String, handover: String) throws {
      try withShownGuest(program) { viewer, pid, uuid in
        let links = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(viewer.pid)/fd")
          .compactMap {
            try? FileManager.default.destinationOfSymbolicLink(
              atPath: "/proc/\(viewer.pid)/fd/\($0)")
          }
        // Its own duplicate of what it has handed over, or one out of its child.
        #expect(links.contains { $0.hasPrefix("/dev/vfio/devices/") } == (handover != "group"))
        #expect(links.contains("anon_inode:[vfio-device]") == (handover == "group"))
        #expect(!links.contains("/dev/iommu"))
        // QEMU takes it for its power switch; the viewer, which has QMP to itself, ends with it.
        kill(pid, SIGTERM)
        let end = viewer.end()
        #expect(end.code == 0, "\(end.errors)")
        #expect(kill(pid, 0) != 0, "it is reaped")
        #expect(try HostHardware().devices().isEmpty)
      }
    }

    /// Closing the window asks, and the Enter key means to power down; the window stays until the
    /// guest's kernel, which the power button asks, has done so.
    @Test func closeDialogPowersTheGuestDown() throws {
      let desktop = try Desktop(.xvfb, size: "720x600")
      let viewer = try Child(
        "vgpu",
        [
          "run", "--vgpu", "mbochs-medium", "--memory", "128M", "--cpus", "1", "--machine", "pc",
          "--resolution", "640x480", "--",
        ] + TestMachine.linuxGuest(), environment: desktop.environment)
      defer { viewer.kill() }
      let window = try GuestWindow(desktop, viewer, width: 640, height: 480)
      // What the window's close button does; no window manager is here to offer one.
      kill(viewer.pid, SIGINT)
      // The dialog lies over the window's middle, and the keyboard is where the pointer is.
      try window.pointAt(320, 240)
      usleep(1_000_000)
      #expect(viewer.isRunning, "it asks first")
      try desktop.xdotool("key", "Return")
      let deadline = Date(timeIntervalSinceNow: 60)
      while viewer.isRunning, Date() < deadline { usleep(100_000) }
      try #require(!viewer.isRunning, "the guest was not told")
      let end = viewer.end()
      #expect(end.code == 0, "\(end.errors)")
      #expect(!end.errors.contains("runs on"), "\(end.errors)")
      #expect(try HostHardware().devices().isEmpty)
    }

    @Test func guestThatIsKilledIsAFailure() throws {
      try withShownGuest("qemu-system-x86_64") { viewer, pid, _ in
        kill(pid, SIGKILL)
        let end = viewer.end()
        #expect(end.code == 1)
        #expect(end.errors.contains("QEMU was ended by signal 9"), "\(end.errors)")
        let left = try HostHardware().devices()
        #expect(left.isEmpty)
      }
    }

    @Test func guestThatRunsOnKeepsItsVGPU() throws {
      try withShownGuest("qemu-system-x86_64") { viewer, pid, uuid in
        kill(viewer.pid, SIGTERM)
        let end = viewer.end()
        #expect(end.code == 0, "\(end.errors)")
        #expect(end.errors.contains("vgpu remove \(uuid)"), "\(end.errors)")
        #expect(kill(pid, SIGKILL) == 0, "the guest runs on")
        Self.waitUntilUnused(uuid)
        try HostHardware().remove(uuid)
      }
    }

    @Test func socketOfAnEndedGuestIsReplacedAndALivingOnesNot() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let arguments =
          ["run", "--vgpu", "\(vGPU.uuid)", "--memory", "64M", "--machine", "pc", "--no-view"]
          + (try Self.guestArguments("mode=640x480"))
        func start() throws -> Int32 {
          let launch = try run("vgpu", arguments)
          #expect(launch.code == 0, "\(launch.errors)")
          let text = String(decoding: launch.output, as: UTF8.self)
          return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
        let runtime = try #require(ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"])
        let socket = "\(runtime)/vgpu/\(vGPU.uuid).qmp"
        let first = try start()
        kill(first, SIGKILL)
        Self.waitUntilUnused(vGPU.uuid)
        #expect(FileManager.default.fileExists(atPath: socket), "it was killed")
        let second = try start()
        #expect(try qmp(vGPU.uuid, "quit").contains("return"))
        Self.waitUntilUnused(vGPU.uuid)
        #expect(second != first)
        // Somebody who listens there and is no guest on this vGPU.
        let other = try Child(
          "/usr/bin/qemu-system-x86_64",
          ["-M", "none", "-display", "none", "-qmp", "unix:\(socket),server=on,wait=off"])
        defer { other.kill() }
        let deadline = Date(timeIntervalSinceNow: 10)
        while !isListening(on: socket), Date() < deadline { usleep(50_000) }
        let refused = try run("vgpu", arguments)
        #expect(refused.code == 75)
        #expect(refused.errors.contains("another guest answers there"), "\(refused.errors)")
      }
    }

    @Test(arguments: programs)
    func printedCommandStarts(program: String, handover: String) throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let state = "/dev/shm/\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: state) }
        let print = try Child(
          "vgpu",
          [
            "run", "--vgpu", "\(vGPU.uuid)", "--qemu", program, "--memory", "128M", "--print",
            "--boot-screen", "--firmware", "uefi", "--", "-S",
          ], environment: ["XDG_STATE_HOME": state]
        ).end()
        #expect(print.code == 0, "\(print.errors)")
        let command = String(decoding: print.output, as: UTF8.self)
        #expect(command.contains("4<>/dev/iommu") == (handover == "descriptors"), "\(command)")
        #expect(command.contains("\(state)/vgpu/\(vGPU.uuid)-"), "the store of variables")
        #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
        let guest = try Child("/bin/sh", ["-c", "exec \(command)"])
        defer { guest.kill() }
        let runtime = try #require(ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"])
        let socket = "\(runtime)/vgpu/\(vGPU.uuid).qmp"
        let deadline = Date(timeIntervalSinceNow: 20)
        while !isListening(on: socket), guest.isRunning, Date() < deadline {
          usleep(50_000)
        }
        try #require(guest.isRunning, "\(guest.isRunning ? "" : guest.end().errors)")
        let answers = try qmp(vGPU.uuid, "query-status", "query-display-options", "quit")
        #expect(answers.contains("prelaunch"), "\(answers)")
        #expect(answers.contains(#""p2p": true, "type": "dbus""#), "\(answers)")
        Self.waitUntilUnused(vGPU.uuid)
      }
    }

    @Test func guestThatCannotStartLeavesNothing() throws {
      let launch = try run(
        "vgpu", ["run", "--vgpu", "mbochs-small", "--no-view", "--", "-no-such-option"])
      #expect(launch.code == 1)
      #expect(launch.errors.contains("-no-such-option"), "\(launch.errors)")
      #expect(launch.errors.contains("QEMU ended with code 1"))
      #expect(try HostHardware().devices().isEmpty)
    }
  }
}
