// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import Guests
import HostDevices
import PNGFile
import QMP
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// A vGPU's guest whose QEMU has a display on D-Bus and a display device beside the vGPU: the firmware's
  /// screen and the input come that way, the guest's frames by VFIO.
  @Suite struct DisplayBesideTests {
    private static let beside = [
      "-display", "dbus,p2p=yes", "-device", "ramfb", "-boot", "menu=on,splash-time=60000",
    ]

    /// SeaBIOS's name, and the key that it wants. A key that comes before is thrown away.
    private static func isAsking(_ picture: Picture) -> Bool {
      QEMUTests.isText(picture) && QEMUTests.textLines(of: picture) == 2
    }

    /// The QEMU of a guest, by a QMP client beside the viewer. Each call needs the only socket.
    private struct Monitor {
      let socket: String

      /// QEMU serves one client of a socket at a time: it greets nobody while another one has it.
      var isFree: Bool {
        get async {
          guard let client = try? await QMPClient(path: socket) else { return false }
          let status = try? await client.execute(QueryStatus())
          await client.close()
          return status != nil
        }
      }

      /// A command without arguments.
      func execute(_ command: String) async throws {
        let client = try await QMPClient(path: socket)
        try await client.execute(command)
        await client.close()
      }

      /// QEMU's own picture of its screen.
      func screendump() async throws -> Picture {
        let file = "/dev/shm/dump-\(UUID().uuidString).png"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let client = try await QMPClient(path: socket)
        try await client.execute(
          "screendump", arguments: ["filename": .string(file), "format": "png"])
        await client.close()
        return try PNG.decode([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
      }
    }

    /// Waits until the screen shows QEMU's own picture, to the pixel, and both stand still.
    ///
    /// - Parameter isStopped: whether the guest stands still while they are compared: SeaBIOS asks for a minute
    ///   of the guest's time.
    /// - Returns: QEMU's picture.
    private func expectSame(
      _ desktop: Desktop, _ viewer: Child, _ monitor: Monitor, _ what: String,
      isStopped: Bool = false,
      location: SourceLocation = #_sourceLocation, until isMeant: (Picture) -> Bool
    ) async throws -> Picture {
      let deadline = Date(timeIntervalSinceNow: 240)
      var last = "no such picture"
      while Date() < deadline, viewer.isRunning {
        let before = try await monitor.screendump()
        if isMeant(before) {
          if isStopped { try await monitor.execute("stop") }
          let screen = try desktop.picture()
          let after = try await monitor.screendump()
          if before.rgb == after.rgb {
            if screen.contains(after) {
              if isStopped { try await monitor.execute("cont") }
              return after
            }
            last =
              "a screen of \(screen.width)x\(screen.height) without QEMU's picture of "
              + "\(after.width)x\(after.height)"
          }
        }
        try await Task.sleep(for: QEMUPicture.untilNextLook)
      }
      let end = viewer.isRunning ? "" : viewer.end().errors
      return try #require(nil, "\(what): \(last) \(end)", sourceLocation: location)
    }

    @Test func firmwareAndInputByDBusFramesByVFIO() async throws {
      let host = HostHardware()
      let desktop = try Desktop(.xvfb, size: "1100x900")
      let vGPU = try host.create(type: "mbochs-medium")
      let guest = try LinuxGuest(vGPU, Self.beside)
      let monitor = Monitor(socket: guest.socket)
      defer {
        guest.qemu.kill()
        #expect(throws: Never.self) { try host.remove(vGPU.uuid) }
      }
      try await eventually { isListening(on: guest.socket) }
      // QEMU opens its devices a little later, and a viewer chooses when it starts.
      try await eventually { !host.users(of: vGPU.uuid).isEmpty }
      let statistics = "/dev/shm/statistics-\(UUID().uuidString).json"
      defer { try? FileManager.default.removeItem(atPath: statistics) }
      let viewer = try Child(
        "vgpu",
        [
          "view", "\(vGPU.uuid)", "--scale", "1:1", "--resolution", "640x480", "--stats",
          statistics,
        ], environment: desktop.environment)
      defer { viewer.kill() }

      // SeaBIOS asks for its menu's key, and the key gets there.
      let asking = try await expectSame(
        desktop, viewer, monitor, "SeaBIOS", isStopped: true, until: Self.isAsking)
      try desktop.xdotool("mousemove", "500", "450")
      try desktop.xdotool("key", "Escape")
      let menu = try await expectSame(desktop, viewer, monitor, "its menu") {
        QEMUTests.isText($0) && QEMUTests.textLines(of: $0) >= 5
      }
      #expect(menu.width == asking.width && menu.height == asking.height)
      let info = try run("vgpu", "info", "\(vGPU.uuid)")
      let text = String(decoding: info.output, as: UTF8.self)
      #expect(info.code == 0, "\(info.errors)")
      #expect(
        text.contains("screen             VFIO plane")
          && text.contains("boot screen        QEMU's display on D-Bus")
          && text.contains("keyboard, pointer  as boot screen"), "\(text)")
      try desktop.xdotool("key", "1")

      // The Linux guest on its vGPU.
      let window = try GuestWindow(desktop, viewer, width: 640, height: 480)
      #expect(await monitor.isFree, "a guest is shown")
      try window.clicks()
      try window.drag()
      try window.wheel()
      // A guest's keyboard holds 16 bytes, and a busy rig's guest takes its time to read them.
      let keys = Array(2...13) + Array(16...27) + [30, 42, 57, 97, 103, 105, 106, 108, 111, 119]
      for start in stride(from: 0, to: keys.count, by: 6) {
        try window.everyKey(Array(keys[start..<min(start + 6, keys.count)]))
      }
      #expect(await monitor.isFree, "keys and pointer")
      // What needs QMP has it for some seconds.
      try window.sideways()
      try window.grab()
      try await eventually { await monitor.isFree }
      kill(viewer.pid, SIGTERM)
      #expect(viewer.end().code == 0)
      let gets = try JSONDecoder().decode(
        Statistics.self, from: Data(contentsOf: URL(fileURLWithPath: statistics))
      ).gets
      #expect(gets > 0, "the vGPU's buffers were fetched")
    }

    /// A viewer that is there before its guest's QEMU. The firmware's screen and the input go by D-Bus, and QMP
    /// is free. The next QEMU has no such display, and is told over QMP.
    @Test func aViewerThatWasThereFirst() async throws {
      let host = HostHardware()
      let desktop = try Desktop(.xvfb, size: "1100x900")
      let vGPU = try host.create(type: "mbochs-medium")
      defer { #expect(throws: Never.self) { try host.remove(vGPU.uuid) } }
      let viewer = try Child(
        "vgpu", ["view", "\(vGPU.uuid)", "--scale", "1:1", "--resolution", "640x480"],
        environment: desktop.environment)
      defer { viewer.kill() }
      try desktop.xdotool("search", "--sync", "--onlyvisible", "--pid", "\(viewer.pid)")

      let first = try LinuxGuest(vGPU, Self.beside)
      defer { first.qemu.kill() }
      let monitor = Monitor(socket: first.socket)
      try await eventually { isListening(on: first.socket) }
      _ = try await expectSame(
        desktop, viewer, monitor, "SeaBIOS", isStopped: true, until: Self.isAsking)
      try desktop.xdotool("mousemove", "500", "450")
      try desktop.xdotool("key", "Escape")
      _ = try await expectSame(desktop, viewer, monitor, "its menu") {
        QEMUTests.isText($0) && QEMUTests.textLines(of: $0) >= 5
      }
      try desktop.xdotool("key", "1")
      var window = try GuestWindow(desktop, viewer, width: 640, height: 480)
      #expect(await monitor.isFree, "a guest is shown")
      try window.clicks()
      try window.everyKey(Array(30...35))
      #expect(await monitor.isFree, "keys and pointer")
      first.qemu.kill()
      LaunchTests.waitUntilUnused(vGPU.uuid)

      let second = try LinuxGuest(vGPU)
      defer { second.qemu.kill() }
      window = try GuestWindow(desktop, viewer, width: 640, height: 480)
      try window.everyKey(Array(30...35))
      #expect(await !monitor.isFree, "the window has the only socket")
      kill(viewer.pid, SIGTERM)
      #expect(viewer.end().code == 0)
    }

    private struct Statistics: Decodable { let gets: Int }

    /// From the firmware's screen to the guest's frames without an empty picture: everything that a window
    /// is given, looked at more often than a window does.
    @Test(.onOwnThread) func exchangeWithoutAnEmptyPicture() async throws {
      let host = HostHardware()
      let vGPU = try host.create(type: "mbochs-medium")
      let socket = "/dev/shm/\(vGPU.uuid).qmp"
      let qemu = try Child(
        "\(QEMUTests.rig)/inside/bootguest",
        [
          "\(vGPU.uuid)", "mode=640x480 fps=60 frames=600", "-qmp",
          "unix:\(socket),server=on,wait=off", "-display", "dbus,p2p=yes", "-device", "ramfb", "-S",
        ])
      defer {
        qemu.kill()
        #expect(throws: Never.self) { try host.remove(vGPU.uuid) }
      }
      try await eventually { isListening(on: socket) }
      try await eventually { !host.users(of: vGPU.uuid).isEmpty }
      let open = try Guest(.mdev(vGPU.uuid)).open(waiting: true, isTold: true)
      #expect(open.control == nil && open.input != nil, "by D-Bus")
      let source = open.makeFrameSource()
      // The machine starts only now, so that nothing is missed. It shows frames for ten seconds, because a
      // look at one of the firmware's pictures may take longer than a second here.
      let client = try await QMPClient(path: socket)
      try await client.execute("cont")
      await client.close()
      let pattern = TestPattern(width: 640, height: 480)
      var seen: [String] = []
      var last: UInt64?
      var lookedAt = Date.distantPast
      let deadline = Date(timeIntervalSinceNow: 90)
      while seen.last != "the last frame", Date() < deadline {
        switch source.poll() {
        case .noPicture(let reason):
          last = nil
          note("nothing: \(reason)")
        // While a picture was copied here, the guest may have flipped to another buffer and back.
        case .frame(let frame)
        where frame.flip != last || lookedAt < Date(timeIntervalSinceNow: -0.5):
          (last, lookedAt) = (frame.flip, Date())
          let picture = try Picture(copying: frame.primary)
          let isPlain = picture.rgb.allSatisfy { $0 == picture.rgb.first }
          if isPlain {
            note("empty, \(picture.width)x\(picture.height)")
          } else if picture.width == 640 {
            // A frame that the guest draws meanwhile has no number.
            note(pattern.frameNumber(color: picture.color) == 599 ? "the last frame" : "frames")
          } else {
            note("firmware")
          }
        case .frame: break
        }
        usleep(1000)
      }
      func note(_ what: String) { if seen.last != what { seen.append(what) } }
      // SeaBIOS clears its screen now and then by itself, so only what follows its last picture counts.
      let exchange = seen.lastIndex(of: "firmware").map { Array(seen[$0...]) }
      #expect(exchange == ["firmware", "frames", "the last frame"], "\(seen)")
    }
  }
}
