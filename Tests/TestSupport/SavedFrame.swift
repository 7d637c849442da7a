// SPDX-License-Identifier: Apache-2.0

import Foundation
public import TestPatterns
public import Testing
public import VGPUDisplay

/// A picture that a program has made of a guest that shows the test pattern.
public struct SavedFrame {
  /// The picture.
  public let picture: Picture

  /// Takes a picture that is there.
  public init(_ picture: Picture) { self.picture = picture }

  /// Reads a PPM file.
  public init(_ path: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let lines = bytes.split(separator: 10, maxSplits: 3, omittingEmptySubsequences: false)
    try #require(lines.count == 4 && lines[0].elementsEqual("P6".utf8))
    let size = String(decoding: lines[1], as: UTF8.self).split(separator: " ").compactMap {
      Int($0)
    }
    try #require(size.count == 2 && lines[2].elementsEqual("255".utf8))
    picture = try #require(Picture(width: size[0], height: size[1], rgb: Array(lines[3])))
  }

  /// Checks every pixel.
  ///
  /// - Parameter frame: the number of the frame that it shows; `nil` for the one in the picture.
  public func expect(
    _ pattern: TestPattern, frame: UInt32? = nil, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(
      picture.width == pattern.width && picture.height == pattern.height, sourceLocation: location)
    guard picture.width == pattern.width, picture.height == pattern.height else { return }
    guard let frame = frame ?? pattern.frameNumber(color: picture.color) else {
      Issue.record("no frame's number in the picture", sourceLocation: location)
      return
    }
    var wrong = 0
    for y in 0..<pattern.height {
      for x in 0..<pattern.width
      where picture.color(x: x, y: y) != pattern.color(x: x, y: y, frame: frame) {
        wrong += 1
      }
    }
    #expect(
      wrong == 0, "wrong pixels of \(pattern.width * pattern.height)", sourceLocation: location)
  }
}
