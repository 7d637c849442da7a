// SPDX-License-Identifier: Apache-2.0

import Attachment
import DMABuf
import Foundation
import HostDevices
import Libvirt
import LinuxSystem
import PNGFile
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

private struct Status: Decodable {
  struct Return: Decodable { let status: String }
  let `return`: Return
}

extension RigTests {
  /// Guests of a real libvirt, which runs for a user without rights of its own: `Rig/inside/
  /// libvirt-start`.
  @Suite struct LibvirtTests {
    /// A user's libvirt or the machine's, and the domains that a test has made of it.
    struct Daemon {
      let folder: String
      let isSystem: Bool

      /// - Parameters:
      ///   - vGPUs: which it may use from now on.
      ///   - isSystem: for the machine's, whose QEMUs run as a user of their own.
      init(_ vGPUs: [MdevDevice] = [], isSystem: Bool = false) throws {
        let start = try Child(
          "\(QEMUTests.rig)/inside/libvirt-start",
          (isSystem ? ["--system"] : []) + vGPUs.map { "\($0.uuid)" }
        ).end()
        try #require(start.code == 0, "\(start.errors)")
        folder = String(decoding: start.output, as: UTF8.self)
          .trimmingCharacters(in: .whitespacesAndNewlines)
        self.isSystem = isSystem
      }

      /// As root sees it.
      var uri: String {
        isSystem
          ? "qemu:///system"
          : "qemu+unix:///session?socket=\(folder)/run/libvirt/libvirt-sock"
      }

      /// Starts a command as the libvirt's user, or as one of those that the system's knows.
      func start(
        _ command: [String], as user: String = "root", environment: [String: String] = [:]
      ) throws -> Child {
        try Child(
          "\(folder)/as", (isSystem ? [user] : []) + command, environment: environment)
      }

      /// Runs a command as that user.
      func run(
        _ command: String..., as user: String = "root"
      ) throws -> (code: Int32, output: Data, errors: String) {
        try start(command, as: user).end()
      }

      @discardableResult
      func virsh(
        _ arguments: String..., location: SourceLocation = #_sourceLocation
      ) throws -> String {
        let (code, output, errors) = try start(["virsh", "-q"] + arguments).end()
        #expect(code == 0, "\(arguments): \(errors)", sourceLocation: location)
        return String(decoding: output, as: UTF8.self)
      }

      /// - Parameter display: gives it QEMU's display on D-Bus, on a `<video>` of this model.
      func define(
        _ name: String, _ options: String, _ vGPUs: [MdevUUID] = [], display: String? = nil
      ) throws {
        try define("domain", display, name, [options] + vGPUs.map(\.description))
      }

      /// The same with the Linux guest.
      func defineLinux(
        _ name: String, _ vGPUs: MdevUUID..., display: String? = nil
      ) throws {
        try define("linuxdomain", display, name, vGPUs.map(\.description))
      }

      private func define(
        _ program: String, _ display: String?, _ name: String, _ arguments: [String]
      ) throws {
        let options = display.map { ["--display", $0] } ?? []
        let xml = try Child("\(folder)/\(program)", options + [name] + arguments).end()
        try #require(xml.code == 0, "\(xml.errors)")
        let path = "\(folder)/\(name).xml"
        try xml.output.write(to: URL(fileURLWithPath: path))
        try virsh("define", path)
      }

