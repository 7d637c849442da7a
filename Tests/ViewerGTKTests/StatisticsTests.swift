// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import Testing
import VGPUDisplay

extension WindowTests {
  /// What the window's own keys show and save.
  @Suite struct StatisticsTests {
    /// Every pixel that is not the guest's.
    private struct Difference: Equatable {
      var count = 0
      var left = Int.max
      var top = Int.max
      var right = 0
      var bottom = 0

      init(_ one: Picture, _ other: Picture) {
        for y in 0..<one.height {
          for x in 0..<one.width where one.color(x: x, y: y) != other.color(x: x, y: y) {
            count += 1
            left = min(left, x)
            top = min(top, y)
            right = max(right, x + 1)
            bottom = max(bottom, y + 1)
          }
        }
      }
    }

    private struct Session {
      let screen: Screen
      let viewer: Tool
      let origin: (x: Int, y: Int)
      let bare: Picture
    }

    private func session(
      _ options: [String], environment: [String: String?] = [:]
    ) throws -> Session {
      let screen = try Screen(.xvfb)
      let viewer = try screen.view(options, environment: environment)
      var place: (x: Int, y: Int)?
      try Screen.wait(for: viewer) {
        place = try screen.picture().flatMap { FixturePicture(hasCursor: false).place(in: $0) }
        return place != nil
      }
      let origin = try #require(place)
      try screen.xdotool("mousemove", "\(origin.x + 300)", "\(origin.y + 400)")
      return Session(
        screen: screen, viewer: viewer, origin: origin, bare: try #require(try screen.picture()))
    }

    private func end(_ session: Session) throws {
      session.viewer.terminate()
      _ = try session.viewer.finish()
    }

    /// The overlay's place is (12, 12), its size 372 x 180; the title above the guest may change.
    private func expectOverlay(_ session: Session) throws {
      var difference: Difference?
      try? Screen.wait {
        difference = try guestDifference(session)
        return difference?.count ?? 0 > 30_000
      }
      let seen = try #require(difference)
      #expect(seen.left == 12)
      #expect(seen.top == 12)
      #expect(seen.right == 12 + 372)
      #expect(seen.bottom == 12 + 180)
    }

    private func guestDifference(_ session: Session) throws -> Difference? {
      guard let picture = try session.screen.picture() else { return nil }
      func guest(_ picture: Picture) -> Picture? {
        let (x, y) = session.origin
        var rgb: [UInt8] = []
        for line in y..<y + FixturePicture.height {
          let start = (line * picture.width + x) * 3
          rgb += picture.rgb[start..<start + FixturePicture.width * 3]
        }
        return Picture(width: FixturePicture.width, height: FixturePicture.height, rgb: rgb)
      }
      guard let now = guest(picture), let before = guest(session.bare) else { return nil }
      return Difference(now, before)
    }

    private func expectNone(_ session: Session) throws {
      var difference: Difference?
      try? Screen.wait {
        difference = try guestDifference(session)
        return difference?.count == 0
      }
      #expect(difference?.count == 0)
    }

    @Test(arguments: ["egl", "cairo"])
    func showsTheOverlayAndHidesIt(path: String) throws {
      let session = try session(
        [],
        environment: path == "cairo"
          ? ["__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"] : [:])
      try session.screen.xdotool("key", "F8")
      try expectOverlay(session)
      try session.screen.xdotool("key", "ctrl+alt+s")
      try expectNone(session)
      try end(session)
    }

    @Test func functionKeyIsTheGuestsWhileItTypes() throws {
      let session = try session(["input=absolute"])
      try session.screen.xdotool("key", "F8")
      // KEY_F8.
      var line = ""
      repeat { line = session.viewer.firstLine() } while !line.isEmpty && line != "event=key 66 up"
      #expect(line == "event=key 66 up")
      try expectNone(session)
      try session.screen.xdotool("key", "ctrl+alt+s")
      try expectOverlay(session)
      try end(session)
    }

    private func savedPictures(_ folder: URL) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".png") }.sorted()
    }

    @Test func savesThePicturePixelForPixel() throws {
      let files = FileManager.default
      let home = files.temporaryDirectory.appendingPathComponent("home-\(UUID().uuidString)")
      let pictures = home.appendingPathComponent("My Pictures")
      let configuration = home.appendingPathComponent("config")
      try files.createDirectory(at: pictures, withIntermediateDirectories: true)
      try files.createDirectory(at: configuration, withIntermediateDirectories: true)
      defer { try? files.removeItem(at: home) }
      try Data("XDG_PICTURES_DIR=\"$HOME/My Pictures\"\n".utf8)
        .write(to: configuration.appendingPathComponent("user-dirs.dirs"))
      // Every name that could come up is taken.
      let taken = Data("mine".utf8)
      let formatter = DateFormatter()
      formatter.locale = Locale(identifier: "en_US_POSIX")
      formatter.dateFormat = "yyyy-MM-dd-HHmmss"
      let now = Date.now
      for second in 0..<300 {
        let time = formatter.string(from: now.addingTimeInterval(Double(second)))
        try taken.write(to: pictures.appendingPathComponent("vgpu-synthetic-\(time).png"))
      }
      let session = try session(
        [], environment: ["HOME": home.path, "XDG_CONFIG_HOME": configuration.path])
      try session.screen.xdotool("key", "F8")
      for _ in 0..<3 { try session.screen.xdotool("key", "ctrl+alt+p") }
      func whole() throws -> [(name: String, picture: Picture)] {
        try savedPictures(pictures).compactMap { name in
          let bytes = try Data(contentsOf: pictures.appendingPathComponent(name))
          return (try? PNG.decode([UInt8](bytes))).map { (name, $0) }
        }
      }
      try Screen.wait { try whole().count == 3 }
      #expect(try savedPictures(pictures).count == 303)
      for (name, saved) in try whole() {
        #expect(name.hasPrefix("vgpu-synthetic-2"))
        #expect(saved.width == FixturePicture.width)
        #expect(saved.height == FixturePicture.height)
        let place = FixturePicture(hasCursor: false).place(in: saved)
        #expect(place?.x == 0 && place?.y == 0, "exactly the guest's pixels, without the overlay")
      }
      try end(session)
    }
  }
}
