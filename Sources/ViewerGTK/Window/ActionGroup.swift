// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Actions with names, which a menu's lines refer to (GActionGroup): what they do, and what is on.
@MainActor
final class ActionGroup {
  private let group: UnsafeMutablePointer<GSimpleActionGroup>
  private let prefix: String
  private var actions: [String: Action] = [:]

  /// - Parameters:
  ///   - prefix: what names begin with in a menu, before a dot.
  ///   - widget: whose menus, and those below it, can name the actions.
  init(_ prefix: String, of widget: UnsafeMutablePointer<GtkWidget>) {
    self.prefix = prefix
    group = g_simple_action_group_new()
    gtk_widget_insert_action_group(widget, prefix, OpaquePointer(group))
  }

  isolated deinit {
    // A menu may keep the group for longer.
    for (name, action) in actions {
      action.end()
      g_action_map_remove_action(OpaquePointer(group), name)
    }
    g_object_unref(group)
  }

  /// An action without a state.
  func add(_ name: String, _ action: @escaping @MainActor () -> Void) {
    add(name, g_simple_action_new(name, nil), .action(action))
  }

  /// An action that takes a text.
  func addAction(_ name: String, taking action: @escaping @MainActor (String) -> Void) {
    add(name, Self.withText { g_simple_action_new(name, $0) }, .text(action))
  }

  /// Something that is on or off, which a menu shows with a mark. The mark follows `turn(_:_:)` alone.
  func addSwitch(_ name: String, _ turn: @escaping @MainActor (Bool) -> Void) {
    add(name, g_simple_action_new_stateful(name, nil, g_variant_new_boolean(0)), .turn(turn))
  }

  /// One of several texts, which a menu shows as radio buttons. The mark follows `choose(_:_:)` alone.
  func addChoice(_ name: String, _ choose: @escaping @MainActor (String) -> Void) {
    add(
      name, Self.withText { g_simple_action_new_stateful(name, $0, g_variant_new_string("")) },
      .text(choose))
  }

  /// Whether an action can be carried out now.
  func enable(_ name: String, _ isPossible: Bool) {
    guard let action = actions[name] else { return }
    g_simple_action_set_enabled(action.raw, isPossible ? 1 : 0)
  }

  /// Marks a switch.
  func turn(_ name: String, _ isOn: Bool) {
    guard let action = actions[name], action.isOn != isOn else { return }
    g_simple_action_set_state(action.raw, g_variant_new_boolean(isOn ? 1 : 0))
  }

  /// Marks one of several.
  func choose(_ name: String, _ text: String) {
    guard let action = actions[name] else { return }
    g_simple_action_set_state(action.raw, g_variant_new_string(text))
  }

  /// A line of a menu.
  ///
  /// - Parameters:
  ///   - text: what the action takes, or what is chosen.
  ///   - keys: the keys that do the same, in GTK's notation.
  func item(
    _ label: String, _ name: String, _ text: String? = nil, keys: String? = nil
  ) -> MenuModel.Item {
    MenuModel.Item(label: label, action: "\(prefix).\(name)", text: text, keys: keys)
  }

  private func add(_ name: String, _ raw: OpaquePointer?, _ effect: Action.Effect) {
    guard let raw else { return }
    actions[name] = Action(raw, effect)
    g_action_map_add_action(OpaquePointer(group), raw)
  }

  private static func withText(_ make: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
    let type = g_variant_type_new("s")
    defer { g_variant_type_free(type) }
    return make(type)
  }

  @MainActor
  private final class Action {
    enum Effect {
      case action(@MainActor () -> Void)
      case text(@MainActor (String) -> Void)
      case turn(@MainActor (Bool) -> Void)
    }

    let raw: OpaquePointer
    private let effect: Effect
    private var handler: gulong = 0

    /// - Parameter raw: a GSimpleAction, which this object keeps.
    init(_ raw: OpaquePointer, _ effect: Effect) {
      self.raw = raw
      self.effect = effect
      handler = vgpu_connect_action(raw, Self.onActivate, Unmanaged.borrowed(self))
    }

    isolated deinit { g_object_unref(UnsafeMutableRawPointer(raw)) }

    func end() { g_signal_handler_disconnect(UnsafeMutableRawPointer(raw), handler) }

    var isOn: Bool {
      guard let state = g_action_get_state(raw) else { return false }
      defer { g_variant_unref(state) }
      return g_variant_get_boolean(state) != 0
    }

    private func activate(_ text: String?) {
      switch effect {
      case .action(let action): action()
      case .text(let action): if let text { action(text) }
      case .turn(let turn): turn(!isOn)
      }
    }

    private static let onActivate:
      @convention(c) (OpaquePointer?, OpaquePointer?, UnsafeMutableRawPointer?) -> Void = {
        _, parameter, data in
        let text = parameter.flatMap { g_variant_get_string($0, nil) }.map(String.init(cString:))
        onMain(data, as: Action.self) { $0.activate(text) }
      }
  }
}
