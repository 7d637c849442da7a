// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import Foundation
import TestPatterns
import Testing
import VGPUDisplay

/// The real viewer on real display servers, its pixels compared with the guest's.
@Suite(.serialized, Screen.isPossible)
struct WindowTests {
  static let importsMemory: Bool = {
    guard let context = try? RenderContext(.surfaceless) else { return false }
    return context.capabilities.isSoftware && context.capabilities.importsModifiers
  }()

  /// NAME=VALUE lines; of several runs the last counts.
  private func statistics(_ viewer: Tool) throws -> [String: String] {
    try viewer.statistics()
  }

  private func expectPicture(_ screen: Screen, hasCursor: Bool) throws {
    var origin: (x: Int, y: Int)?
    try? Screen.wait {
      origin = try screen.picture().flatMap { FixturePicture(hasCursor: hasCursor).place(in: $0) }
      return origin != nil
    }
    #expect(origin != nil, "the screenshot's pixels are the guest's")
  }

  private func expectMessage(_ screen: Screen) throws {
    try Screen.wait { try screen.showsMessage }
  }

  @Test(arguments: Screen.Kind.allCases)
  func showsTheGuestsPixels(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["cursor"])
    try expectPicture(screen, hasCursor: true)
    // As many frames as make a difference.
    usleep(500_000)
    viewer.terminate()
    let statistics = try statistics(viewer)
    #expect(statistics["backend"] == (kind.isWayland ? "wayland" : "x11"))
    #expect(statistics["wish"] == nil, "the user has chosen no size")
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

