// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

/// What the rig's Linux guest shows of the input that it got: Rig/README.md, "The input board".
public struct InputBoard {
  private static let marker: UInt32 = 0x5A6F_0E91
  private static let cell = 6
  private static let cells = 32
  private static let corner = 8
  private static let keyRows = 24

  /// Where in the picture the guest's (0, 0) is.
  public let origin: (x: Int, y: Int)
  private let keys: [UInt32]
  private let words: [UInt32]

  /// Finds a board in a guest's picture, or in one of a desktop with the guest's unscaled picture
  /// somewhere in it.
  ///
  /// `nil` where there is none, where something covers it, or where the guest was drawing.
  public init?(in picture: Picture) {
    let edge = Self.cells * Self.cell
    guard picture.width >= edge, picture.height >= edge else { return nil }
    for top in 0...picture.height - edge {
      for left in 0...picture.width - edge {
        // The marker's first two cells are green and magenta: here they meet.
        guard picture.color(x: left, y: top) == 0x00FF00,
          picture.color(x: left + Self.cell - 1, y: top) == 0x00FF00,
          picture.color(x: left + Self.cell, y: top) == 0xFF00FF
        else { continue }
        if let board = Self(in: picture, left: left, top: top) {
          self = board
          return
        }
      }
    }
    return nil
  }

  /// Reads the board of a guest's whole picture, which needs no search.
  ///
  /// `nil` where there is none, where something covers it, or where the guest was drawing.
  public init?(ofGuest picture: Picture) {
    let far = Self.corner + Self.cells * Self.cell
    guard picture.width >= far, picture.height >= far else { return nil }
    self.init(in: picture, left: Self.corner, top: Self.corner)
  }

  private init?(in picture: Picture, left: Int, top: Int) {
    func colors(ofRow row: Int) -> [UInt32] {
      (0..<Self.cells).map {
        picture.color(
          x: left + $0 * Self.cell + Self.cell / 2, y: top + row * Self.cell + Self.cell / 2)
      }
    }
    func word(ofRow row: Int, one: UInt32, zero: UInt32) -> UInt32? {
      var word: UInt32 = 0
      for color in colors(ofRow: row) {
        guard color == one || color == zero else { return nil }
        word = word << 1 | (color == one ? 1 : 0)
      }
      return word
    }
    guard word(ofRow: 0, one: 0xFF00FF, zero: 0x00FF00) == Self.marker else { return nil }
    keys = (1...Self.keyRows).flatMap { colors(ofRow: $0) }
    let rows = Self.keyRows + 1..<Self.cells
    words = rows.compactMap { word(ofRow: $0, one: 0xFFFFFF, zero: 0) }
    guard words.count == rows.count else { return nil }
    let bytes =
      keys.flatMap { Self.bytes(of: $0).dropFirst() }
      + words.dropLast().flatMap { Self.bytes(of: $0) }
    guard Self.crc32(bytes) == words.last else { return nil }
    origin = (left - Self.corner, top - Self.corner)
  }

  /// What became of a key or button.
  ///
  /// - Parameter code: 1 to 767, as in linux/input-event-codes.h.
  /// - Returns: how often it was pressed and released, modulo 256, and whether it is down.
  public func key(_ code: Int) -> (presses: Int, releases: Int, isDown: Bool) {
    let color = keys[code]
    return (Int(color >> 16), Int(color >> 8 & 255), color & 255 == 255)
  }

  /// The keys and buttons that were ever pressed or released.
  public var touched: [Int] { keys.indices.dropFirst().filter { keys[$0] != 64 } }

  /// The number of devices that the guest reads. Input that comes before its device is lost.
  public var devices: (keyboards: Int, absolute: Int, relative: Int) {
    (Int(keys[0] >> 16), Int(keys[0] >> 8 & 255), Int(keys[0] & 255))
  }

  /// Whether the guest reads a keyboard and an absolute pointer.
  public var takesInput: Bool { devices.keyboards > 0 && devices.absolute > 0 }

  /// The absolute pointer's place, 0 to 32767 each.
  public var absolute: (x: Int, y: Int) { halves(0) }

  /// The sums of the relative pointer's motions.
  public var relative: (x: Int, y: Int) { (signed(1), signed(2)) }

  /// The sum of the wheel's clicks, up counting positive.
  public var wheel: Int { signed(3) }

  /// The sum of the horizontal wheel's clicks, right counting positive.
  public var horizontalWheel: Int { signed(4) }

  /// The guest's mode in pixels.
  public var mode: (width: Int, height: Int) {
    let (width, height) = halves(5)
    return (width, height)
  }

  private func signed(_ index: Int) -> Int { Int(Int32(bitPattern: words[index])) }

  private func halves(_ index: Int) -> (x: Int, y: Int) {
    (Int(words[index] >> 16), Int(words[index] & 0xFFFF))
  }

  private static func bytes(of word: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(word >> $0 & 255) }
  }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~crc
  }
}

extension InputBoard: CustomStringConvertible {
  /// What a failed test has to say of it.
  public var description: String {
    let keys = touched.map { "\($0): \(key($0))" }.joined(separator: ", ")
    return "mode \(mode) absolute \(absolute) relative \(relative) wheel \(wheel) "
      + "\(horizontalWheel) devices \(devices) keys [\(keys)]"
  }
}
