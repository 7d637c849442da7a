// SPDX-License-Identifier: Apache-2.0

import Foundation
import MonitorEDID
import TestSupport
import Testing

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
