// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// A choice in a menu of the list's window.
package struct GuestListChoice {
  let label: String
  let isPossible: Bool
  let action: @MainActor () -> Void

  /// Makes a choice from its parts. The label is shown as it is.
  package init(label: String, isPossible: Bool, action: @escaping @MainActor () -> Void) {
    self.label = label
    self.isPossible = isPossible
    self.action = action
  }
}

/// A menu of the list's window.
@MainActor
final class GuestListMenu {
  private let widget: UnsafeMutablePointer<GtkWidget>
  private var items: [Item] = []

  /// - Parameter list: the menu belongs to this widget's window.
  init?(_ choices: [GuestListChoice], of list: UnsafeMutablePointer<GtkWidget>) {
    guard let widget = gtk_menu_new() else { return nil }
    self.widget = widget
    g_object_ref_sink(widget)
    gtk_menu_attach_to_widget(vgpu_gtk_menu(widget), list, nil)
    for choice in choices {
      guard let item = Item(choice) else { continue }
      gtk_menu_shell_append(vgpu_gtk_menu_shell(widget), item.widget)
      items.append(item)
    }
    gtk_widget_show_all(widget)
  }

  isolated deinit {
    gtk_widget_destroy(widget)
    g_object_unref(widget)
  }

  /// Opens it below a widget, with the first choice chosen.
  ///
  /// - Parameters:
  ///   - isAtStart: whether it begins where the widget does; otherwise it ends where the widget does.
  ///   - event: what the user did, when that is not what GTK handles just now.
  func open(
    below place: UnsafeMutablePointer<GtkWidget>, isAtStart: Bool = false,
    event: UnsafePointer<GdkEvent>? = nil
  ) {
    let isLeft = isAtStart == (gtk_widget_get_direction(place) != GTK_TEXT_DIR_RTL)
    MenuPlace.open(
      widget, at: place, corner: isLeft ? GDK_GRAVITY_SOUTH_WEST : GDK_GRAVITY_SOUTH_EAST,
      own: isLeft ? GDK_GRAVITY_NORTH_WEST : GDK_GRAVITY_NORTH_EAST, event: event)
    gtk_menu_shell_select_first(vgpu_gtk_menu_shell(widget), 1)
  }

  /// Opens it at the pointer.
  func openAtPointer(_ event: UnsafePointer<GdkEvent>?) {
    gtk_menu_popup_at_pointer(vgpu_gtk_menu(widget), event)
  }

  /// One line.
  @MainActor
  private final class Item {
    let widget: UnsafeMutablePointer<GtkWidget>
    private let action: @MainActor () -> Void

    init?(_ choice: GuestListChoice) {
      guard let widget = gtk_menu_item_new_with_label(choice.label) else { return nil }
      self.widget = widget
      action = choice.action
      gtk_widget_set_sensitive(widget, choice.isPossible ? 1 : 0)
      vgpu_connect(widget, "activate", Self.onActivate, Unmanaged.borrowed(self))
    }

    private static let onActivate:
      @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { _, data in
        onMain(data, as: Item.self) { $0.action() }
      }
  }
}
