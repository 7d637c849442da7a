// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attachment
import EGLPresenter
import Guests
import HostDevices
import KMSPresenter
import VGPUDisplay

/// `vgpu view --kms`.
extension ViewCommand {
  /// What a screen without a window has no use for.
  func refuseWhatOnlyAWindowHas() throws {
    let given: [(option: String, isGiven: Bool)] = [
      ("--fullscreen", window.fullscreen), ("--overlay", window.overlay),
      ("--scale", ![nil, .fit, .oneToOne].contains(window.scale)),
      ("--resolution", window.resolution != nil), ("--clipboard", window.clipboard != nil),
      ("--agent", agent.agent != nil),
      ("--microphone", hearing.microphone), ("--draw", draw), ("--head all", target.head == .all),
    ]
    let needless = given.filter(\.isGiven).map(\.option)
    guard needless.isEmpty else {
      throw ValidationError(
        "--kms: shows the picture pixel for pixel, without a window; leave out \(needless.joined(separator: ", "))"
      )
    }
  }

  /// Shows the guest until a signal comes, or until the time or the frames that were asked for are over.
  @MainActor
  func showWithoutCompositor() throws -> StatisticsFile<KMSStatistics> {
    let control = try KMSViewerControl()
    let screen = try KMSScreen(kms.wish)
    // The screen waits for a guest. A vGPU that does not exist is more likely a slip of the pen.
    if case .mdev(let uuid) = target.target { _ = try HostHardware().vGPU(uuid) }
    let named = target.guest(qmp: qmp)
    let guest = try named.open(
      waiting: true, isTold: !viewOnly, isHeard: sound != .off)
    StandardError.warn(guest)
    let played =
      sound != .off
      ? PlayedSound(
        of: guest, hearing: false, isHeard: sound,
        remembered: RememberedSettings(of: named.settingsName)) : nil
    defer { withExtendedLifetime(played) {} }
    var options = KMSViewer.Options()
    options.alwaysCopies = upload
    options.input = guest.input
    options.frames = frames
    options.time = seconds.map { .seconds($0) }
    options.onMessage = { StandardError.write("vgpu: \($0)") }
    try control.endAtSignals()
    let statistics = try KMSViewer.run(
      source: guest.makeFrameSource(), on: screen, options: options, control: control)
    guest.leave()
    if statistics.framesPresented == 0, case .noPicture(let reason) = guest.screen.poll() {
      throw Failure("\(guest.screen.name): nothing was shown: \(reason)", reason.errorClass)
    }
    return StatisticsFile(statistics, source: guest.screen.counters)
  }
}
