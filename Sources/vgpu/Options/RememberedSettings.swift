// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import GuestSession
import Guests
import ViewerGTK

/// What is remembered of the guest that a program shows, for all its windows: read once, and then as they have
/// chosen. A file that cannot be used is told of, and does nothing else.
@MainActor
final class RememberedSettings {
  private let file = GuestSettingsFile(in: GuestFolders.user(program: "vgpu"))
  private let guest: String
  private var settings: GuestSettings

  /// Reads the settings.
  ///
  /// - Parameter guest: `Guest.settingsName`; `nil` for a guest of which nothing can be remembered.
  init?(of guest: String?) {
    guard let guest else { return nil }
    self.guest = guest
    do {
      settings = try file.settings(of: guest)
    } catch {
      Self.warn(error)
      settings = GuestSettings()
    }
  }

  /// The clipboards' ways; `nil` when nobody has chosen, or a newer vgpu has.
  var clipboard: ClipboardSharing? { settings.clipboard.flatMap { ClipboardSharing(rawValue: $0) } }

  /// The picture's size in its window.
  var scale: ScalingMode? { settings.scale.flatMap { ScalingMode(rawValue: $0) } }
  /// Whether the guest is heard.
  var sound: Switch? { settings.sound.flatMap { Switch(rawValue: $0) } }

  /// Remembers a choice.
  func remember(_ choice: (inout GuestSettings) -> Void) {
    choice(&settings)
    do {
      try file.change(guest, choice)
    } catch {
      Self.warn(error)
    }
  }

  private static func warn(_ error: GuestSettingsError) {
    StandardError.write("vgpu: note: settings are not remembered: \(error)")
  }
}
