// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Attachment
public import EGLPresenter
import Guests
import MonitorEDID
import VGPUDisplay
import ViewerGTK

/// The options of a guest's window, for commands that start the guest and for those that do not.
struct WindowOptions: ParsableArguments {
  @Flag(help: "Start in fullscreen.")
  var fullscreen = false

  @Flag(help: "Start with the statistics over the picture.")
  var overlay = false

  @Option(
    help: """
      Size the picture: fit (as large as the window allows), integer (a whole multiple), 1:1, or \
      fill (fills the window, edges cut off).
      """)
  var scale = ScalingMode.fit

  @Option(
    help: ArgumentHelp(
      "Give the guest a monitor that prefers this mode, such as 1920x1080@60.",
      valueName: "mode"))
  var resolution: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Give the guest a monitor of the window's size whenever you resize the window.")
  var follow = true

  private(set) var monitor: (edid: EDID, size: (width: Int, height: Int))?

  mutating func validate() throws {
    guard let resolution else { return }
    do {
      let mode = try DisplayMode(parsing: resolution)
      monitor = (try EDID(mode: mode, name: "vgpu"), (mode.width, mode.height))
    } catch {
      throw ValidationError("--resolution \(error)")
    }
  }

  /// Whether the guest's monitor will be exchanged.
  var controlsMonitor: Bool { monitor != nil || follow }

  /// The viewer's options so far, and the monitor that was asked for.
  @MainActor
  func apply(to screen: (any ScreenSizing)?) throws -> ViewerOptions {
    if controlsMonitor { try AttachedSource.plugInAtSignals() }
    if let monitor { try screen?.plugIn(edid: monitor.edid.bytes, size: monitor.size) }
    var options = ViewerOptions(scaling: scale, isFullscreen: fullscreen)
    options.showsStatistics = overlay
    if monitor == nil, follow, let screen {
      options.onMonitor = { wish in
        do {
          try screen.plugIn(
            nearestTo: (wish.size.width, wish.size.height), refreshRate: wish.refreshRate)
        } catch {
          StandardError.write("vgpu: the guest keeps its resolution: \(error)")
        }
      }
    }
    return options
  }

  private enum CodingKeys: CodingKey {
    case fullscreen, overlay, scale, resolution, follow
  }
}

extension ScalingMode: ExpressibleByArgument {}