  /// The context and all that was made with it are made anew.
  @Test(arguments: [Screen.Kind.westonPixman, .xvfb])
  func comesBackAfterAGPUReset(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["reset=5"])
    #expect(viewer.firstLine() == "reset")
    try expectPicture(screen, hasCursor: false)
    viewer.terminate()
    let statistics = try statistics(viewer)
    #expect(["import", "upload"].contains(statistics["path"]))
    #expect(statistics["fallback"] == "none")
  }

  /// A guest whose picture resets the GPU again and again, or a GPU that stays lost.
  @Test(arguments: [Screen.Kind.westonPixman, .xvfb], [1, 5])
  func drawsWithoutAGPUThatIsResetAgainAndAgain(kind: Screen.Kind, frames: Int) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["reset=\(frames)", "resets=1000000"])
    try expectPicture(screen, hasCursor: false)
    var resets = 0
    while resets < 3, viewer.firstLine() == "reset" { resets += 1 }
    #expect(resets == 3)
    try expectPicture(screen, hasCursor: false)
    viewer.terminate()
    let statistics = try statistics(viewer)
    #expect(statistics["path"] == "cairo")
    #expect(
      statistics["fallback"]?.hasSuffix("the GPU was reset because of this program's drawing")
        == true)
  }

  /// What a guest is called does nothing to the window that shows it.
  @Test func titleIsPlain() throws {
    let screen = try Screen(.xvfb)
    let viewer = try screen.view(["name=a\u{202E}b\u{200B}c\nd\u{9B}e"])
    try expectPicture(screen, hasCursor: false)
    let name = try screen.xdotool("search", "--name", "swift-vgpu", "getwindowname")
    #expect(name.hasPrefix("a\u{FFFD}b\u{FFFD}c d\u{FFFD}e — "), "\(name)")
    viewer.terminate()
    _ = try viewer.finish()
  }

  @Test(arguments: Screen.Kind.inPlace)
  func aGuestThatTellsIsNotAskedAndNotCompared(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let resting = try statistics(try screen.view(["tells=0", "seconds=4"]))
    let looks = try #require(resting["looks"].flatMap { Int($0) })
    // A few as the window takes shape; one that is asked is looked at 120 times and more.
    #expect((1...20).contains(looks))
    #expect(resting["comparisons"] == "0")
    #expect(resting["flips"] == "1")
    // How many flips are seen is the machine's affair: two between two refreshes are one.
    let busy = try statistics(try screen.view(["tells=20", "seconds=4"]))
    let flips = try #require(busy["flips"].flatMap { Int($0) })
    #expect(flips > 1)
    #expect(try #require(busy["frames"].flatMap { Int($0) }) > flips / 2)
    #expect(busy["comparisons"] == "0")
  }

  /// What a guest tells is copied and drawn in parts, and the parts of many frames make its last picture.
  @Test(arguments: Screen.Kind.allCases, ["imports", "uploads", "cairo", "hands-over"])
  func toldChangesAddUp(kind: Screen.Kind, path: String) throws {
    try expectChangesAddUp(kind, path, [])
  }

  /// The same for a picture that is upside down, and a part of its image.
  @Test(arguments: [Screen.Kind.xvfb, .westonGL], ["imports", "uploads", "cairo", "hands-over"])
  func toldChangesAddUpUpsideDown(kind: Screen.Kind, path: String) throws {
    try expectChangesAddUp(kind, path, ["upside-down"])
  }

  private func expectChangesAddUp(
    _ kind: Screen.Kind, _ path: String, _ options: [String]
  ) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(
      ["tells=20", "stops-after=120", path] + options,
      environment: path == "cairo" ? ["__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"] : [:])
    let pattern = TestPattern(
      width: FixturePicture.width, height: FixturePicture.height)
    var place: (x: Int, y: Int)?
    try? Screen.wait {
      place = try screen.picture().flatMap { picture in
        FixturePicture.place(in: picture) { pattern.color(x: $0, y: $1, frame: 120) }
      }
      return place != nil
    }
    let seen = place == nil ? FixturePicture.nearest(pattern, 120, in: try screen.picture()) : ""
    #expect(place != nil, "the guest's last frame, and not \(seen)")
    viewer.terminate()
    let statistics = try statistics(viewer)
    #expect(try #require(statistics["frames"].flatMap { Int($0) }) > 20)
    // Mesa imports nothing on X11.
    switch path {
    case "cairo": #expect(statistics["path"] == "cairo")
    case "uploads": #expect(statistics["path"] == "upload")
    // weston's other renderer takes no buffers of others.
    case "hands-over" where kind == .westonGL:
      #expect(statistics["path"] == "direct")
      #expect(statistics["refusal-to-hand-over"] == "none")
      let handovers = try #require(statistics["handovers"].flatMap { Int($0) })
      let draws = try #require(statistics["draws"].flatMap { Int($0) })
      #expect(handovers > draws, "only what the window's start needs is drawn")
    default: break
    }
  }

  @Test(arguments: Screen.Kind.inPlace)
  func waitsForAPicture(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["off-before=2"])
    try expectMessage(screen)
    try expectPicture(screen, hasCursor: false)
    viewer.terminate()
    _ = try statistics(viewer)
  }

  @Test(arguments: Screen.Kind.inPlace)
  func saysThatThePictureIsGone(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["off-after=4"])
    try expectMessage(screen)
    viewer.terminate()
    #expect(try statistics(viewer)["frames"] != "0")
  }

  /// A guest that draws into the buffer that it shows: each change is seen, and nothing is drawn
  /// for none.
  @Test(arguments: Screen.Kind.allCases)
  func drawsOnlyWhatChanges(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let viewer = try screen.view(["buffers=1", "draws-at=3"])
    try expectPicture(screen, hasCursor: false)
    try expectPicture(screen, hasCursor: true)
    usleep(1_000_000)
    viewer.terminate()
    let statistics = try statistics(viewer)
    let comparisons = try #require(statistics["comparisons"].flatMap { Int($0) })
    let draws = try #require(statistics["draws"].flatMap { Int($0) })
    #expect(statistics["comparison"] == "cpu")
    #expect(comparisons > 40)
    #expect(draws < comparisons / 2, "few more than those that its size and its change needed")
  }

  @Test(arguments: [
    (Screen.Kind.westonPixman, "presentation-time"), (.westonGL, "presentation-time"),
    (.xvfb, "present"), (.westonOnXvfb, "presentation-time"),
  ])
  func isToldWhenFramesAreShown(kind: Screen.Kind, feedback: String) throws {
    let screen = try Screen(kind)
    let told = try statistics(screen.view(["frames=60"]))
    #expect(told["feedback"] == feedback)
    let shown = try #require(told["shown"].flatMap { Int($0) })
    #expect(shown > 40)
    let rate = try #require(told["rate"].flatMap { Double($0) })
    // weston's outputs say 60 Hz, and Xvfb counts so; Xvfb's count is a matter of the machine's load.
    #expect(kind == .xvfb ? rate > 30 && rate < 90 : abs(rate - 60) < 0.1)
  }

  @Test(arguments: Screen.Kind.allCases)
  func endsAfterSoManyFramesWithoutLeaks(kind: Screen.Kind) throws {
    let rounds = 6
    let screen = try Screen(kind)
    let (output, status) = try screen.view(["frames=20", "rounds=\(rounds)"]).finish()
    #expect(status == 0)
    let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
    func values(_ name: String) -> [Int] {
      lines.filter { $0.hasPrefix("\(name)=") }.compactMap { Int($0.dropFirst(name.count + 1)) }
    }
    #expect(values("round") == Array(0..<rounds))
    #expect(values("frames") == Array(repeating: 20, count: rounds))
    // One more each round is a leak; fewer are what GLib's workers and Mesa's cache open when they
    // like, and keep.
    let descriptors = values("descriptors")
    let (first, last) = (try #require(descriptors.first), try #require(descriptors.last))
    #expect(last - first < rounds - 1, "\(descriptors)")
  }

  /// The main actor and Dispatch's main queue work while GTK's loop runs.
  @Test(.timeLimit(.minutes(2)), arguments: Screen.Kind.inPlace)
  func mainActorWorks(kind: Screen.Kind) throws {
    let screen = try Screen(kind)
    let end = try screen.view(["tasks"]).finish()
    let lines = String(decoding: end.output, as: UTF8.self).split(separator: "\n")
    #expect(
      lines.filter { $0.hasPrefix("task=") } == [
        "task=begins", "task=slept", "task=run", "task=queue",
      ])
    #expect(end.status == 0)
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
