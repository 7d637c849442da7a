// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter

/// The window's menu: keys that the host would keep, and the window's settings, with a mark at what is on. It
/// is a window of its own and no popover, which would be cut off where the guest's screen is small.
@MainActor
final class WindowMenu {
  /// The menu, a `GtkMenu`. A title bar keeps it.
  let widget: UnsafeMutablePointer<GtkWidget>
  private let actions: ActionGroup
  private let state: @MainActor () -> State

  /// What is on. `nil` stands for what this guest does not have; that it has it must not change.
  struct State {
    /// Whether the guest takes keys.
    var canSendKeys: Bool
    var isFullscreen: Bool
    var showsStatistics: Bool
    var isHeard: Bool?
    var hearsMicrophone: Bool?
    var scaling: ScalingMode
    var sharing: ClipboardSharing?
  }

  /// What the lines do.
  struct Actions {
    let press: @MainActor (KeyChord) -> Void
    let grab: @MainActor () -> Void
    let fullscreen: @MainActor () -> Void
    let picture: @MainActor () -> Void
    let statistics: @MainActor () -> Void
    let sound: @MainActor (Bool) -> Void
    let microphone: @MainActor (Bool) -> Void
    let scale: @MainActor (ScalingMode) -> Void
    let clipboard: @MainActor (ClipboardSharing) -> Void
    let shortcuts: @MainActor () -> Void
    let about: @MainActor () -> Void
  }

  /// - Parameters:
  ///   - window: the menu's window.
  ///   - does: what the lines do.
  ///   - state: what is on; asked for the lines that there are, and each time that the menu opens.
  init?(
    of window: UnsafeMutablePointer<GtkWidget>, does: Actions,
    state: @escaping @MainActor () -> State
  ) {
    let actions = ActionGroup("viewer", of: window)
    actions.addAction("press") { name in
      if let chord = KeyChord.offered.first(where: { $0.name == name }) { does.press(chord) }
    }
    // No switch: an open menu has the keyboard itself, so no grab is on.
    actions.add("grab", does.grab)
    actions.addSwitch("fullscreen") { _ in does.fullscreen() }
    actions.add("picture", does.picture)
    actions.addSwitch("statistics") { _ in does.statistics() }
    actions.addSwitch("sound", does.sound)
    actions.addSwitch("microphone", does.microphone)
    actions.addChoice("scaling") { ScalingMode(rawValue: $0).map(does.scale) }
    actions.addChoice("clipboard") { ClipboardSharing(rawValue: $0).map(does.clipboard) }
    actions.add("shortcuts", does.shortcuts)
    actions.add("about", does.about)
    guard let widget = Self.model(actions, state()).makeMenu() else { return nil }
    self.widget = widget
    self.actions = actions
    self.state = state
    g_object_ref_sink(widget)
    vgpu_connect(widget, "show", Self.onShow, Unmanaged.borrowed(self))
  }

  isolated deinit { g_object_unref(widget) }

  private static func model(_ actions: ActionGroup, _ state: State) -> MenuModel {
    func press(_ chord: KeyChord, _ label: String) -> MenuModel.Part {
      .item(actions.item(label, "press", chord.name))
    }
    let (first, others) = (KeyChord.offered.prefix(1), KeyChord.offered.dropFirst())
    var keys = MenuModel()
    keys.add(nil, others.filter { !$0.isOfFunctionKey }.map { press($0, $0.title) })
    keys.add(nil, others.filter(\.isOfFunctionKey).map { press($0, $0.title) })

    var menu = MenuModel()
    menu.add(
      nil,
      first.map { press($0, translated("Send %1$s", $0.title)) } + [
        .submenu(translated("Send other keys"), keys),
        .item(
          actions.item(translated("Grab keyboard and mouse"), "grab", keys: "<Control><Alt>g")),
      ])
    var picture: [MenuModel.Part] = [
      .item(actions.item(translated("Full screen"), "fullscreen", keys: "<Control><Alt>f")),
      .item(actions.item(translated("Statistics"), "statistics", keys: "<Control><Alt>s")),
      .item(actions.item(translated("Save the picture"), "picture", keys: "<Control><Alt>p")),
    ]
    if state.isHeard != nil {
      picture.append(.item(actions.item(translated("Sound"), "sound")))
    }
    if state.hearsMicrophone != nil {
      picture.append(.item(actions.item(translated("Microphone"), "microphone")))
    }
    menu.add(nil, picture)
    menu.add(
      translated("Scaling"),
      ScalingMode.allCases.map { .item(actions.item($0.menuName, "scaling", $0.rawValue)) })
    if state.sharing != nil {
      var clipboard = MenuModel()
      clipboard.add(
        nil,
        ClipboardSharing.allCases.map {
          .item(actions.item($0.menuName, "clipboard", $0.rawValue))
        })
      menu.add(nil, [.submenu(translated("Clipboard"), clipboard)])
    }
    menu.add(
      nil,
      [
        .item(actions.item(translated("Keyboard shortcuts"), "shortcuts")),
        .item(actions.item(translated("About %1$s", "swift-vgpu"), "about")),
      ])
    return menu
  }

  /// Has an open menu show what has changed; one that opens asks by itself.
  func changed() {
    if gtk_widget_get_visible(widget) != 0 { update() }
  }

  private func update() {
    let state = state()
    actions.enable("press", state.canSendKeys)
    actions.enable("grab", state.canSendKeys)
    actions.turn("fullscreen", state.isFullscreen)
    actions.turn("statistics", state.showsStatistics)
    actions.turn("sound", state.isHeard == true)
    actions.turn("microphone", state.hearsMicrophone == true)
    actions.choose("scaling", state.scaling.rawValue)
    actions.choose("clipboard", state.sharing?.rawValue ?? "")
  }

  /// Opens the menu over a widget, for use by the keyboard.
  func open(over place: UnsafeMutablePointer<GtkWidget>) {
    let event = gtk_get_current_event()
    defer { if let event { gdk_event_free(event) } }
    MenuPlace.open(
      widget, at: place, corner: GDK_GRAVITY_NORTH_EAST, own: GDK_GRAVITY_NORTH_EAST, event: event)
  }

  private static let onShow:
    @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { _, data in
      onMain(data, as: WindowMenu.self) { $0.update() }
    }
}

extension ScalingMode {
  fileprivate var menuName: String {
    switch self {
    case .fit: translated("Fit the window")
    case .integer: translated("Whole multiples")
    case .oneToOne: translated("One to one")
    case .fill: translated("Fill the window")
    }
  }
}

extension ClipboardSharing {
  fileprivate var menuName: String {
    switch self {
    case .both: translated("Both ways")
    case .toGuest: translated("Only to the guest")
    case .fromGuest: translated("Only from the guest")
    case .off: translated("Off", context: "clipboard")
    }
  }
}
