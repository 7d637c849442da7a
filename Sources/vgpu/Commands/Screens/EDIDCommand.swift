// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MonitorEDID

struct EDIDCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edid",
    abstract: "Make the EDID of a monitor that prefers one mode.",
    discussion: """
      MODE is WIDTHxHEIGHT or WIDTHxHEIGHT@HZ, such as 1920x1080@60: 640x480 to 4095x4095 at 30 to \
      240 Hz, as far as 128 bytes can carry it. `edid-decode` shows what the file says.
      """)

  @Argument(help: "What the monitor prefers.")
  var mode: String

  @Argument(help: "The file; - for standard output.")
  var file: String

  @Option(help: "What the monitor is called, 1 to 13 ASCII characters.")
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
