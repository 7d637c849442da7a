// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import Attachment
public import EGLPresenter
import GuestAgent
import Guests
import MonitorEDID
import VGPUDisplay
import ViewerGTK

/// The options of a guest's window, for commands that start the guest and for those that do not.
struct WindowOptions: ParsableArguments {
  @Flag(help: "Open the window in fullscreen.")
  var fullscreen = false

  @Flag(help: "Show statistics over the picture from the start.")
  var overlay = false

  @Option(
    help: """
      Choose the picture's size. fit: as large as the window allows. integer: the largest whole \
      multiple. 1:1: one pixel of the screen for each pixel of the guest. fill: fill the window, cut off the edges. \
      (default: what you chose last in this guest's menu, else fit)
      """)
  var scale: ScalingMode?

  @Option(
    help: ArgumentHelp(
      """
      Give the guest a monitor with this preferred mode, such as 1920x1080@60. Where only the guest's agent \
      can be asked, the rate stays as it is.
      """,
      valueName: "mode"))
  var resolution: String?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Give the guest a monitor of the window's size each time you resize the window, by its driver, by QEMU or \
      by its agent (`vgpu info TARGET` tells).
      """)
  var follow = true

  @Option(
    help: """
      Share the clipboards with the guest, by the guest's agent. both: what is copied on one side can be pasted \
      on the other. to-guest and from-guest: one way only. off: not at all. (default: what you chose last in \
      this guest's menu, else both)
      """)
  var clipboard: ClipboardSharing?

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
  ///
  /// - Parameters:
  ///   - guest: the guest that is shown.
  ///   - named: the guest that may have an agent; `nil` for a window that tells the guest nothing.
  ///   - remembered: what is remembered of the guest; `nil` for one of which nothing can be.
  ///   - played: the guest's sound; `nil` for a window without.
  @MainActor
  func apply(
    to guest: OpenGuest, agentOf named: Guest?, remembered: RememberedSettings?,
    playing played: PlayedSound?
  ) throws -> ViewerOptions {
    let screen = guest.size
    if controlsMonitor { try AttachedSource.plugInAtSignals() }
    var options = ViewerOptions(
      scaling: scale ?? remembered?.scale ?? .fit, isFullscreen: fullscreen)
    options.onScaling = { scale in remembered?.remember { $0.scale = scale.rawValue } }
    options.showsStatistics = overlay
    options.version = VGPU.configuration.version
    options.input = guest.input
    // Without a way to an agent there is no clipboard; `vgpu info` tells why.
    options.agent = try? named?.agentConnector()
    if options.agent != nil {
      options.clipboard = clipboard ?? remembered?.clipboard ?? .both
      options.onClipboard = { sharing in remembered?.remember { $0.clipboard = sharing.rawValue } }
    }
    if let played {
      options.sound = played.activity
      options.microphone = played.microphone
      options.speaker = SoundSwitch(
        isOn: { played.isHeard },
        turn: { isOn in
          played.isHeard = isOn
          remembered?.remember { $0.sound = (isOn ? Switch.on : .off).rawValue }
        })
    }
    if controlsMonitor, options.agent != nil {
      options.agentSizing = AgentSizing(
        fixed: monitor.map { PixelSize(width: $0.size.width, height: $0.size.height) },
        isDue: { guest.isSizedByAgent })
    }
    if let monitor {
      do {
        try screen?.plugIn(edid: monitor.edid.bytes, size: monitor.size)
      } catch {
        // The window asks the agent, when a look finds a way to it.
        guard options.agentSizing != nil, guest.isSizedByAgent, let named,
          let facts = try? named.look(), (try? named.agentConnector(facts)) != nil
        else { throw error }
      }
    }
    options.takeBack = TakeBackOffer(
      isDue: { guest.isTakenOver }, accept: { guest.takeBack() })
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
    case fullscreen, overlay, scale, resolution, follow, clipboard
  }
}

extension ScalingMode: ExpressibleByArgument {}

extension ClipboardSharing: ExpressibleByArgument {}
