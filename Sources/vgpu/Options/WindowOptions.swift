// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Attachment
public import EGLPresenter
import Guests
import MonitorEDID
import VGPUDisplay
import ViewerGTK

/// What a user can say of a guest's window, whoever started the guest.
struct WindowOptions: ParsableArguments {
  @Flag(help: "Begin on the whole screen.")
  var fullscreen = false

  @Flag(help: "Begin with the statistics over the picture.")
  var overlay = false

  @Option(
    help: """
      How the picture is sized: fit (as large as the window allows), integer (a whole multiple), \
      1:1, or fill (cut off at the edges).
      """)
  var scale = ScalingMode.fit

  @Option(
    help: ArgumentHelp(
      "Give the guest a monitor that prefers this mode, such as 1920x1080@60.",
      valueName: "mode"))
  var resolution: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Give the guest a monitor of the window's size when that is changed.")
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
      let follower = MonitorFollower(screen: screen)
      options.onMonitor = { follower.follow($0) }
    }
    return options
  }

  private enum CodingKeys: CodingKey {
    case fullscreen, overlay, scale, resolution, follow
  }
}

extension ScalingMode: ExpressibleByArgument {}

/// Gives a guest a monitor of its window's size.
@MainActor
struct MonitorFollower {
  let screen: any ScreenSizing

  /// As near to the wish as an EDID and the vGPU's driver can come; where the driver has no EDID
  /// region, nothing.
  func follow(_ wish: MonitorWish) {
    guard let limits = screen.monitorLimits else { return }
    let mode = DisplayMode(
      width: min(Self.even(wish.size.width), limits.width ?? .max),
      height: min(Self.even(wish.size.height), limits.height ?? .max),
      refreshRate: wish.refreshRate ?? 60)
    do {
      let (edid, carried) = try EDID.nearest(to: mode)
      try screen.plugIn(edid: edid.bytes, size: (carried.width, carried.height))
    } catch {
      StandardError.write("vgpu: the guest keeps its resolution: \(error)")
    }
  }

  /// Chroma is subsampled by two in what guests make of their screens, so sizes are even.
  private static func even(_ value: Int) -> Int { value - value % 2 }
}
