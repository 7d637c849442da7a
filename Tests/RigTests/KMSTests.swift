// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import Foundation
import FramePacing
import HostDevices
import KMSPresenter
import LinuxSystem
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// `vgpu view --kms` on vkms, whose pictures the kernel sums up: a checksum that is right means that
  /// every pixel is.
  @Suite struct KMSTests {
    private struct Statistics: Decodable {
      let framesPresented: Int
      let framesShown: Int
      let newFrames: Int
      let feedback: String
      /// `null` where the viewer ended before its second refresh.
      let refreshRate: Double?
      let path: String
      let copies: Int
      let handovers: Int
      let compositorBuffers: Int
      let gets: Int
      let backend: String
      let renderer: String
      let handoverRefusal: String?
    }

    /// A viewer on a monitor.
    private final class View {
      private let child: Child
      private let file = "/dev/shm/statistics-\(UUID().uuidString).json"

      init(_ target: String, on monitor: VirtualMonitor, _ options: [String] = []) throws {
        child = try Child(
          "vgpu", ["view", target, "--kms", "--card", monitor.card, "--stats", file] + options)
      }

      deinit { try? FileManager.default.removeItem(atPath: file) }

      /// Ends it by a signal, or waits for its end.
      func end(_ signal: Int32? = SIGTERM) throws -> Statistics {
        if let signal { kill(signal) }
        let end = child.end()
        #expect(end.code == 0, "\(end.errors)")
        let json = try Data(contentsOf: URL(fileURLWithPath: file))
        try JSONSchema.expect(json, fits: "statistics")
        let statistics = try JSONDecoder().decode(Statistics.self, from: json)
        #expect(statistics.backend == "kms")
        #expect(statistics.renderer == "vkms")
        #expect(statistics.feedback == "page-flip")
        return statistics
      }

      func kill(_ signal: Int32) { _ = Glibc.kill(child.pid, signal) }
      func waitForEnd() -> (code: Int32, output: Data, errors: String) { child.end() }
    }

    /// A guest in QEMU flips; the display engine reads its own buffers.
    @Test func everyFrameOfAGuestInQEMU() throws {
      let pattern = TestPattern(width: 640, height: 480)
      let count: UInt32 = 60
      let expected = (0..<count).map { VirtualMonitor.checksum(pattern, frame: $0) }
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let monitor = try VirtualMonitor()
        let before = try monitor.state()
        let view = try View("mdev:\(vGPU.uuid)", on: monitor)
        let guest = try QEMUTests.bootGuest(
          vGPU, "mode=640x480 fps=20 buffers=8 frames=\(count)")
        defer { guest.kill() }
        let checksums = try monitor.checksums()
        var seen: Set<UInt32> = []
        var wrong = 0
        var left = 3000
        while seen.contains(count - 1) == false, left > 0, let next = checksums.next() {
          left -= 1
          if let frame = expected.firstIndex(of: next) {
            seen.insert(UInt32(frame))
          } else if !seen.isEmpty {
            // Frame 0 is drawn while it is shown.
            wrong += 1
          }
        }
        #expect(wrong == 0, "of \(3000 - left) pictures")
        #expect(seen.contains(count - 1), "the last frame")
        let statistics = try view.end()
        print(
          "frames: \(count) made, \(statistics.newFrames) shown, \(seen.count) seen in"
            + " \(3000 - left) refreshes")
        #expect(statistics.newFrames >= seen.count - 1)
        #expect(statistics.framesShown == statistics.framesPresented)
        #expect(statistics.path == "direct")
        #expect(statistics.handovers == statistics.framesPresented)
        #expect(statistics.copies == 0)
        // Each buffer is fetched once, and becomes a framebuffer once.
        #expect(statistics.gets == 8)
        #expect(statistics.compositorBuffers == 8)
        #expect(abs((statistics.refreshRate ?? 0) - 60) < 1)
        #expect(try monitor.state() == before)
      }
    }

    @Test func aPictureInARegionIsCopied() throws {
      try Rig.withGuest("mdpy-vga", ["--fps", "0", "--first", "5"]) { vGPU, _ in
        let monitor = try VirtualMonitor()
        let view = try View("\(vGPU.uuid)", on: monitor)
        let expected = VirtualMonitor.checksum(TestPattern(width: 640, height: 480), frame: 5)
        #expect(try monitor.checksums().isSeen(expected))
        let statistics = try view.end()
        #expect(statistics.path == "upload")
        #expect(statistics.copies == statistics.framesPresented)
        #expect(statistics.compositorBuffers == 0)
        #expect(statistics.handoverRefusal?.contains("no dma-buf") == true)
      }
    }

    /// A guest with another size than the monitor's mode, and the same picture copied.
    @Test(arguments: [(320, 240), (800, 600), (800, 240)], [false, true])
    func inTheMiddleOfTheMonitor(size: (Int, Int), isCopied: Bool) throws {
      let (width, height) = size
      try Rig.withGuest(
        "mbochs-small",
        ["--mode", "\(width)x\(height)", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, _ in
        let monitor = try VirtualMonitor()
        let view = try View(
          "\(vGPU.uuid)", on: monitor,
          ["--mode", "640x480"] + (isCopied ? ["--upload"] : []))
        let expected = VirtualMonitor.checksum(
          TestPattern(width: width, height: height), frame: 77, on: (640, 480))
        #expect(try monitor.checksums().isSeen(expected))
        #expect(try view.end().path == (isCopied ? "upload" : "direct"))
      }
    }

    /// A guest that draws into the shown buffer shows no flip.
    @Test func changesInTheShownBufferAreSeen() throws {
      let pattern = TestPattern(width: 640, height: 480)
      try Rig.withGuest(
        "mdpy-vga", ["--fps", "2", "--first", "1"]
      ) { vGPU, _ in
        let monitor = try VirtualMonitor()
        let view = try View("\(vGPU.uuid)", on: monitor)
        let checksums = try monitor.checksums()
        var seen: Set<UInt32> = []
        let expected = (0..<40).map { VirtualMonitor.checksum(pattern, frame: $0) }
        var left = 3000
        while seen.count < 3, left > 0, let next = checksums.next() {
          left -= 1
          if expected.contains(next) { seen.insert(next) }
        }
        #expect(seen.count >= 3)
        _ = try view.end()
      }
    }

    @Test func aGuestThatEndsAndComesBack() throws {
      let pattern = TestPattern(width: 640, height: 480)
      try Rig.withVGPU("mbochs-small") { vGPU in
        let monitor = try VirtualMonitor()
        let before = try monitor.state()
        let view = try View("mdev:\(vGPU.uuid)", on: monitor)
        let black = VirtualMonitor.checksum(640, 480) { _ in }
        for first in [UInt32(500), 600] {
          let guest = try Child(
            "rig-guest",
            ["\(vGPU.uuid)", "--mode", "640x480", "--fps", "0", "--first", "\(first)"])
          #expect(try guest.line() == "ready 640x480")
          let checksums = try monitor.checksums()
          #expect(checksums.isSeen(VirtualMonitor.checksum(pattern, frame: first)))
          guest.kill()
          #expect(checksums.isSeen(black), "black while there is no guest")
        }
        _ = try view.end()
        #expect(try monitor.state() == before)
      }
    }

    // MARK: What was there before

    /// Another program's picture, which comes back.
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func theLastPictureIsPutBack(signal: Int32) throws {
      let monitor = try VirtualMonitor()
      let other = try LeftPicture(on: monitor)
      try other.leave()
      let before = try monitor.state()
      #expect(try monitor.isOn())
      let view = try View("demo", on: monitor, ["--mode", "800x600"])
      let deadline = Date(timeIntervalSinceNow: 60)
      while try monitor.state() == before, Date() < deadline { usleep(20_000) }
      #expect(try monitor.state().contains { $0.contains("800x600") })
      _ = try view.end(signal)
      let after = try monitor.state()
      #expect(after == before, "\(after.difference(from: before))")
    }

    /// A program that is killed can put nothing back: the kernel does what it does when a card is closed.
    @Test func afterSIGKILLTheMonitorShowsNoGuest() throws {
      let monitor = try VirtualMonitor()
      let view = try View("demo", on: monitor)
      // The monitor may be on already, with the last mode.
      let deadline = Date(timeIntervalSinceNow: 60)
      func showsGuest() throws -> Bool {
        try monitor.state().contains { $0.contains("allocated by = vgpu") }
      }
      while try !showsGuest(), Date() < deadline { usleep(20_000) }
      let during = try monitor.state()
      #expect(try showsGuest(), "\(during)")
      view.kill(SIGKILL)
      _ = view.waitForEnd()
      #expect(try !showsGuest())
      // The next program has the card at once.
      let next = try View("demo", on: monitor, ["--frames", "5"])
      #expect(try next.end(nil).framesShown >= 5)
    }

    // MARK: Refusals

    @Test func whatIsNotThereIsNamed() throws {
      let monitor = try VirtualMonitor()
      func refusal(_ options: String...) throws -> (code: Int32, text: String) {
        let end = try Child("vgpu", ["view", "demo", "--kms"] + options).end()
        return (end.code, end.errors)
      }
      let noCard = try refusal("--card", "/dev/none")
      #expect(noCard.code == 66 && noCard.text.contains("/dev/none: open"), "\(noCard)")
      let noScreen = try refusal("--card", "/dev/vgem")
      #expect(noScreen.code == 66 && noScreen.text.contains("no card with a display engine"))
      let hidden = try refusal()
      #expect(hidden.code == 66 && hidden.text.contains("/dev/dri: no card"), "\(hidden)")
      let connector = try refusal("--card", monitor.card, "--connector", "HDMI-A-7")
      #expect(connector.code == 66 && connector.text.contains("choose among: Virtual-1"))
      let mode = try refusal("--card", monitor.card, "--mode", "1234x567")
      #expect(mode.code == 64 && mode.text.contains("1024x768@60"), "\(mode)")
    }

    @Test func anotherProgramsCardIsLeftAlone() throws {
      let monitor = try VirtualMonitor()
      let other = try LeftPicture(on: monitor)
      let before = try monitor.state()
      let end = try Child("vgpu", ["view", "demo", "--kms", "--card", monitor.card]).end()
      #expect(end.code == 75)
      #expect(end.errors.contains("log out of the desktop"), "\(end.errors)")
      #expect(try monitor.state() == before)
      withExtendedLifetime(other) {}
    }

    // MARK: The library

    /// The pointer's plane lies over the guest's own buffer.
    @Test func thePointerIsShown() throws {
      let pattern = TestPattern(width: 640, height: 480)
      let monitor = try VirtualMonitor()
      let before = try monitor.state()
      var wish = ScreenWish()
      wish.card = monitor.card
      wish.connector = "Virtual-1"
      let screen = try KMSScreen(wish)
      let guest = try SyntheticGuest(pattern: pattern, framesPerSecond: 0)
      let source = DisplaySource(guest)
      guard case .frame(let frame) = source.poll() else {
        Issue.record("no picture")
        return
      }
      try screen.present(frame, number: 7)
      #expect(screen.path == .direct, "\(screen.copyReason ?? "")")
      #expect(screen.cursorReason == nil)
      var entry = pollfd(fd: screen.descriptor, events: Int16(POLLIN), revents: 0)
      #expect(poll(&entry, 1, 10_000) == 1)
      var flips: [UInt64] = []
      screen.readFlips { number, feedback in
        flips.append(number)
        #expect(abs(feedback.interval - 16_666_667) < 100_000)
      }
      #expect(flips == [7])
      #expect(!screen.isFlipPending)
      let expected = VirtualMonitor.checksum(640, 480) { bytes in
        pattern.draw(frame: 0, into: bytes, stride: 640 * 4, everything: true)
        // The synthetic guest's arrow.
        for y in 0..<24 {
          for x in 0...y * 2 / 3 {
            let isEdge = x == 0 || x == y * 2 / 3 || y == 23
            bytes.storeBytes(
              of: isEdge ? 0 : 0xFFFFFF, toByteOffset: (y * 640 + x) * 4, as: UInt32.self)
          }
        }
      }
      #expect(try monitor.checksums().isSeen(expected, within: 100))
      screen.restore()
      #expect(try monitor.state() == before)
    }
  }
}
