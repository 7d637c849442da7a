// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestInput
import TestSupport
import Testing
import VGPUDisplay

@testable import GuestControl

/// A viewer's window on the Linux guest, and what a person does to it.
final class GuestWindow {
  let desktop: Desktop
  let viewer: Child

  /// The guest's pixel (0, 0) on the screen when it was pointed at last.
  private(set) var origin: (x: Int, y: Int)
  /// What was read last.
  private(set) var board: InputBoard

  /// Waits until the window shows a guest of this mode that takes input, and points at it.
  init(
    _ desktop: Desktop, _ viewer: Child, width: Int, height: Int,
    location: SourceLocation = #_sourceLocation
  ) throws {
    self.desktop = desktop
    self.viewer = viewer
    // A compositor may still move a window that it has just shown.
    var before: (x: Int, y: Int)?
    let board = try desktop.board(seconds: 300) { board in
      defer { before = board.origin }
      return board.mode == (width, height) && board.takesInput
        && before.map { $0 == board.origin } == true
    }
    let end = viewer.isRunning ? "" : viewer.end().errors
    let shown = try #require(board, "no board in the window: \(end)", sourceLocation: location)
    #expect(shown.mode == (width, height), sourceLocation: location)
    origin = shown.origin
    self.board = shown
    try pointAt(width / 2, height - 40)
    // X gives the keyboard to the window below the pointer, weston to the one that is clicked.
    // A guest whose tablet is not known yet is grabbed by the click instead, until it is.
    for _ in 0..<10 {
      try desktop.xdotool("click", "3")
      if try desktop.board(seconds: 4, until: Self.isClicked).map(Self.isClicked) == true { break }
      try pointAt(width / 2, height - 41)
      try pointAt(width / 2, height - 40)
    }
    try expect("a click", until: Self.isClicked)
    if desktop.kind == .weston { try agreeWithWeston() }
  }

  /// Weston on an X server adds up the pointer's steps, and leaves out those that are made during a grab. At the
  /// screen's edges its pointer is where the X server's is again.
  private func agreeWithWeston() throws {
    for corner in ["9999", "0"] {
      try desktop.xdotool("mousemove", corner, corner)
      usleep(300_000)
    }
  }

  private static func isClicked(_ board: InputBoard) -> Bool {
    let button = board.key(EventCode.right)
    return button.releases > 0 && !button.isDown
  }

  /// Reads the guest's board off the screen until it is as hoped for.
  @discardableResult
  func expect(
    _ what: String, seconds: Double = 20, location: SourceLocation = #_sourceLocation,
    until isThere: (InputBoard) -> Bool
  ) throws -> InputBoard {
    let found = try desktop.board(seconds: seconds, until: isThere)
    board = try #require(
      found, "no board: \(what)\(found == nil ? account() : "")", sourceLocation: location)
    #expect(isThere(board), "\(what): \(board)", sourceLocation: location)
    return board
  }

  /// What there is instead of a board, in a form that a log of text can hold.
  private func account() -> String {
    let viewer = viewer.isRunning ? "the viewer runs" : "the viewer ended: \(viewer.end().errors)"
    return "; \(viewer); the screen:\n\((try? desktop.picture().thumbnail) ?? "cannot be read")"
  }

  /// Moves the pointer to the guest's pixel.
  func pointAt(_ x: Int, _ y: Int) throws {
    // The title grows when the guest's tablet becomes known, and moves the picture by a pixel.
    if let board = InputBoard(in: try desktop.picture()) { origin = board.origin }
    try desktop.xdotool("mousemove", "\(origin.x + x)", "\(origin.y + y)")
  }

  /// Presses and releases keys, one after the other, by the kernel's numbers.
  func type(_ codes: [Int]) throws {
    // A keycode of one digit is that digit's name to xdotool.
    let names = codes.map { $0 == 1 ? "Escape" : "\($0 + 8)" }
    try desktop.xdotool(["key", "--delay", "40"] + names)
  }

  /// All keys that the product has a name for.
  static let keys = (1...767).filter {
    Keycode(rawValue: UInt16($0)).qKeyCode != nil
  }
}

/// Codes of linux/input-event-codes.h.
enum EventCode {
  static let leftControl = 29
  static let a = 30
  static let b = 48
  static let leftAlt = 56
  static let g = 34
  static let backspace = 14
  static let delete = 111
  static let left = 0x110
  static let right = 0x111
  static let middle = 0x112
  static let side = 0x113
  static let extra = 0x114
}

extension Picture {
  /// The picture as lines of text, a character for 12x24 pixels, the brighter the denser.
  fileprivate var thumbnail: String {
    let shades = Array(" .:-=+*#%@")
    return stride(from: 0, to: height - 23, by: 24).map { y in
      String(
        stride(from: 0, to: width - 11, by: 12).map { x in
          var sum = 0
          for dy in stride(from: 0, to: 24, by: 3) {
            for dx in stride(from: 0, to: 12, by: 3) {
              let color = color(x: x + dx, y: y + dy)
              sum += Int(color >> 16 & 255) + Int(color >> 8 & 255) + Int(color & 255)
            }
          }
          return shades[min(shades.count - 1, sum * shades.count / (32 * 3 * 256))]
        })
    }.joined(separator: "\n")
  }
}