      /// QEMU's own picture of a domain's screen.
      func screendump(_ name: String) throws -> Picture {
        let file = "/dev/shm/dump-\(UUID().uuidString).png"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let answer = try virsh(
          "qemu-monitor-command", name,
          #"{"execute":"screendump","arguments":{"filename":"\#(file)","format":"png"}}"#)
        try #require(answer.contains("return"), "\(answer)")
        return try PNG.decode([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
      }

      /// Starts a Linux guest whose screen QEMU draws, and waits until it shows its board. A window that is
      /// opened before keeps the size of the firmware's screen.
      func startLinux(_ name: String) throws {
        try virsh("start", name)
        let deadline = Date(timeIntervalSinceNow: 120)
        while InputBoard(in: try screendump(name)) == nil, Date() < deadline { usleep(200_000) }
      }

      /// Ends a domain that a test has not ended, and forgets it.
      func remove(_ name: String) {
        _ = try? run("virsh", "-q", "destroy", name)
        _ = try? run("virsh", "-q", "undefine", name)
      }

      /// Ends the daemon, as a fault would; its guests go on.
      func kill() throws {
        let text = try String(
          contentsOfFile: "\(folder)/run/libvirt/libvirtd.pid", encoding: .utf8)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        try #require(Glibc.kill(pid, SIGKILL) == 0)
        while FileManager.default.fileExists(atPath: "/proc/\(pid)") { usleep(10_000) }
      }

      /// A domain of this daemon for whoever names none.
      func asDefault<Result>(_ body: () throws -> Result) rethrows -> Result {
        setenv("LIBVIRT_DEFAULT_URI", uri, 1)
        defer { unsetenv("LIBVIRT_DEFAULT_URI") }
        return try body()
      }
    }

    private func wait(
      for what: String, _ source: AttachedSource, _ location: SourceLocation = #_sourceLocation,
      until isThere: (DisplayState) -> Bool
    ) {
      let start = MonotonicInstant.now
      while MonotonicInstant.now.seconds(since: start) < 60 {
        if isThere(source.poll()) { return }
        usleep(5000)
      }
      Issue.record("waited for \(what): \(source.poll())", sourceLocation: location)
    }

    private func isFrame(_ state: DisplayState) -> Bool {
      if case .frame = state { true } else { false }
    }

    private func isWaiting(_ state: DisplayState) -> Bool {
      if case .noPicture(.waiting) = state { true } else { false }
    }

    private func width(_ state: DisplayState) -> Int? {
      if case .frame(let frame) = state { frame.primary.layout.width } else { nil }
    }

    /// Whether the process in a file of pids runs.
    private static func isRunning(_ file: String) -> Bool {
      let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
      return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
        .map { FileManager.default.fileExists(atPath: "/proc/\($0)") } ?? false
    }

    /// A shell offers the names of domains, but none that it would read as more than a name; and no
    /// daemon is started for it.
    @Test func domainsAreOffered() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try Daemon([vGPU])
        let names = ["offered", "a$(id)b"]
        defer { for name in names { libvirt.remove(name) } }
        for name in names { try libvirt.define(name, "mode=320x200 fps=0", [vGPU.uuid]) }
        func offered(_ word: String = "libvirt:") throws -> [Substring] {
          let end = try libvirt.run(
            Rig.program("vgpu").path, "---completion", "view", "--", "positional@0", "2",
            "\(word.count)", "vgpu", "view", word)
          #expect(end.code == 0 && end.errors == "", "\(end.errors)")
          return String(decoding: end.output, as: UTF8.self).split(separator: "\n")
        }
        let words = try offered()
        #expect(words.contains("libvirt:offered"), "\(words)")
        #expect(!words.contains { $0.contains("$") }, "\(words)")
        #expect(try offered("libvirt:session/").contains("libvirt:session/offered"))
        try libvirt.kill()
        #expect(try !offered().contains { $0.hasPrefix("libvirt:") })
        #expect(!Self.isRunning("\(libvirt.folder)/run/libvirt/libvirtd.pid"))
        _ = try Daemon([vGPU])
        #expect(try offered().contains("libvirt:offered"))
      }
    }

