// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import KMSPresenter
import MonitorEDID
import VGPUDisplay

/// The options of a screen without a compositor.
struct KMSOptions: ParsableArguments {
  @Flag(
    name: .customLong("kms"),
    help: """
      Show the guest on a monitor of its own, without a window and a compositor. Run it on a console \
      where no desktop shows anything. The guest gets no keys and no mouse yet. Ctrl-C ends it, and the \
      console comes back.
      """)
  var isWanted = false

  @Option(
    help: ArgumentHelp(
      "Use this card. (default: the first with a monitor)", valueName: "path"),
    completion: .file())
  var card: String?

  @Option(
    help: ArgumentHelp(
      "Use the monitor at this connector, such as HDMI-A-1. (default: the first monitor)",
      valueName: "name"))
  var connector: String?

  @Option(
    help: ArgumentHelp(
      """
      Use this mode, such as 1920x1080 or 1920x1080@60. (default: the guest's own size, where the monitor \
      has it, else the monitor's preferred mode)
      """, valueName: "mode"))
  var mode: String?

  private(set) var wish = ScreenWish()

  mutating func validate() throws {
    guard isWanted else {
      let options = [("--card", card), ("--connector", connector), ("--mode", mode)]
      guard let needless = options.first(where: { $0.1 != nil }) else { return }
      throw ValidationError("\(needless.0): goes with --kms; add it")
    }
    wish.card = card
    wish.connector = connector
    guard let mode else { return }
    do {
      let parsed = try DisplayMode(parsing: mode)
      wish.mode = ModeWish(
        size: PixelSize(width: parsed.width, height: parsed.height),
        refreshRate: mode.contains("@") ? parsed.refreshRate : nil)
    } catch {
      throw ValidationError("--mode \(error)")
    }
  }

  private enum CodingKeys: CodingKey { case isWanted, card, connector, mode }
}
