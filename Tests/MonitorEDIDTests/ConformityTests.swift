// SPDX-License-Identifier: Apache-2.0

import Foundation
import MonitorEDID
import TestSupport
import Testing

/// What edid-decode finds in what we make.
@Suite(.needs("edid-decode"), .serialized, .onOwnThread) struct ConformityTests {
  private func expect(_ edid: EDID, conforms mode: DisplayMode) throws {
    let answer = try EDIDDecode.check(edid.bytes)
    #expect(answer.isClean, "\(mode): \(answer.text)")
    let found = try #require(answer.preferred, "\(mode)")
    #expect(found.width == mode.width && found.height == mode.height)
    let told = try #require(edid.preferredMode)
    #expect(abs(found.refreshRate - told.refreshRate) < 2e-6)
    // Half of a step of 10 kHz, and edid-decode's six decimals.
    let pixels = Double((mode.width + 80) * (mode.height + 15))
    #expect(abs(found.refreshRate - mode.refreshRate) <= 5000 / pixels + 1e-6, "\(mode)")
  }

  @Test func commonModes() throws {
    #expect(Modes.common.count > 250)
    for mode in Modes.common { try expect(EDID(mode: mode), conforms: mode) }
  }

  @Test func randomModes() throws {
    for mode in Modes.random { try expect(EDID(mode: mode), conforms: mode) }
  }

  @Test func everyOtherChoice() throws {
    let mode = DisplayMode(width: 1920, height: 1080)
    for name in ["x", "vgpu", "a b-c.d/e~!#", "thirteen char"] {
      let edid = try EDID(mode: mode, name: name)
      let answer = try EDIDDecode.check(edid.bytes)
      #expect(answer.text.contains("Display Product Name: '\(name)'"))
      try expect(edid, conforms: mode)
    }
    for serial: UInt32 in [0, 1, 4711, .max] {
      let edid = try EDID(mode: mode, serial: serial)
      try expect(edid, conforms: mode)
      let answer = try EDIDDecode.check(edid.bytes)
      #expect(serial == 0 || answer.text.contains("Serial Number: \(serial)"))
    }
    for size in [(178, 100), (527, 296), (2550, 1434)] {
      let edid = try EDID(mode: mode, size: PhysicalSize(width: size.0, height: size.1))
      try expect(edid, conforms: mode)
      let answer = try EDIDDecode.check(edid.bytes)
      #expect(answer.text.contains("\(size.0) mm x \(size.1) mm"))
    }
  }
}

/// edid-decode, the reference for what an EDID says and whether it may.
enum EDIDDecode {
  struct Answer {
    let status: Int32
    let text: String

    var isClean: Bool {
      status == 0 && text.contains("EDID conformity: PASS")
        && !text.contains("Warnings:") && !text.contains("Failures:")
    }

    /// The first detailed timing, which says "DTD 1:  1920x1080   60.000000 Hz".
    var preferred: DisplayMode? {
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        guard words.count > 4, words[0] == "DTD", words[1] == "1:", words[4] == "Hz" else {
          continue
        }
        return try? DisplayMode(parsing: "\(words[2])@\(words[3])")
      }
      return nil
    }
  }

  static func check(_ bytes: [UInt8]) throws -> Answer {
    let process = Process()
    process.executableURL = URL(
      fileURLWithPath: try #require(Program.path(of: "edid-decode")))
    process.arguments = ["--check"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    input.fileHandleForWriting.write(Data(bytes))
    try input.fileHandleForWriting.close()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Answer(status: process.terminationStatus, text: text)
  }
}
