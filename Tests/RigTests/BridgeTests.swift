// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import DMABuf
import Foundation
import HostDevices
import LinuxSystem
import PNGFile
import TestPatterns
import Testing
import VGPUDisplay

extension RigTests {
  /// `vgpu bridge` with real vGPUs, and clients of other users.
  @Suite struct BridgeTests {
    private static let pattern = TestPattern(width: 320, height: 200)

    /// A bridge that runs as a user with two capabilities.
    final class Bridge {
      let path: String
      private let arguments: [String]
      private(set) var child: Child

      /// - Parameters:
      ///   - vGPUs: all of the host's where none is named.
      ///   - path: the socket's; a name of its own by default.
      init(
        _ vGPUs: [MdevUUID] = [], _ options: [String] = [],
        at path: String = "/dev/shm/bridge-\(UUID().uuidString).sock"
      ) throws {
        self.path = path
        arguments =
          ["bridge", "--socket", path, "--user", "65534"] + options + vGPUs.map { "\($0)" }
        child = try Child("vgpu", arguments)
        try wait()
      }

      /// Kills it without a word, and starts another: the socket's file is left behind, and taken over.
      func restart() throws {
        child.kill()
        child = try Child("vgpu", arguments)
        try wait()
      }

      private func wait() throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while (try? BridgeListing(path: path)) == nil {
          try #require(child.isRunning && Date() < deadline)
          usleep(10_000)
        }
      }

      deinit {
        child.kill()
        unlink(path)
      }
    }

    /// One of the package's programs as a user without a single privilege.
    private func run(
      as user: uid_t, _ arguments: [String], _ environment: [String: String] = [:]
    ) throws -> Child {
      try Child(
        "/usr/bin/setpriv",
        [
          "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--bounding-set=-all",
          "--inh-caps=-all", Rig.program("vgpu").path,
        ] + arguments, environment: environment)
    }

    /// Polls until there is a frame that is hoped for.
    @discardableResult
    private func frame(
      of source: BridgeSource, _ location: SourceLocation = #_sourceLocation,
      where isIt: (Frame) -> Bool = { _ in true }
    ) throws -> Frame {
      let deadline = Date(timeIntervalSinceNow: 60)
      while true {
        let state = source.poll()
        if case .frame(let frame) = state, isIt(frame) { return frame }
        try #require(Date() < deadline, "\(state)", sourceLocation: location)
        usleep(1000)
      }
    }

    @Test func anotherUserSeesEveryPixelAndAThirdNone() throws {
      let viewer: uid_t = 1234
      try Rig.withGuest("mbochs-small", ["--mode", "320x200", "--fps", "0", "--first", "77"]) {
        vGPU, guest in
        let bridge = try Bridge([vGPU.uuid], ["--allow", "user:\(viewer)"])
        // Two capabilities: to read other users' /proc/PID/fd, and to look into their processes.
        let status = try String(contentsOfFile: "/proc/\(bridge.child.pid)/status", encoding: .utf8)
        for line in [
          "Uid:\t65534\t65534\t65534\t65534", "CapPrm:\t0000000000080004",
          "CapEff:\t0000000000080004", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
        ] {
          #expect(status.contains(line), "\(line)")
        }

        for target in ["bridge:\(bridge.path)", "bridge:\(bridge.path)/\(vGPU.uuid)"] {
          let shot = try run(as: viewer, ["screenshot", target, "-"]).end()
          try #require(shot.code == 0, "\(shot.errors)")
          ScreenshotTests.expect(
            try PNG.decode([UInt8](shot.output)), shows: 77, of: Self.pattern)
        }
        // It could not by itself.
        #expect(try run(as: viewer, ["screenshot", "\(vGPU.uuid)", "-"]).end().code == 69)

        let third = try run(as: 1235, ["screenshot", "bridge:\(bridge.path)", "-"]).end()
        #expect(third.code == 77)
        #expect(third.errors.contains("user 1235 may see none"), "\(third.errors)")
        let list = try run(as: 1235, ["list", "--bridge", bridge.path]).end()
        #expect(list.code == 77 && list.output.isEmpty)
        #expect(HostHardware().users(of: vGPU.uuid).sorted() == [guest.pid])
      }
    }

    /// A region has no descriptor: the bridge copies it.
    @Test func pictureInARegionCrosses() throws {
      let viewer: uid_t = 1234
      let pattern = TestPattern(width: 640, height: 480)
      try Rig.withGuest("mdpy-vga", ["--fps", "0", "--first", "77"]) { vGPU, _ in
        let bridge = try Bridge([vGPU.uuid], ["--allow", "user:\(viewer)"])
        let shot = try run(as: viewer, ["screenshot", "bridge:\(bridge.path)", "-"]).end()
        try #require(shot.code == 0, "\(shot.errors)")
        ScreenshotTests.expect(try PNG.decode([UInt8](shot.output)), shows: 77, of: pattern)
      }
      try Rig.withGuest("mdpy-vga", ["--fps", "20"]) { vGPU, _ in
        let bridge = try Bridge([vGPU.uuid])
        let source = try BridgeSource(path: bridge.path)
        // The guest draws in place, so that each drawn frame is a flip or several.
        let first = try frame(of: source)
        try frame(of: source) { $0.flip > first.flip + 20 }
        #expect(source.counters.gets == 3)
        let listing = try BridgeListing(path: bridge.path)
        #expect(listing.vGPUs.map(\.buffers) == [3])
      }
    }

