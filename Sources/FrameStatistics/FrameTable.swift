// SPDX-License-Identifier: Apache-2.0

/// A report as text for a terminal of 80 columns.
public struct FrameTable: Sendable, CustomStringConvertible {
  private let report: FrameReport

  /// Makes a table from a report.
  public init(_ report: FrameReport) { self.report = report }

  /// Several lines without a newline at the end.
  public var description: String {
    let counts = [
      "presented   \(report[.presented]) frames, \(report.framesPerSecond.fixed(2)) FPS",
      "new frames  \(report[.updates]), \(report.updatesPerSecond.fixed(2)) UPS",
      "troubles    \(report.troubles)",
      "feedback    \(report.feedback.rawValue), \(report.clock)"
        + (report.displayRate.map { ", display at \($0.fixed(2)) Hz" } ?? ""),
      "",
      Self.row(["milliseconds", "count", "p50", "p95", "p99", "max"]),
    ]
    let rows = FrameStep.allCases.map { step in
      let values = report[step]
      return values.count == 0
        ? Self.row([step.name, "0", "-", "-", "-", "-"])
        : Self.row(
          [step.name, "\(values.count)"]
            + [values.p50, values.p95, values.p99, values.max].map {
              (Double($0) / 1e6).fixed(3)
            })
    }
    return (counts + rows).joined(separator: "\n")
  }

  private static func row(_ cells: [String]) -> String {
    let widths = [19, 9, 11, 11, 11, 11]
    let texts = zip(cells, widths).enumerated().map { index, cell in
      let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
      return index == 0 ? cell.0 + padding : padding + cell.0
    }
    return texts.joined()
  }
}

extension Double {
  /// The number with so many decimals, rounded; `-` for a value that is no number. It works without
  /// Foundation.
  package func fixed(_ decimals: Int) -> String {
    guard isFinite, magnitude < 1e15 else { return "-" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (magnitude * scale).rounded()
    guard scaled < 9e18 else { return "-" }
    let sign = self < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + "\(UInt64(scaled))" }
    let digits = "\(UInt64(scaled))"
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }
}
