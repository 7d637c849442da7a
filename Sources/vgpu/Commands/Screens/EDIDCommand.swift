// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MonitorEDID

struct EDIDCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edid",
    abstract: "Write the EDID of a monitor with one preferred mode.",
    discussion: """
      MODE is WIDTHxHEIGHT or WIDTHxHEIGHT@HZ, such as 1920x1080@60: from 640x480 to 4095x4095 pixels, \
      from 30 to 240 Hz. The largest sizes at high rates do not fit into an EDID. To read the file, \
      use `edid-decode`.
      """)

  @Argument(help: "Prefer this mode.")
  var mode: String

  @Argument(help: "Write to this file; - means standard output.", completion: .file())
  var file: String

  @Option(help: "Give the monitor this name of 1 to 13 ASCII characters.")
  var name = "vgpu"

  private var made: EDID?

  mutating func validate() throws {
    do {
      made = try EDID(mode: DisplayMode(parsing: mode), name: name)
    } catch {
      throw ValidationError("\(error)")
    }
  }

  func run() throws {
    try OutputFile.write(made?.bytes ?? [], to: file)
  }

  private enum CodingKeys: CodingKey { case mode, file, name }
}
