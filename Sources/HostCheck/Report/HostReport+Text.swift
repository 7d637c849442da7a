// SPDX-License-Identifier: Apache-2.0

import SafeText

extension HostReport {
  /// The report for a person. Problems come first, with all details; then the other findings by
  /// area, one line each; then a summary. No line is longer than 80 columns.
  ///
  /// - Parameter isColoured: whether results also have a colour (ECMA-48), for a terminal.
  public func text(isColoured: Bool = false) -> String {
    let open = findings.filter { $0.result == .fail } + findings.filter { $0.result == .warn }
    var lines: [String] = []
    for finding in open {
      lines.append(
        mark(finding.result, isColoured) + "\(finding.title) (\(finding.area.heading))")
      lines += Self.row("found", finding.found) + Self.row("why", finding.why)
      if let remedy = finding.remedy { lines += Self.row("fix", remedy) }
      lines += Self.row("see", finding.documentation) + [""]
    }
    for area in CheckArea.allCases {
      let rest = findings.filter { $0.area == area && !open.contains($0) }
      guard !rest.isEmpty else { continue }
      lines.append(area.heading)
      for finding in rest {
        let texts = "\(finding.title): \(finding.found)".wrapped(to: 72, cutting: true)
        lines += texts.enumerated().map { index, text in
          index == 0 ? "  \(mark(finding.result, isColoured))\(text)" : "        \(text)"
        }
      }
      lines.append("")
    }
    return (lines + [summary]).joined(separator: "\n")
  }

  /// One line with the number of checks for each result.
  public var summary: String {
    let device = device.map { ", \($0)" } ?? ""
    return """
      \(purpose.rawValue)\(device): \(count(.ok)) ok, \(count(.warn)) to look at, \
      \(count(.fail)) failed, \(count(.notApplicable)) not applicable
      """
  }

  private func mark(_ result: CheckResult, _ isColoured: Bool) -> String {
    let (text, colour) =
      switch result {
      case .ok: ("ok    ", "32")
      case .warn: ("WARN  ", "33")
      case .fail: ("FAIL  ", "31")
      case .notApplicable: ("-     ", "2")
      }
    return isColoured ? "\u{1b}[\(colour)m\(text)\u{1b}[0m" : text
  }

  private static func row(_ name: String, _ text: String) -> [String] {
    text.wrapped(to: 66, cutting: true).enumerated().map { index, line in
      index == 0
        ? "      \(name)\(String(repeating: " ", count: max(1, 8 - name.count)))\(line)"
        : "              \(line)"
    }
  }
}
