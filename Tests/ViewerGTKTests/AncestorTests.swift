// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VGPUDisplay

extension WindowTests {
  /// A view in other widgets, compared with a widget that GTK itself draws in such widgets.
  @Suite struct AncestorTests {
    /// A program that keeps a picture of a widget, as a container of another library does for a
    /// transition.
    @Test(arguments: Screen.Kind.inPlace)
    func isInAPictureOfItsParent(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      try halves.expect("scene boxes 640 480", [.init(0, 140, shows: 160, 240)], byGTK: false)
      #expect(try halves.tell("picture") == ["same=true"])
      try halves.expect("path", [.init(0, 140, shows: 160, 240)], byGTK: false)
      try halves.expect("scene overlay 640 480", byGTK: false)
      try halves.expect("cover 1", byGTK: true)
      #expect(try halves.tell("picture") == ["same=true"])
      // A window that is on no screen.
      try halves.expect("scene boxes 640 480", byGTK: false)
      try halves.tell("offscreen")
      try Screen.wait {
        try halves.tell("path") == ["path=cairo"] && halves.tell("picture") == ["same=true"]
      }
    }

    /// In a column below a bar of 20 pixels.
    @Test(arguments: Screen.Kind.inPlace)
    func scrolls(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      // The natural size is the guest's, and a bar of 20 pixels above the view is GTK's.
      try halves.expect(
        "scene scrolled 640 480", [.init(0, 20, shows: 0, 0), .init(300, 400, shows: 300, 380)],
        notAt: [(10, 10), (310, 200), (10, 470)], byGTK: false)
      try halves.expect(
        "to 100 30", [.init(0, 20, shows: 100, 30), .init(300, 400, shows: 400, 410)],
        notAt: [(10, 10), (310, 200), (10, 470)], byGTK: false)
      try halves.expect("to 1000 1000", notAt: [(10, 10), (310, 200), (10, 470)], byGTK: false)
      // Scrollbars that GTK lays over the view while they are used.
      try halves.expect("bars 1")
      try halves.expect("to 0 0", [.init(0, 20, shows: 0, 0)])
    }

    /// While a transition runs, GTK draws both pages; the halves agree at each moment.
    @Test(arguments: Screen.Kind.inPlace)
    func slidesInAStack(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      // A view of 320x400 below bars of 30 and 20 pixels shows the picture's middle.
      let middle = Halves.Pixel(0, 50, shows: 160, 40)
      try halves.expect("scene stack 640 480", [middle], byGTK: false)
      // GtkStackTransitionType: none, crossfade, slide, over, under and their pairs.
      for type in 1..<20 {
        try halves.expect("go \(type) 60000 1", byGTK: true)
        let moment = try halves.screen.picture()
        try halves.expect("go \(type) 60000 0", byGTK: true)
        #expect(try halves.screen.picture()?.rgb != moment?.rgb, "transition \(type) runs")
        try halves.tell("go 0 0 1")
        try halves.expect("go 0 0 0", [middle], byGTK: false)
      }
      try halves.expect("go 6 100 1", notAt: [(160, 240)])
      try halves.expect("go 6 100 0", [middle], byGTK: false)
    }

    @Test(arguments: Screen.Kind.inPlace)
    func isRevealed(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      try halves.expect("scene revealer 240 200", notAt: [(100, 100)])
      // GtkRevealerTransitionType: none, crossfade, slides to the right, left, up, down.
      for type in 0..<6 {
        try halves.expect("reveal \(type) 200 1", [.init(10, 60, shows: 10, 10)], byGTK: false)
        try halves.expect("reveal \(type) 200 0", notAt: [(100, 100)])
        // Slowly enough that one frame more or less moves nothing.
        try halves.expect("reveal \(type) 60000 1")
        usleep(500_000)
        try halves.expect("path")
        try halves.expect("reveal 0 0 0", notAt: [(100, 100)])
      }
    }

    @Test(arguments: Screen.Kind.inPlace)
    func isCutOffByOthers(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      try halves.expect("scene notebook 640 480", byGTK: false)
      try halves.expect("page 1", notAt: [(160, 240)])
      try halves.expect("page 0", byGTK: false)
      try halves.expect("scene paned 640 480", [.init(100, 240, shows: 310, 240)], byGTK: false)
      // Less than the view's least width: the other child's window cuts it off.
      try halves.expect("divide 150", notAt: [(200, 240)], byGTK: false)
      try halves.expect("divide 100", notAt: [(120, 240)], byGTK: false)
      try halves.expect(
        "scene layout 640 480", [.init(150, 200, shows: 0, 0)], notAt: [(140, 210)], byGTK: false)
      try halves.expect("to 100 250", [.init(50, 0, shows: 0, 50)], notAt: [(40, 10)], byGTK: false)
      try halves.expect("to 200 20", [.init(0, 180, shows: 50, 0)], byGTK: false)
      // All of the view is cut off, and comes back.
      try halves.expect("to 0 700", notAt: [(160, 240)])
      try halves.expect("to 0 0", [.init(150, 200, shows: 0, 0)], byGTK: false)
      try halves.expect("scene expander 240 200", byGTK: false)
      try halves.expect("expand 0", notAt: [(160, 140)])
      try halves.expect("expand 1", byGTK: false)
      try halves.expect("scene nested 640 480", byGTK: false)
      try halves.expect("to 200 60", byGTK: false)
      try halves.expect("go 6 60000 1", byGTK: true)
      try halves.expect("go 0 0 0", byGTK: false)
    }

