// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter

/// The window's menu: keys that the host would keep, and settings of the picture. It is a window of
/// its own, because the guest's surface hides every widget that is laid over it.
@MainActor
final class WindowMenu {
  /// The menu, a `GtkMenu`. A title bar or the menu itself keeps it.
  let widget: UnsafeMutablePointer<GtkWidget>
  private var items: [MenuItem] = []
  private var keyItems: [MenuItem] = []
  private var sharingItems: [ClipboardSharing: MenuItem] = [:]

  /// The action of a choice.
  struct Actions {
    let press: @MainActor (KeyChord) -> Void
    let grab: @MainActor () -> Void
    let fullscreen: @MainActor () -> Void
    let scale: @MainActor (ScalingMode) -> Void
    let picture: @MainActor () -> Void
    let statistics: @MainActor () -> Void
    /// `nil` for a guest whose clipboards cannot be reached.
    let clipboard: (@MainActor (ClipboardSharing) -> Void)?
    let microphone: @MainActor () -> Void
  }

  /// - Parameter hasMicrophone: whether there is a microphone to be turned on and off.
  init(_ actions: Actions, hasMicrophone: Bool) {
    widget = gtk_menu_new()
    g_object_ref_sink(widget)
    for chord in KeyChord.offered {
      keyItems.append(add("Send \(chord.name)") { actions.press(chord) })
    }
    addSeparator()
    keyItems.append(add("Grab keyboard and mouse (Ctrl+Alt+G)", actions.grab))
    items.append(add("Full screen (Ctrl+Alt+F)", actions.fullscreen))
    items.append(add("Save the picture (Ctrl+Alt+P)", actions.picture))
    items.append(add("Statistics (Ctrl+Alt+S)", actions.statistics))
    if hasMicrophone { items.append(add("Microphone: on or off", actions.microphone)) }
    addSeparator()
    for mode in ScalingMode.allCases {
      items.append(add("Picture: \(mode.menuName)") { actions.scale(mode) })
    }
    if let clipboard = actions.clipboard {
      addSeparator()
      for sharing in ClipboardSharing.allCases {
        sharingItems[sharing] = addRadio("Clipboard: \(sharing.menuName)") { clipboard(sharing) }
      }
    }
    gtk_widget_show_all(widget)
  }

  isolated deinit { g_object_unref(widget) }

  /// The ways that clipboards' contents take.
  var sharing = ClipboardSharing.both {
    didSet { sharingItems[sharing]?.check() }
  }

  /// Whether the guest takes keys.
  var canSendKeys = true {
    didSet {
      guard canSendKeys != oldValue else { return }
      for item in keyItems { gtk_widget_set_sensitive(item.widget, canSendKeys ? 1 : 0) }
    }
  }

  /// Opens the menu over a widget, for use by the keyboard.
  func open(over place: UnsafeMutablePointer<GtkWidget>) {
    gtk_menu_popup_at_widget(
      vgpu_gtk_menu(widget), place, GDK_GRAVITY_NORTH_EAST, GDK_GRAVITY_NORTH_EAST,
      gtk_get_current_event())
  }

  private func add(_ label: String, _ action: @escaping @MainActor () -> Void) -> MenuItem {
    let item = MenuItem(label, action)
    gtk_menu_shell_append(vgpu_gtk_menu_shell(widget), item.widget)
    return item
  }

  /// One of a group, of which one is checked.
  private func addRadio(_ label: String, _ action: @escaping @MainActor () -> Void) -> MenuItem {
    let item = MenuItem(label, inGroupOf: sharingItems.values.first, action)
    gtk_menu_shell_append(vgpu_gtk_menu_shell(widget), item.widget)
    items.append(item)
    return item
  }

  private func addSeparator() {
    gtk_menu_shell_append(vgpu_gtk_menu_shell(widget), gtk_separator_menu_item_new())
  }
}

/// One line of a menu.
@MainActor
private final class MenuItem {
  let widget: UnsafeMutablePointer<GtkWidget>
  private let action: @MainActor () -> Void

  init(_ label: String, _ action: @escaping @MainActor () -> Void) {
    widget = gtk_menu_item_new_with_label(label)
    self.action = action
    vgpu_connect(widget, "activate", onActivate, Unmanaged.borrowed(self))
  }

  /// - Parameter other: an item of the same group; `nil` for the group's first.
  init(_ label: String, inGroupOf other: MenuItem?, _ action: @escaping @MainActor () -> Void) {
    widget = vgpu_gtk_radio_menu_item(other?.widget, label)
    self.action = action
    vgpu_connect(widget, "toggled", onToggled, Unmanaged.borrowed(self))
  }

  /// Checks it, and unchecks the others of its group.
  func check() { gtk_check_menu_item_set_active(vgpu_gtk_check_menu_item(widget), 1) }

  fileprivate func activate() { action() }

  fileprivate func toggled() {
    if gtk_check_menu_item_get_active(vgpu_gtk_check_menu_item(widget)) != 0 { action() }
  }
}

extension ScalingMode {
  fileprivate var menuName: String {
    switch self {
    case .fit: "as large as fits"
    case .integer: "whole multiples"
    case .oneToOne: "one to one"
    case .fill: "fill the window"
    }
  }
}

private func onActivate(_ item: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: MenuItem.self) { $0.activate() }
}

private func onToggled(_ item: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: MenuItem.self) { $0.toggled() }
}

extension ClipboardSharing {
  fileprivate var menuName: String {
    switch self {
    case .both: "both ways"
    case .toGuest: "only to the guest"
    case .fromGuest: "only from the guest"
    case .off: "off"
    }
  }
}
