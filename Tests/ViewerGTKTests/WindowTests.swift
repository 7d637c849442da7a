// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import Foundation
import Testing

/// The real viewer on real display servers, its pixels compared with the guest's.
@Suite(.serialized, .enabled(if: Screen.isPossible, Screen.isMissing))
struct WindowTests {
  static let importsMemory: Bool = {
    guard let context = try? RenderContext(.surfaceless) else { return false }
    return context.capabilities.isSoftware && context.capabilities.importsModifiers
  }()

  /// The fixture's picture, computed anew.
  private func expected(hasCursor: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    for y in 0..<480 {
      for x in 0..<640 {
        if hasCursor, (100..<116).contains(x), (60..<76).contains(y) {
          bytes += [255, 0, 255]
        } else {
          bytes += [UInt8(x & 255), UInt8(y & 255), UInt8((x >> 8) * 16 + (y >> 8) * 64)]
        }
      }
    }
    return bytes
  }

  /// NAME=VALUE lines; of several runs the last counts.
  private func statistics(_ viewer: Tool) throws -> [String: String] {
    let (output, status) = try viewer.finish()
    #expect(status == 0)
    return Dictionary(
      String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
        let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
      }, uniquingKeysWith: { $1 })
  }

  private func expectPicture(_ screen: Screen, hasCursor: Bool) throws {
    let expected = expected(hasCursor: hasCursor)
    var seen: [UInt8] = []
    try? Screen.wait {
      seen = try screen.pixels()
      return seen == expected
    }
    let isExact = seen == expected
    #expect(isExact, "the screenshot's pixels are the guest's")
  }

  @Test(arguments: Screen.Kind.allCases)
  func showsTheGuestsPixels(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["cursor"])
    try expectPicture(screen, hasCursor: true)
    viewer.terminate()
    let statistics = try statistics(viewer)
    #expect(statistics["backend"] == (kind.isWayland ? "wayland" : "x11"))
    // Mesa's software renderer imports nothing on X11.
    let imports = kind.isWayland && Self.importsMemory
    #expect(statistics["path"] == (imports ? "import" : "upload"))
    #expect(statistics["imports"] == (imports ? "4" : "0"))
    let draws = try #require(statistics["draws"].flatMap { Int($0) })
    #expect(draws > 10)
    #expect(statistics["frames"] == "\(draws)")
    #expect(statistics["copies"] == (imports ? "0" : "\(draws * 2)"))
    #expect(statistics["gets"] == "3")
  }

  @Test(arguments: [Screen.Kind.westonPixman, .xvfb])
  func drawsWithoutEGL(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(
      ["cursor"], environment: ["__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"])
    try expectPicture(screen, hasCursor: true)
    viewer.terminate()
    let statistics = try statistics(viewer)
    #expect(statistics["path"] == "cairo")
    #expect(statistics["renderer"] == "cairo")
    #expect(statistics["fallback"] != "none")
  }

  @Test(arguments: Screen.Kind.allCases)
  func waitsForAPicture(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["off-before=2"])
    // The message: light letters on a dark, even background.
    try Screen.wait {
      let pixels = try screen.pixels()
      guard pixels.count == 640 * 480 * 3 else { return false }
      return pixels[0] == 33 && pixels[2] == 35 && pixels.contains { $0 > 200 }
    }
    try expectPicture(screen, hasCursor: false)
    viewer.terminate()
    _ = try statistics(viewer)
  }

  @Test(arguments: Screen.Kind.allCases)
  func saysThatThePictureIsGone(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["off-after=1"])
    try Screen.wait {
      let pixels = try screen.pixels()
      guard pixels.count == 640 * 480 * 3 else { return false }
      return pixels[0] == 33 && pixels[2] == 35 && pixels.contains { $0 > 200 }
    }
    viewer.terminate()
    #expect(try statistics(viewer)["frames"] != "0")
  }

  @Test(arguments: Screen.Kind.allCases)
  func endsAfterSoManyFramesWithoutLeaks(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["frames=20", "rounds=1"])
    let once = try statistics(viewer)
    #expect(once["frames"] == "20")
    #expect(Double(once["fps"] ?? "") ?? 0 > 10)
    let often = try statistics(screen.view(["frames=20", "rounds=6"]))
    #expect(often["frames"] == "20")
    #expect(often["round"] == "5")
    #expect(often["descriptors"] == once["descriptors"])
  }

  @Test func saysThatThereIsNoDisplayServer() throws {
    let screen = try Screen(.xvfb)
    let viewer = try screen.view([], environment: ["DISPLAY": ":4711"])
    let (output, status) = try viewer.finish()
    #expect(status == 1)
    #expect(
      String(decoding: output, as: UTF8.self).hasPrefix(
        "error=no display server: neither WAYLAND_DISPLAY nor DISPLAY leads to one;"))
  }
}