    @Test func everyPixelByTheDomainsName() throws {
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let libvirt = try Daemon([vGPU])
        defer { libvirt.remove("pixels") }
        try libvirt.define("pixels", "mode=1024x768 fps=60 frames=30", [vGPU.uuid])
        let vgpu = Rig.program("vgpu").path
        let stopped = try libvirt.run(vgpu, "screenshot", "libvirt:pixels", "-")
        #expect(stopped.code == 69)
        #expect(stopped.errors.contains("start it (virsh"), "\(stopped.errors)")
        try libvirt.virsh("start", "pixels")
        let uuid = try libvirt.virsh("domuuid", "pixels")
          .trimmingCharacters(in: .whitespacesAndNewlines)
        let pattern = TestPattern(width: 1024, height: 768)
        for target in ["libvirt:pixels", "libvirt:session/pixels", "libvirt:\(uuid)"] {
          var picture: Picture?
          for _ in 0..<100 where picture == nil {
            let shot = try libvirt.run(vgpu, "screenshot", target, "-", "--timeout", "10")
            try #require(shot.code == 0, "\(shot.errors)")
            let taken = try PNG.decode([UInt8](shot.output))
            if taken.width == 1024, pattern.frameNumber(color: taken.color) == 29 {
              picture = taken
            }
          }
          ScreenshotTests.expect(try #require(picture), shows: 29, of: pattern)
        }
        let wrong = try libvirt.run(vgpu, "screenshot", "libvirt:session/pixel", "-")
        #expect(wrong.code == 66)
        #expect(
          wrong.errors.contains("no such domain; qemu:///session has pixels"), "\(wrong.errors)")
      }
    }

    @Test func domainThatIsStartedAgainIsFollowed() throws {
      let before = try Rig.openDescriptors()
      try Rig.withVGPU("mbochs-small") { first in
        try Rig.withVGPU("mbochs-small") { second in
          let libvirt = try Daemon([first, second])
          defer { libvirt.remove("again") }
          try libvirt.define("again", "mode=320x200 fps=0", [first.uuid])
          try libvirt.asDefault {
            let target = try #require(Target("libvirt:again"))
            #expect(throws: AttachmentError.self) { try AttachedSource(target) }
            let source = try AttachedSource(target, waiting: true)
            #expect(isWaiting(source.poll()))
            try libvirt.virsh("start", "again")
            wait(for: "the first start", source) { width($0) == 320 }
            #expect(source.name == "libvirt:again")
            try libvirt.virsh("destroy", "again")
            wait(for: "the end", source, until: isWaiting)
            // The same, while libvirt has forgotten everything it knew of us.
            try libvirt.kill()
            _ = try Daemon([first])
            try libvirt.virsh("start", "again")
            wait(for: "the second start", source) { width($0) == 320 }
            try libvirt.virsh("destroy", "again")
            wait(for: "the end", source, until: isWaiting)
            // Another vGPU, another domain of that name.
            try libvirt.virsh("undefine", "again")
            try libvirt.define("again", "mode=640x480 fps=0", [second.uuid])
            try libvirt.virsh("start", "again")
            wait(for: "the third start", source) { width($0) == 640 }
            try libvirt.virsh("destroy", "again")
            wait(for: "the end", source, until: isWaiting)
          }
        }
      }
      let after = try Rig.openDescriptors()
      #expect(after == before, "\(after.difference(from: before))")
    }

    @Test func firstOfSeveralThatHasADisplay() throws {
      try Rig.withVGPU("mtty-1") { serial in
        try Rig.withVGPU("mbochs-small") { display in
          let libvirt = try Daemon([serial, display])
          defer { libvirt.remove("several") }
          try libvirt.define("several", "mode=320x200 fps=0", [serial.uuid, display.uuid])
          try libvirt.virsh("start", "several")
          try libvirt.asDefault {
            let domain = try LibvirtDomain.open(name: "several", uri: nil)
            #expect(try domain.mdevs() == [serial.uuid, display.uuid])
            let target = try #require(Target("libvirt:several"))
            wait(for: "a frame", try AttachedSource(target)) { width($0) == 320 }
            let error = #expect(throws: AttachmentError.self) {
              try AttachedSource(target, descriptor: 0)
            }
            #expect("\(String(describing: error))".contains("descriptor 0 is no VFIO device"))
          }
        }
      }
    }