    @Test func rulesCanBeAboutOneVGPU() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "64x64", "--fps", "0"]) { first, _ in
        try Rig.withGuest("mbochs-small", ["--mode", "64x64", "--fps", "0"]) { second, _ in
          let bridge = try Bridge(
            [], ["--allow", "\(second.uuid)=group:1234", "--allow", "user:1235"])
          let some = try run(as: 1234, ["list", "--bridge", bridge.path]).end()
          let text = String(decoding: some.output, as: UTF8.self)
          #expect(text.contains("\(second.uuid)") && !text.contains("\(first.uuid)"), "\(text)")
          #expect(
            try run(as: 1234, ["screenshot", "bridge:\(bridge.path)", "-"]).end().code == 0,
            "the only one that he may see")
          let forbidden = try run(
            as: 1234, ["screenshot", "bridge:\(bridge.path)/\(first.uuid)", "-"]
          ).end()
          #expect(forbidden.code == 66 && forbidden.errors.contains("no vGPU \(first.uuid)"))
          let several = try run(as: 1235, ["screenshot", "bridge:\(bridge.path)", "-"]).end()
          #expect(several.code == 81 && several.errors.contains("there are 2 vGPUs: name one"))
        }
      }
    }

    @Test func windowOfAnotherUserShowsTheGuest() throws {
      let viewer: uid_t = 1234
      let home = "/dev/shm/home-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: home) }
      #expect(chmod(home, 0o700) == 0 && chown(home, viewer, viewer) == 0)
      let environment = ["HOME": home, "XDG_RUNTIME_DIR": home]
      let pattern = TestPattern(width: 640, height: 480)
      try Rig.withGuest("mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "5"]) {
        vGPU, _ in
        let bridge = try Bridge([vGPU.uuid], ["--allow", "user:\(viewer)"])
        let start = try Child(
          "/usr/bin/setpriv",
          [
            "--reuid=\(viewer)", "--regid=\(viewer)", "--clear-groups",
            "\(QEMUTests.rig)/inside/weston-start", "720x600",
          ], environment: environment
        ).end()
        let compositor = try Compositor(start, environment: environment)
        let window = try run(as: viewer, ["view", "bridge:\(bridge.path)"], compositor.environment)
        defer { window.kill() }
        let deadline = Date(timeIntervalSinceNow: 60)
        var found: Found?
        while found?.wrong != 0, window.isRunning, Date() < deadline {
          usleep(200_000)
          found = try compositor.picture().find(pattern)
        }
        #expect(found?.frame == 5 && found?.wrong == 0, "\(window.isRunning)")
      }
    }

    @Test func killedBridgeAndKilledGuestComeBack() throws {
      let before = try Rig.openDescriptors()
      try Rig.withVGPU("mbochs-small") { vGPU in
        let arguments = ["\(vGPU.uuid)", "--mode", "320x200"]
        var guest = try Child("rig-guest", arguments)
        #expect(try guest.line() != nil)
        let bridge = try Bridge([vGPU.uuid])
        let source = try BridgeSource(path: bridge.path)
        try frame(of: source) { $0.flip > 3 }
        for _ in 0..<3 {
          try bridge.restart()
          let flip = source.counters.flips
          try frame(of: source) { Int($0.flip) > flip + 3 }
        }
        for _ in 0..<3 {
          guest.kill()
          let deadline = Date(timeIntervalSinceNow: 60)
          while case .frame = source.poll() {
            try #require(Date() < deadline)
            usleep(1000)
          }
          // The kernel answers EBUSY while anybody holds the device.
          guest = try Child("rig-guest", arguments)
          #expect(try guest.line() == "ready 320x200")
          try frame(of: source)
        }
        guest.kill()
        bridge.child.kill()
      }
      let after = try Rig.openDescriptors()
      #expect(after == before, "\(after.difference(from: before))")
    }

    @Test func guestThatEndsIsLetGoThoughNobodyLooks() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let first = try Child("rig-guest", ["\(vGPU.uuid)", "--mode", "64x64"])
        #expect(try first.line() != nil)
        let bridge = try Bridge([vGPU.uuid])
        #expect(bridge.child.isRunning)
        first.kill()
        // The bridge has a device of its guest's for 0.1 s longer, and until then it is busy.
        let deadline = Date(timeIntervalSinceNow: 60)
        var isReady = false
        while !isReady, Date() < deadline {
          let second = try Child("rig-guest", ["\(vGPU.uuid)", "--mode", "64x64"])
          isReady = try second.line() == "ready 64x64"
          second.kill()
        }
        #expect(isReady && bridge.child.isRunning)
      }
    }

    @Test func hostileClientBesideAViewer() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x200"]) { vGPU, _ in
        let bridge = try Bridge([vGPU.uuid])
        let source = try BridgeSource(path: bridge.path)
        // By then the bridge has all of the guest's buffers.
        try frame(of: source) { $0.flip > 8 }
        let descriptors = try bridgeDescriptors(bridge)
        let hostile = try Child(
          "/usr/bin/python3", ["-c", Self.hostileClient, bridge.path])
        while hostile.isRunning {
          let flips = source.counters.flips
          try frame(of: source) { Int($0.flip) > flips }
        }
        let end = hostile.end()
        #expect(end.code == 0, "\(end.errors)")
        #expect(String(decoding: end.output, as: UTF8.self).contains("thrown out"))
        let flips = source.counters.flips
        try frame(of: source) { Int($0.flip) > flips + 3 }
        let counters = try BridgeListing(path: bridge.path).counters
        #expect(counters.expelled > 0 && counters.connections > 100, "\(counters)")
        let deadline = Date(timeIntervalSinceNow: 60)
        while try bridgeDescriptors(bridge) > descriptors {
          try #require(Date() < deadline)
          usleep(10_000)
        }
      }
    }

    /// How many descriptors a bridge has.
    private func bridgeDescriptors(_ bridge: Bridge) throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(bridge.child.pid)/fd").count
    }

    /// Shares nothing with the libraries: random messages, descriptors, and a reader that does not.
    private static let hostileClient = """
      import array, random, socket, struct, sys
      random.seed(1)
      expelled = 0
      hello = struct.pack("<HHIIHH", 1, 16, 0, 0x55504756, 1, 1)
      opening = struct.pack("<HHI16x", 3, 24, 0)
      look = struct.pack("<HHI", 4, 8, 0)
      def connect():
          s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
          s.connect(sys.argv[1])
          s.setblocking(False)
          return s
      keeper = connect()
      for message in (hello, opening): keeper.send(message)
      for round in range(120):
          s = connect()
          try:
              if round % 3: s.send(hello)
              if round % 3 == 2: s.send(opening)
              for _ in range(20):
                  kind = random.randrange(4)
                  if kind == 0: s.send(random.randbytes(random.randrange(1, 600)))
                  elif kind == 1:
                      s.sendmsg([look], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 200))])
                  elif kind == 2: s.send(look)
                  elif random.randrange(4) == 0: s.shutdown(socket.SHUT_WR)
          except OSError:
              expelled += 1
          try:
              s.setblocking(True)
              s.settimeout(5)
              while s.recv(512): pass
          except OSError: pass
          s.close()
          try: keeper.send(look)
          except OSError: pass
      print("thrown out", expelled)
      """

    @Test func sixteenGuestsWithFourViewersEach() throws {
      let host = HostHardware()
      var vGPUs: [MdevDevice] = []
      var guests: [Child] = []
      defer {
        for guest in guests { guest.kill() }
        for vGPU in vGPUs {
          LaunchTests.waitUntilUnused(vGPU.uuid)
          #expect(throws: Never.self) { try host.remove(vGPU.uuid) }
        }
      }
      for index in 0..<16 {
        vGPUs.append(try host.create(type: "mbochs-small"))
        guests.append(
          try Child(
            "rig-guest",
            ["\(vGPUs[index].uuid)", "--mode", "64x64", "--fps", "4", "--first", "\(index * 1000)"])
        )
        #expect(try guests[index].line() == "ready 64x64")
      }
      let bridge = try Bridge()
      defer { bridge.child.kill() }
      var sources: [(index: Int, source: BridgeSource)] = []
      for (index, vGPU) in vGPUs.enumerated() {
        let identifier = try #require(VGPUIdentifier("\(vGPU.uuid)"))
        for _ in 0..<4 {
          sources.append((index, try BridgeSource(path: bridge.path, vGPU: identifier)))
        }
      }
      let pattern = TestPattern(width: 64, height: 64)
      // Each sees its own guest, and goes on seeing it: the frame number tells which it is.
      var waiting = Array(sources.indices)
      let deadline = Date(timeIntervalSinceNow: 120)
      while !waiting.isEmpty {
        try #require(Date() < deadline, "\(waiting.count) of 64 wait")
        waiting.removeAll { place in
          let (index, source) = sources[place]
          guard case .frame(let frame) = source.poll(), frame.flip > 3,
            let picture = try? Picture(copying: frame.primary),
            let number = pattern.frameNumber(color: picture.color)
          else { return false }
          return number / 1000 == index
        }
      }
      let listing = try BridgeListing(path: bridge.path)
      #expect(listing.vGPUs.map(\.viewers) == Array(repeating: 4, count: 16))
      #expect(listing.vGPUs.allSatisfy { $0.buffers <= 16 }, "each buffer once to each viewer")
      #expect(listing.counters.expelled == 0)
    }
  }
}
