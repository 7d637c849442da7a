// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import BridgeProtocol

/// docs/bridge-protocol.md against the messages: every kind, length, offset, size and constant.
@Suite struct ProtocolDocumentTests {
  /// A kind's row, or as much of one as both sides have.
  private struct Row: Hashable, CustomStringConvertible {
    let number: Int
    let length: Int
    let name: String
    let fields: [String]

    var description: String {
      "| \(number) | \(length) | \(name) | \(fields.joined(separator: "; ")) |"
    }
  }

  private static let document =
    #filePath.components(separatedBy: "/Tests/")[0]
    + "/docs/bridge-protocol.md"

  /// The cells of each row of the table that is first after a line.
  private static func table(after line: String) throws -> [[String]] {
    let lines = try String(contentsOfFile: document, encoding: .utf8)
      .components(separatedBy: "\n")
    let start = try #require(lines.firstIndex { $0.hasPrefix(line) }, "\(line)")
    return lines[start...].drop { !$0.hasPrefix("| --- ") }.dropFirst()
      .prefix { $0.hasPrefix("|") }
      .map { row in
        row.components(separatedBy: "|").dropFirst()
          .map { $0.trimmingCharacters(in: .whitespaces) }
      }
  }

  private static func number(_ text: String) throws -> Int {
    let isHexadecimal = text.hasPrefix("0x")
    return try #require(
      Int(isHexadecimal ? String(text.dropFirst(2)) : text, radix: isHexadecimal ? 16 : 10),
      "\(text)"
    )
  }

  /// `OFFSET, SIZE: text`, less the text where that is no constant.
  private static func field(_ text: String) throws -> String {
    let parts = text.split(separator: ":", maxSplits: 1)
    let place = try parts[0].split(separator: ",")
      .map { try number($0.trimmingCharacters(in: .whitespaces)) }
    try #require(place.count == 2 && parts.count == 2, "\(text)")
    let meaning = parts[1].trimmingCharacters(in: .whitespaces)
    var constant = ""
    if meaning == "zero" { constant = ": 0" }
    if meaning.hasPrefix("0x") {
      constant = ": \(try number(String(meaning.prefix { !$0.isWhitespace })))"
    }
    return "\(place[0]), \(place[1])\(constant)"
  }

  private static func rows(after line: String) throws -> [Row] {
    try table(after: line).map { cells in
      let isBare = cells[3].isEmpty
      return Row(
        number: try number(cells[0]), length: try number(cells[1]),
        name: String(cells[2].prefix { $0 != "," }),
        fields: isBare ? [] : try cells[3].components(separatedBy: "; ").map(field))
    }
  }

  private static func rows(_ layouts: [MessageLayout]) -> [Row] {
    layouts.map { layout in
      Row(
        number: Int(layout.number), length: layout.length, name: layout.name,
        fields: layout.fields.map { field in
          "\(field.offset), \(field.size)" + (field.constant.map { ": \($0)" } ?? "")
        })
    }
  }

  @Test func messagesAreTheDocumentedOnes() throws {
    #expect(try Self.rows(after: "### From the client") == Self.rows(ClientMessage.layouts))
    #expect(try Self.rows(after: "### From the bridge") == Self.rows(BridgeMessage.layouts))
  }

  @Test func headerIsTheDocumentedOne() throws {
    let header = try Self.table(after: "Each message begins with")
      .map { try [Self.number($0[0]), Self.number($0[1])] }
    #expect(header == [[0, 2], [2, 2], [4, 4]])
    #expect(WireConstants.headerLength == 8)
  }

  @Test func codesAreTheDocumentedOnes() throws {
    func codes(_ line: String) throws -> [UInt32] {
      try Self.table(after: line).map { UInt32(try Self.number($0[0])) }
    }
    #expect(try codes("| NO PICTURE |") == Absence.allCases.map(\.rawValue))
    #expect(try codes("| REFUSED |") == Refusal.allCases.map(\.rawValue))
  }

  @Test func versionAndSidesAreTheDocumentedOnes() throws {
    let text = try String(contentsOfFile: Self.document, encoding: .utf8)
    #expect(text.contains("Version \(WireConstants.versions.upperBound)."))
    #expect(text.contains("in pixels, 1 to \(WireConstants.largestSide) |"))
  }

  /// A number stands for a kind's place, and the longest message is the longest kind's.
  @Test func numbersLeaveNoneOut() {
    for layouts in [ClientMessage.layouts, BridgeMessage.layouts] {
      let first = layouts[0].number
      #expect(layouts.map { Int($0.number) } == layouts.indices.map { Int(first) + $0 })
    }
    let lengths = (ClientMessage.layouts + BridgeMessage.layouts).map(\.length)
    #expect(lengths.max() == WireConstants.longestMessage)
  }
}
