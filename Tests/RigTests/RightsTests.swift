// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
import TestSupport
import Testing

private let yamaScope = "/proc/sys/kernel/yama/ptrace_scope"

extension RigTests {
  /// A user without a single privilege, on a kernel that lets nobody look into another process but
  /// its ancestors (yama's `ptrace_scope` 1, as distributions ship it).
  @Suite(
    .needs(
      "yama, which Rig/prepare uml builds", if: FileManager.default.fileExists(atPath: yamaScope)))
  struct RightsTests {
    private static let user: uid_t = 65534

    /// With yama's scope at a number, and back at what it was afterwards.
    private func withScope(_ scope: Int, _ body: () throws -> Void) throws {
      let before = try String(contentsOfFile: yamaScope, encoding: .utf8)
      try "\(scope)".write(toFile: yamaScope, atomically: false, encoding: .utf8)
      defer { try? before.write(toFile: yamaScope, atomically: false, encoding: .utf8) }
      try body()
    }

    /// A folder of the user's, on a tmpfs, that is what home, state and sockets are to it.
    private final class Home {
      let path = "/dev/shm/home-\(UUID().uuidString)"

      init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(chmod(path, 0o700) == 0 && chown(path, user, user) == 0)
      }

      deinit { try? FileManager.default.removeItem(atPath: path) }

      var environment: [String: String] {
        ["HOME": path, "XDG_RUNTIME_DIR": path, "XDG_STATE_HOME": "\(path)/state"]
      }
    }

    /// A program as that user.
    private func child(
      _ program: String, _ arguments: [String], _ environment: [String: String]
    ) throws -> Child {
      let path = program.hasPrefix("/") ? program : Rig.program(program).path
      return try Child(
        "/usr/bin/prlimit",
        [
          "--memlock=unlimited", "setpriv", "--reuid=\(Self.user)", "--regid=\(Self.user)",
          "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", path,
        ] + arguments, environment: environment)
    }

    /// The vGPU's nodes, given to that user.
    private func give(_ vGPU: MdevDevice) throws {
      for node in [vGPU.groupNode, vGPU.deviceNode, "/dev/iommu"].compactMap({ $0 }) {
        #expect(chown(node, Self.user, Self.user) == 0, "\(node)")
      }
    }

    @Test(arguments: LaunchTests.programs)
    func ownGuestIsShownWithoutPrivileges(program: String, handover: String) throws {
      let home = try Home()
      // The cache that QEMU and the guest lie in may be root's.
      let shared = "/dev/shm/\(UUID().uuidString)"
      defer { try? FileManager.default.removeItem(atPath: shared) }
      let (qemu, guest) = try LaunchTests.copies(of: program, in: shared)
      // A handed-over device needs no look into QEMU at all.
      let scope = handover == "descriptors" ? 2 : 1
      try withScope(scope) {
        try Rig.withVGPU("mbochs-small") { vGPU in
          try give(vGPU)
          let start = try child(
            "\(QEMUTests.rig)/inside/weston-start", ["720x600"], home.environment
          ).end()
          let compositor = try Compositor(start, environment: home.environment)
          let viewer = try child(
            "vgpu",
            [
              "run", "--vgpu", "\(vGPU.uuid)", "--qemu", qemu, "--memory", "64M", "--cpus", "1",
              "--machine", "pc", "--", "-kernel", guest, "-append", "mode=640x480 fps=60 frames=30",
            ], compositor.environment)
          defer { viewer.kill() }
          let pattern = TestPattern(width: 640, height: 480)
          let found = try compositor.find(pattern, in: viewer)
          #expect(found?.wrong == 0, "\(viewer.isRunning ? "" : viewer.end().errors)")
          let pid = try #require(HostHardware().users(of: vGPU.uuid).first { $0 != viewer.pid })
          let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
          #expect(status.contains("Uid:\t\(Self.user)\t"))
          #expect(status.contains("CapEff:\t0000000000000000"))
          let nodes = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
            .compactMap {
              try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
            }
          #expect(nodes.contains("/dev/iommu") == (handover == "descriptors"))

          // The same user's other processes are no ancestors of it.
          let other = try child("vgpu", ["screenshot", "pid:\(pid)", "-"], home.environment).end()
          #expect(other.code == 77)
          #expect(other.errors.contains("yama's ptrace_scope is \(scope)"), "\(other.errors)")
          kill(pid, SIGKILL)
          LaunchTests.waitUntilUnused(vGPU.uuid)
        }
      }
    }

    @Test func otherUsersGuestIsToldSo() throws {
      let home = try Home()
      try withScope(0) {
        try Rig.withGuest("mbochs-small", ["--mode", "320x200"]) { vGPU, guest in
          let byPid = try child("vgpu", ["screenshot", "pid:\(guest.pid)", "-"], home.environment)
            .end()
          #expect(byPid.code == 77)
          #expect(byPid.errors.contains("belongs to user root"), "\(byPid.errors)")
          // Its command does not name the vGPU as QEMU's does; and the group is not ours to open.
          let unseen = try child("vgpu", ["screenshot", "\(vGPU.uuid)", "-"], home.environment)
            .end()
          #expect(unseen.errors.contains("no process that you may look into"), "\(unseen.errors)")
          try give(vGPU)
          let busy = try child("vgpu", ["screenshot", "\(vGPU.uuid)", "-"], home.environment).end()
          #expect(busy.errors.contains("is in use by a process"), "\(busy.errors)")
        }
      }
    }

    @Test func ownProcessesThatMayNotBeLookedIntoSayWhy() throws {
      let home = try Home()
      let hidden = try child(
        "/usr/bin/python3",
        [
          "-c",
          """
          import ctypes, time
          ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
          print("hidden", flush=True)
          time.sleep(60)
          """,
        ], home.environment)
      defer { hidden.kill() }
      // PR_SET_KEEPCAPS, and PR_SET_DUMPABLE again after the change of user.
      let privileged = try Child(
        "/usr/bin/python3",
        [
          "-c",
          """
          import ctypes, os, time
          ctypes.CDLL(None).prctl(8, 1, 0, 0, 0)
          os.setgroups([])
          os.setresgid(\(Self.user), \(Self.user), \(Self.user))
          os.setresuid(\(Self.user), \(Self.user), \(Self.user))
          ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
          print("privileged", flush=True)
          time.sleep(60)
          """,
        ])
      defer { privileged.kill() }
      for (process, reason) in [(hidden, "hides its memory"), (privileged, "has capabilities")] {
        #expect(try process.line() != nil)
        let shot = try child("vgpu", ["screenshot", "pid:\(process.pid)", "-"], home.environment)
          .end()
        #expect(shot.code == 77)
        #expect(shot.errors.contains(reason), "\(shot.errors)")
      }
    }

    @Test func hiddenQEMUIsNamed() throws {
      let home = try Home()
      try Rig.withVGPU("mbochs-small") { vGPU in
        let guest = try QEMUTests.seaBIOS(vGPU)
        defer { guest.kill() }
        let deadline = Date(timeIntervalSinceNow: 30)
        while HostHardware().users(of: vGPU.uuid).isEmpty, Date() < deadline { usleep(50_000) }
        let shot = try child("vgpu", ["screenshot", "\(vGPU.uuid)", "-"], home.environment).end()
        #expect(shot.code == 77)
        #expect(shot.errors.contains("pid:\(guest.pid)"), "\(shot.errors)")
        #expect(shot.errors.contains("belongs to user root"), "\(shot.errors)")
      }
    }
  }
}