    @Test(arguments: Screen.Kind.inPlace)
    func isBelowOtherWidgets(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      try halves.expect("scene overlay 640 480", [.init(160, 240, shows: 320, 240)], byGTK: false)
      try halves.expect("cover 1", [.init(0, 0, shows: 160, 0)], notAt: [(160, 240)], byGTK: true)
      try halves.expect("cover 0", [.init(160, 240, shows: 320, 240)], byGTK: false)
      // Wayland's popovers have surfaces of their own.
      try halves.expect("scene popover 640 480", [.init(0, 20, shows: 160, 10)], byGTK: false)
      try halves.expect(
        "pop 1", [.init(0, 20, shows: 160, 10)], notAt: [(120, 45)], byGTK: !kind.isWayland)
      // A surface that is made while there is a popover.
      try halves.expect("show 0", notAt: [(0, 20), (120, 45)])
      try halves.expect(
        "show 1", [.init(0, 20, shows: 160, 10)], notAt: [(120, 45)], byGTK: !kind.isWayland)
      try halves.expect("pop 0", [.init(120, 45, shows: 280, 35)], byGTK: false)
      // And a view in one.
      try halves.expect("scene popped 240 200", notAt: [(50, 60)])
      try halves.expect("pop 1", [.init(50, 60, shows: 10, 5)], byGTK: false)
      try halves.expect("pop 0", notAt: [(50, 60)])
      try halves.expect("scene faded 640 480", [.init(0, 20, shows: 160, 10)], byGTK: false)
      try halves.expect("fade 50", byGTK: true)
      try halves.expect("fade 100", [.init(0, 20, shows: 160, 10)], byGTK: false)
    }

    @Test(arguments: Screen.Kind.inPlace)
    func goesToOtherParents(kind: Screen.Kind) throws {
      let halves = try Halves(kind)
      try halves.expect("scene boxes 640 480", [.init(0, 140, shows: 160, 240)], byGTK: false)
      try halves.expect("move 1", [.init(0, 400, shows: 160, 250)], byGTK: false)
      try halves.expect("window", [.init(0, 400, shows: 160, 250)], byGTK: false)
      try halves.expect("move 0", [.init(0, 140, shows: 160, 240)], byGTK: false)
    }

    @Test(arguments: Screen.Kind.inPlace)
    func goesFromRightToLeft(kind: Screen.Kind) throws {
      let halves = try Halves(kind, ["rtl"])
      try halves.expect("scene scrolled 640 480", byGTK: false)
      try halves.expect("to 100 30", notAt: [(5, 200)], byGTK: false)
      try halves.expect("scene paned 640 480", byGTK: false)
      try halves.expect("divide 100", byGTK: false)
      try halves.expect("scene revealer 240 200")
      try halves.expect("reveal 2 60000 1")
      usleep(500_000)
      try halves.expect("path")
      try halves.expect("scene stack 640 480", byGTK: false)
      try halves.expect("go 6 60000 1", byGTK: true)
    }

    /// What a guest of 640x480 that multiplies by its size and divides by 2^15 finds.
    private func places(_ events: [String]) -> [[Int]] {
      events.compactMap { line in
        let words = line.split(separator: " ")
        guard words.first == "event=absolute", let x = Int(words[1]), let y = Int(words[2]) else {
          return nil
        }
        return [(x * 640) >> 15, (y * 480) >> 15]
      }
    }

    /// A view that only shows leaves the wheel to the scrolled window.
    @Test func wheelIsTheWindowsForAViewWithoutInput() throws {
      let halves = try Halves(.xvfb, ["deaf"])
      try halves.expect("scene scrolled 640 480", [.init(0, 20, shows: 0, 0)], byGTK: false)
      try halves.screen.xdotool("mousemove", "100", "100", "click", "5")
      let events = try halves.events()
      #expect(events.contains { $0.hasPrefix("scrolled=") }, "\(events)")
    }

    @Test func pointerIsAtThePixelBelow() throws {
      let halves = try Halves(.xvfb)
      let screen = halves.screen
      func point(_ x: Int, _ y: Int) throws -> [Int]? {
        try screen.xdotool("mousemove", "\(x)", "\(y)")
        return places(try halves.events()).last
      }
      func click(_ x: Int, _ y: Int) throws -> [String] {
        _ = try point(x, y)
        try screen.xdotool("click", "1")
        return try halves.events()
      }
      try halves.expect("scene scrolled 640 480", byGTK: false)
      #expect(try point(30, 60) == [30, 40])
      try halves.expect("to 100 30", [.init(30, 60, shows: 130, 70)], byGTK: false)
      #expect(try point(31, 60) == [131, 70])
      // The lower bar is GTK's.
      #expect(try point(30, 475) == nil)
      // So is the scrollbar, which moves the view by a click.
      let scrolled = try click(314, 40)
      #expect(scrolled.contains { $0.hasPrefix("scrolled=") })
      #expect(!scrolled.contains { $0.hasPrefix("event=button") })

      try halves.expect("scene stack 640 480", byGTK: false)
      #expect(try point(40, 90) == [200, 80])
      try halves.expect("go 9 60000 1", byGTK: true)
      try halves.expect("go 0 0 0", byGTK: false)
      #expect(try point(41, 90) == [201, 80])
      try halves.expect("scene overlay 640 480", byGTK: false)
      try halves.expect("cover 1", byGTK: true)
      #expect(try point(41, 90) == [201, 90])
      #expect(try click(160, 240) == ["clicked"])
      try halves.expect("scene popover 640 480", byGTK: false)
      try halves.expect("pop 1", byGTK: true)
      #expect(try point(41, 90) == [201, 80])
      #expect(try click(160, 50) == ["clicked"])
    }
  }
}