    @Test func rightsThatAreMissingAreNamed() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try Daemon([vGPU])
        defer { libvirt.remove("foreign") }
        try libvirt.define("foreign", "mode=320x200 fps=0", [vGPU.uuid])
        try libvirt.virsh("start", "foreign")
        // Somebody whom libvirt serves, and who may not look into QEMU.
        let run = "\(libvirt.folder)/run"
        #expect(chmod(run, 0o711) == 0 && chmod("\(run)/libvirt", 0o711) == 0)
        #expect(chmod("\(run)/libvirt/libvirt-sock", 0o777) == 0)
        let other = [
          "--reuid", "1", "--regid", "1", "--clear-groups", Rig.program("vgpu").path, "screenshot",
          "libvirt:foreign", "-",
        ]
        let shot = try Child(
          "/usr/bin/setpriv", other, environment: ["LIBVIRT_DEFAULT_URI": libvirt.uri]
        ).end()
        #expect(shot.code == 77)
        #expect(shot.errors.contains("it belongs to user nobody"), "\(shot.errors)")
        #expect(chmod(run, 0o700) == 0)
        let none = try Child(
          "/usr/bin/setpriv", other, environment: ["LIBVIRT_DEFAULT_URI": libvirt.uri]
        ).end()
        #expect(none.code == 77)
        #expect(none.errors.contains("you may not use this libvirt"), "\(none.errors)")
      }
    }

    private struct Status: Decodable {
      struct Return: Decodable { let status: String }
      let `return`: Return
    }

    @Test func commandsReachQEMU() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try Daemon([vGPU])
        defer { libvirt.remove("commands") }
        try libvirt.define("commands", "mode=320x200 fps=0", [vGPU.uuid])
        let domain = try LibvirtDomain.open(name: "commands", uri: libvirt.uri)
        let query = Array(#"{"execute":"query-status"}"#.utf8)
        let stopped = #expect(throws: LibvirtError.self) { try domain.execute(query) }
        #expect(stopped == .notRunning(name: "commands", uri: libvirt.uri))
        try libvirt.virsh("start", "commands")
        func status() throws -> String {
          let answer = Data(try domain.execute(query))
          return try JSONDecoder().decode(Status.self, from: answer).return.status
        }
        #expect(try status() == "running")
        try libvirt.virsh("suspend", "commands")
        #expect(try status() == "paused")
        #expect(try domain.state() == .paused)
        #expect(try domain.isRunning())
        // QEMU's error is an answer, libvirt's is an error.
        let unknown = try domain.execute(Array(#"{"execute":"nonsense"}"#.utf8))
        #expect(String(decoding: unknown, as: UTF8.self).contains("CommandNotFound"))
        #expect(throws: LibvirtError.self) { try domain.execute(Array("{".utf8)) }
        // A daemon that has gone is noticed at the next call, and found again at the one after.
        try libvirt.kill()
        let lost = #expect(throws: LibvirtError.self) { try domain.execute(query) }
        guard case .connectionLost = lost else {
          Issue.record("\(String(describing: lost))")
          return
        }
        let gone = #expect(throws: LibvirtError.self) { try domain.isRunning() }
        guard case .daemonNotRunning = gone else {
          Issue.record("\(String(describing: gone))")
          return
        }
        _ = try Daemon([vGPU])
        #expect(try domain.isRunning())
        #expect(try status() == "paused")
        // Questions are asked again by themselves.
        try libvirt.kill()
        _ = try Daemon([vGPU])
        #expect(try domain.mdevs() == [vGPU.uuid])
        // libvirt itself does not always keep a guest over two ends of its daemon.
        libvirt.remove("commands")
        let undefined = #expect(throws: LibvirtError.self) { try domain.isRunning() }
        guard case .noSuchDomain = undefined else {
          Issue.record("\(String(describing: undefined))")
          return
        }
      }
    }
  }
}
