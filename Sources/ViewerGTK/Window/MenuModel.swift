// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The lines of a menu (GMenuModel), in sections.
struct MenuModel {
  /// A line.
  struct Item {
    let label: String
    let action: String
    let text: String?
    let keys: String?
  }

  /// What a section consists of.
  enum Part {
    case item(Item)
    case submenu(String, MenuModel)
  }

  private var sections: [(title: String?, parts: [Part])] = []

  /// Adds a section below the others; none when it is empty.
  mutating func add(_ title: String? = nil, _ parts: [Part]) {
    if !parts.isEmpty { sections.append((title, parts)) }
  }

  /// - Returns: a GtkMenu, whose reference floats.
  @MainActor
  func makeMenu() -> UnsafeMutablePointer<GtkWidget>? {
    guard let model = make() else { return nil }
    defer { g_object_unref(UnsafeMutableRawPointer(model)) }
    return gtk_menu_new_from_model(UnsafeMutablePointer(model))
  }

  /// - Returns: a GMenu, for the caller to release.
  private func make() -> OpaquePointer? {
    guard let menu = g_menu_new() else { return nil }
    for (title, parts) in sections {
      guard let section = g_menu_new() else { continue }
      defer { g_object_unref(UnsafeMutableRawPointer(section)) }
      for part in parts {
        switch part {
        case .item(let item): append(item, to: section)
        case .submenu(let label, let model):
          guard let submenu = model.make() else { continue }
          defer { g_object_unref(UnsafeMutableRawPointer(submenu)) }
          g_menu_append_submenu(section, label, UnsafeMutablePointer(submenu))
        }
      }
      g_menu_append_section(menu, title, UnsafeMutablePointer(section))
    }
    return menu
  }

  private func append(_ item: Item, to section: OpaquePointer) {
    guard let line = g_menu_item_new(item.label, nil) else { return }
    defer { g_object_unref(UnsafeMutableRawPointer(line)) }
    g_menu_item_set_action_and_target_value(
      line, item.action, item.text.map { g_variant_new_string($0) })
    if let keys = item.keys {
      g_menu_item_set_attribute_value(line, "accel", g_variant_new_string(keys))
    }
    g_menu_append_item(section, line)
  }
}
