// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationXML
import Testing

@testable import FrameStatistics

@Suite struct PlotTests {
  private func record(frames: Int) -> FrameMeasurement {
    let stage = Stage(refresh: 16_667)
    for index in 0..<frames {
      stage.show(present: 4000 + UInt64(index % 40) * 400)
      stage.time += index % 50 == 0 ? 33_333 : 16_667
    }
    stage.recorder.flush()
    return stage.recorder.reporter.measurement()
  }

  /// What an XML parser finds: elements' names and classes, and the text between the tags.
  private final class Found: NSObject, XMLParserDelegate {
    var classes: [String: Int] = [:]
    var texts: [String] = []
    private var text = ""

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String]
    ) {
      text = ""
      classes[attributes["class"] ?? name, default: 0] += 1
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func parser(
      _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
      qualifiedName: String?
    ) {
      if name == "text" { texts.append(text) }
    }
  }

  private func parse(_ svg: String) throws -> Found {
    let found = Found()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = found
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    return found
  }

  @Test func isXMLWithAxesAndValues() throws {
    let svg = FramePlot(record(frames: 500), title: "vgpu bench demo", notes: ["a", "b"]).svg
    let found = try parse(svg)
    #expect(found.texts.contains("vgpu bench demo"))
    #expect(found.texts.contains("ms from detection to presentation"))
    #expect(found.texts.contains("ms since the one before"))
    #expect(found.texts.contains { $0.hasPrefix("p99 ") && $0.hasSuffix(" ms") })
    #expect(found.classes["bar"] ?? 0 > 20)
    #expect(found.classes["interval"] == 1)
    #expect(found.classes["missed"] == 1)
  }

  @Test func holdsAnyText() throws {
    let text = "a & b < c > \"d\" 'e' \u{1}\u{FFFE} ]]>"
    let found = try parse(FramePlot(record(frames: 5), title: text, notes: [text]).svg)
    #expect(found.texts.contains("a & b < c > \"d\" 'e' \u{FFFD}\u{FFFD} ]]>"))
  }

  @Test(arguments: [0, 1, 2])
  func standsLittle(frames: Int) throws {
    let found = try parse(FramePlot(record(frames: frames), title: "t", notes: []).svg)
    #expect(found.texts.contains("nothing was measured") == (frames < 2))
  }

  @Test(arguments: [
    (0.0, 1.0), (1, 1), (7.3, 8), (10, 10), (99, 100), (0.013, 0.014), (16.7, 18), (1001, 1200),
  ])
  func axesEndAtRoundNumbers(value: Double, end: Double) {
    let axis = PlotAxis(upTo: value, ticks: 10)
    #expect(abs(axis.end - end) < end / 1e6)
    #expect((5...11).contains(axis.ticks.count))
    #expect(axis.ticks.first?.label.contains { ("1"..."9").contains($0) } == false)
    #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count)
  }

  @Test(arguments: [
    (0.0, 2, "0.00"), (1.005, 1, "1.0"), (-0.04, 1, "0.0"), (-1.26, 1, "-1.3"), (12, 0, "12"),
    (.nan, 2, "-"), (.infinity, 0, "-"), (0.0667, 3, "0.067"),
  ])
  func writesDecimals(value: Double, decimals: Int, text: String) {
    #expect(value.fixed(decimals) == text)
  }

  @Test func tablesFitATerminal() {
    let table = FrameTable(record(frames: 1000).report).description
    let lines = table.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count <= 80 })
    #expect(lines.count == 13)
    #expect(table.contains("detect -> present"))
    #expect(table.contains("display at 60.00 Hz"))
  }
}
