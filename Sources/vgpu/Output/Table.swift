// SPDX-License-Identifier: Apache-2.0

import CLinux
import FrameStatistics
import Glibc
import SafeText

/// Rows of text under headings, in columns as wide as their longest entry.
struct Table {
  private let headings: [String]
  private var rows: [[String]] = []

  init(_ headings: String...) { self.headings = headings }

  mutating func add(_ row: String...) { rows.append(row.map { PlainText.line($0) }) }

  /// For standard output: as wide as the terminal where it goes to one.
  var text: String { text(width: Self.terminalWidth) }

  /// - Parameter width: a line's characters. The last column is wrapped into what the others leave,
  ///   unless that is too little to be read. `nil` for any width, as for programs that read lines.
  func text(width: Int?) -> String {
    let all = [headings] + rows
    let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let indent = widths.dropLast().reduce(0) { $0 + $1 + 2 }
    let rest = width.map { $0 - indent } ?? .max
    return all.flatMap { row in
      let cells = zip(row, widths).dropLast().map { text, width in
        text + String(repeating: " ", count: width - text.count) + "  "
      }
      let last = row.last ?? ""
      let lines = rest < Self.leastColumn || last.count <= rest ? [last] : last.wrapped(to: rest)
      return lines.enumerated().map { index, line in
        let line = (index == 0 ? cells.joined() : String(repeating: " ", count: indent)) + line
        return String(line.reversed().drop { $0 == " " }.reversed())
      }
    }
    .joined(separator: "\n")
  }

  private static let leastColumn = 16

  /// ioctl(TIOCGWINSZ); `nil` where standard output is no terminal.
  private static var terminalWidth: Int? {
    var size = winsize()
    guard vgpu_ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }
}
