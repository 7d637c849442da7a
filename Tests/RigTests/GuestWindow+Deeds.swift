// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What a person does in a guest's window, and what the guest must have got of it.
extension GuestWindow {
  /// Each key is pressed once and released once, under its own number, and no other is.
  func everyKey(_ keys: [Int]) throws {
    let before = board
    try type(keys)
    let typed = try expect("\(keys)") { board in
      keys.allSatisfy { board.key($0).releases == before.key($0).releases + 1 }
    }
    for key in keys {
      let old = before.key(key)
      #expect(typed.key(key) == (old.presses + 1, old.releases + 1, false), "key \(key)")
    }
    let others = Set(typed.touched).subtracting(before.touched).subtracting(keys)
    #expect(others.isEmpty, "\(others)")
  }

  /// The guest's pixel that a place is on, as a guest reckons.
  private func pixel(_ board: InputBoard) -> (x: Int, y: Int) {
    ((board.absolute.x * board.mode.width) >> 15, (board.absolute.y * board.mode.height) >> 15)
  }

  /// Clicks in the corners of a guest of 640x480 pixels, and elsewhere.
  ///
  /// - Parameter far: the last column and row that can be reached: QEMU's display on D-Bus cannot name the
  ///   last of the console that it shows.
  func clicks(far: (x: Int, y: Int) = (639, 479)) throws {
    // Weston draws a pointer, which must not lie on the board.
    let corner = desktop.kind == .xvfb ? (0, 0) : (0, far.y)
    let clicks = [
      (corner.0, corner.1, "1", EventCode.left), (far.x, far.y, "2", EventCode.middle),
      (320, 240, "3", EventCode.right), (far.x, 0, "1", EventCode.left),
      (17, 401, "1", EventCode.left),
    ]
    for (x, y, button, code) in clicks {
      let count = board.key(code).presses + 1
      try pointAt(x, y)
      try desktop.xdotool("click", button)
      let clicked = try expect("button \(button) at \(x), \(y)") {
        $0.key(code).releases == count && pixel($0) == (x, y)
      }
      #expect(clicked.key(code) == (count, count, false))
    }
  }

  func drag() throws {
    try pointAt(300, 100)
    try desktop.xdotool("mousedown", "1")
    let pressed = try expect("pressed") {
      $0.key(EventCode.left).isDown && pixel($0) == (300, 100)
    }
    for step in 1...10 { try pointAt(300 + 20 * step, 100 + 30 * step) }
    let dragged = try expect("dragged") { pixel($0) == (500, 400) }
    #expect(dragged.key(EventCode.left) == pressed.key(EventCode.left))
    try desktop.xdotool("mouseup", "1")
    let released = try expect("released") { !$0.key(EventCode.left).isDown }
    #expect(pixel(released) == (500, 400))
  }

  func wheel() throws {
    try desktop.xdotool("click", "--repeat", "5", "--delay", "30", "4")
    try expect("up") { $0.wheel == 5 }
    try desktop.xdotool("click", "--repeat", "7", "--delay", "30", "5")
    let down = try expect("down") { $0.wheel == -2 }
    #expect(down.horizontalWheel == 0)
  }

  /// What the tablet cannot tell: the PS/2 mouse does, and the tablet has the rest as before.
  func sideways() throws {
    try desktop.xdotool("click", "--repeat", "4", "--delay", "40", "7")
    try desktop.xdotool("click", "--repeat", "6", "--delay", "40", "6")
    try expect("to the left") { $0.horizontalWheel == -2 }
    for (button, code) in [("8", EventCode.side), ("9", EventCode.extra)] {
      try desktop.xdotool("mousedown", button)
      try expect("button \(button)") { $0.key(code) == (1, 0, true) }
      try desktop.xdotool("mouseup", button)
      try expect("button \(button)") { $0.key(code) == (1, 1, false) }
    }
    let wheel = board.wheel
    try pointAt(123, 234)
    try desktop.xdotool("click", "4")
    let there = try expect("a place") { pixel($0) == (123, 234) && $0.wheel == wheel + 1 }
    #expect(there.relative == (0, 0))
  }

  func grab() throws {
    let before = board
    try desktop.xdotool("key", "--delay", "50", "ctrl+alt+g")
    usleep(500_000)
    // Further than the window reaches, and slower than the pointer's way back to its middle.
    for _ in 0..<20 {
      try desktop.xdotool("mousemove_relative", "--", "-50", "30")
      usleep(30_000)
    }
    let moved = try expect("motion") {
      $0.relative == (before.relative.x - 1000, before.relative.y + 600)
    }
    #expect(moved.absolute == before.absolute, "a grabbed mouse tells its motion only")
    for code in [EventCode.leftControl, EventCode.leftAlt] {
      #expect(!moved.key(code).isDown && moved.key(code).presses > before.key(code).presses)
    }
    #expect(moved.key(EventCode.g) == before.key(EventCode.g), "G is the window's")
    try desktop.xdotool("key", "--delay", "50", "ctrl+alt+g")
    usleep(500_000)
    try pointAt(400, 300)
    let free = try expect("a place again") { pixel($0) == (400, 300) }
    #expect(free.relative == moved.relative)
  }
}
