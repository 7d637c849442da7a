// SPDX-License-Identifier: Apache-2.0

import GuestSession
import Guests
import ViewerGTK

/// What is remembered of the guest that a window shows. A file that cannot be used is told of, and does
/// nothing else.
@MainActor
struct RememberedSettings {
  private let file = GuestSettingsFile(in: GuestFolders.user(program: "vgpu"))
  private let guest: String
  private let settings: GuestSettings

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

  /// Remembers the clipboards' ways.
  func remember(_ clipboard: ClipboardSharing) {
    do {
      try file.change(guest) { $0.clipboard = clipboard.rawValue }
    } catch {
      Self.warn(error)
    }
  }

  private static func warn(_ error: GuestSettingsError) {
    StandardError.write("vgpu: note: settings are not remembered: \(error)")
  }
}
