// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VGPUDisplay

/// The fixture's window with two halves that have the same ancestors: on the left of a view, on the
/// right of a widget that draws the view's picture with GTK's own means.
final class Halves {
  static let width = 320
  static let height = 480

  let screen: Screen
  private let program: Tool

  init(_ kind: Screen.Kind, _ options: [String] = []) throws {
    screen = try Screen(kind)
    program = try screen.view(["ancestors"] + options, isTold: true)
  }

  deinit {
    try? program.tell("quit")
    _ = try? program.finish()
  }

  /// Has something done.
  ///
  /// - Returns: the program's lines since the last call, but for the one that it is done.
  @discardableResult
  func tell(_ order: String) throws -> [String] {
    try program.carryOut(order)
  }

  /// What the guest and GTK have been told since the last call.
  func events() throws -> [String] {
    usleep(200_000)
    return try tell("path").filter { !$0.hasPrefix("path=") }
  }

  /// Whether GTK draws the view's picture; `nil` before the first frame.
  private func isDrawnByGTK() throws -> Bool? {
    switch try tell("path").last {
    case "path=none": nil
    case let path: path == "path=cairo"
    }
  }

  /// Waits until both halves look the same, and as they should.
  ///
  /// - Parameters:
  ///   - pixels: places on the screen, and the guest's pixels there.
  ///   - others: places at which no guest's pixel is.
  ///   - byGTK: who draws the picture at last; `nil` for either.
  func expect(
    _ order: String, _ pixels: [Pixel] = [], notAt others: [(x: Int, y: Int)] = [],
    byGTK: Bool? = nil, location: SourceLocation = #_sourceLocation
  ) throws {
    try tell(order)
    var last: Picture?
    do {
      try Screen.wait(for: program) {
        guard let picture = try screen.picture() else { return false }
        last = picture
        guard Self.areSame(picture), pixels.allSatisfy({ $0.isIn(picture) }),
          others.allSatisfy({ !Self.isGuests(picture.color(x: $0.x, y: $0.y)) })
        else { return false }
        return try byGTK == nil || isDrawnByGTK() == byGTK
      }
    } catch is Screen.Timeout {
      let wrong = pixels.filter { pixel in last.map { !pixel.isIn($0) } ?? true }
      let drawn = try tell("path")
      Issue.record(
        "\(order): the halves \(last.map(Self.areSame) == true ? "agree" : "differ"), wrong: \(wrong), \(drawn)",
        sourceLocation: location)
    }
  }

  /// A pixel of the screen and the guest's pixel that it shows.
  struct Pixel {
    let x: Int
    let y: Int
    let guestX: Int
    let guestY: Int

    init(_ x: Int, _ y: Int, shows guestX: Int, _ guestY: Int) {
      (self.x, self.y, self.guestX, self.guestY) = (x, y, guestX, guestY)
    }

    func isIn(_ picture: Picture) -> Bool {
      x < picture.width && y < picture.height
        && picture.color(x: x, y: y) == FixturePicture.color(guestX, guestY)
    }
  }

  /// GTK's own colours have no such mixture: a guest's pixel tells its place by red and green, and has
  /// one of a few values of blue.
  private static func isGuests(_ color: UInt32) -> Bool {
    let blue = color & 0xFF
    return blue & 0xF == 0 && blue < 0x70
  }

  /// Pixel for pixel. X rounds the mixtures at a button's or popover's edges by what is painted
  /// together: a few pixels may differ by a little. A picture that is moved by one pixel differs
  /// everywhere.
  static func areSame(_ picture: Picture) -> Bool {
    guard picture.width >= 2 * width, picture.height >= height else { return false }
    return picture.rgb.withUnsafeBufferPointer { rgb in
      var differing = 0
      for y in 0..<height {
        let left = y * picture.width * 3
        let right = left + width * 3
        for offset in 0..<width * 3 where rgb[left + offset] != rgb[right + offset] {
          differing += 1
          if differing > 400 || abs(Int(rgb[left + offset]) - Int(rgb[right + offset])) > 8 {
            return false
          }
        }
      }
      return true
    }
  }
}
