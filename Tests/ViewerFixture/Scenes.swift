// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Ancestors of a guest's widget.
@MainActor
protocol Scene {
  var root: Widget { get }
  init(_ guest: Widget)
  func follow(_ order: String, _ numbers: [Int])
}

@MainActor let sceneTypes: [String: any Scene.Type] = [
  "notebook": NotebookScene.self, "stack": StackScene.self, "revealer": RevealerScene.self,
  "scrolled": ScrolledScene.self, "paned": PanedScene.self, "overlay": OverlayScene.self,
  "popover": PopoverScene.self, "expander": ExpanderScene.self, "boxes": BoxesScene.self,
  "layout": LayoutScene.self, "nested": NestedScene.self, "popped": PoppedScene.self,
  "faded": FadedScene.self,
]

@MainActor
private func isView(_ guest: Widget) -> Bool {
  gtk_widget_get_name(guest).map { String(cString: $0) } != Reference.name
}

/// A bar that GTK draws.
@MainActor
private func bar(_ height: Int = 20) -> Widget {
  let label: Widget = gtk_label_new("GTK")
  gtk_widget_set_size_request(label, -1, gint(height))
  return label
}

@MainActor
private func column(_ widgets: Widget...) -> Widget {
  let box: Widget = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0)
  for widget in widgets { gtk_container_add(vgpu_gtk_container(box), widget) }
  return box
}

@MainActor
private func button(_ text: String) -> Widget {
  let button: Widget = gtk_button_new_with_label(text)
  gtk_widget_set_can_focus(button, 0)
  vgpu_connect(button, "clicked", { _, _ in report("clicked") }, nil)
  return button
}

struct NotebookScene: Scene {
  let root: Widget

  init(_ guest: Widget) {
    root = gtk_notebook_new()
    gtk_widget_set_can_focus(root, 0)
    let notebook = cast(root, to: GtkNotebook.self)
    gtk_notebook_append_page(notebook, column(bar(), guest), gtk_label_new("Guest"))
    gtk_notebook_append_page(notebook, bar(), gtk_label_new("Other"))
  }

  func follow(_ order: String, _ numbers: [Int]) {
    gtk_notebook_set_current_page(cast(root, to: GtkNotebook.self), gint(numbers[0]))
  }
}

struct StackScene: Scene {
  let root: Widget
  private let stack: Widget

  init(_ guest: Widget) {
    stack = gtk_stack_new()
    root = column(bar(30), stack, bar(30))
    let pages = cast(stack, to: GtkStack.self)
    gtk_stack_add_named(pages, column(bar(), guest), "guest")
    gtk_stack_add_named(pages, bar(), "other")
  }

  /// `go TYPE MILLISECONDS PAGE`
  func follow(_ order: String, _ numbers: [Int]) {
    let pages = cast(stack, to: GtkStack.self)
    gtk_stack_set_transition_duration(pages, guint(numbers[1]))
    gtk_stack_set_visible_child_full(
      pages, numbers[2] == 0 ? "guest" : "other",
      GtkStackTransitionType(rawValue: UInt32(numbers[0])))
  }
}

struct RevealerScene: Scene {
  let root: Widget
  private let revealer: Widget

  init(_ guest: Widget) {
    revealer = gtk_revealer_new()
    gtk_widget_set_size_request(guest, 240, 200)
    gtk_widget_set_hexpand(guest, 0)
    gtk_widget_set_vexpand(guest, 0)
    gtk_container_add(vgpu_gtk_container(revealer), column(bar(), guest))
    gtk_widget_set_halign(revealer, GTK_ALIGN_START)
    root = column(bar(30), revealer, bar(30))
  }

  /// `reveal TYPE MILLISECONDS YES`
  func follow(_ order: String, _ numbers: [Int]) {
    let shown = cast(revealer, to: GtkRevealer.self)
    // GTK leaves the opacity of a crossfade that another transition ends.
    gtk_widget_set_opacity(revealer, 1)
    gtk_revealer_set_transition_type(
      shown, GtkRevealerTransitionType(rawValue: UInt32(numbers[0])))
    gtk_revealer_set_transition_duration(shown, guint(numbers[1]))
    gtk_revealer_set_reveal_child(shown, gint(numbers[2]))
  }
}

struct ScrolledScene: Scene {
  let root: Widget
  private let scrolled: Widget

  init(_ guest: Widget) {
    scrolled = gtk_scrolled_window_new(nil, nil)
    // A view has its size of itself.
    if !isView(guest) { gtk_widget_set_size_request(guest, 640, 480) }
    gtk_container_add(vgpu_gtk_container(scrolled), guest)
    gtk_widget_set_vexpand(scrolled, 1)
    root = column(bar(), scrolled, bar())
    gtk_scrolled_window_set_overlay_scrolling(vgpu_gtk_scrolled_window(scrolled), 0)
    let vertical = gtk_scrolled_window_get_vadjustment(vgpu_gtk_scrolled_window(scrolled))
    vgpu_connect(
      vertical, "value-changed",
      { adjustment, _ in
        let value = adjustment?.assumingMemoryBound(to: GtkAdjustment.self)
        report("scrolled=\(Int(gtk_adjustment_get_value(value)))")
      }, nil)
  }

  /// `to X Y`, `bars OVERLAY`
  func follow(_ order: String, _ numbers: [Int]) {
    let window = vgpu_gtk_scrolled_window(scrolled)
    if order == "bars" {
      gtk_scrolled_window_set_overlay_scrolling(window, gint(numbers[0]))
    } else {
      gtk_adjustment_set_value(gtk_scrolled_window_get_hadjustment(window), Double(numbers[0]))
      gtk_adjustment_set_value(gtk_scrolled_window_get_vadjustment(window), Double(numbers[1]))
    }
  }
}

struct PanedScene: Scene {
  let root: Widget

  init(_ guest: Widget) {
    root = gtk_paned_new(GTK_ORIENTATION_HORIZONTAL)
    let paned = cast(root, to: GtkPaned.self)
    gtk_widget_set_size_request(guest, 200, 300)
    gtk_paned_pack1(paned, guest, 1, 1)
    gtk_paned_pack2(paned, bar(), 1, 1)
    gtk_paned_set_position(paned, 220)
  }

  /// `divide POSITION`
  func follow(_ order: String, _ numbers: [Int]) {
    gtk_paned_set_position(cast(root, to: GtkPaned.self), gint(numbers[0]))
  }
}

struct OverlayScene: Scene {
  let root: Widget
  private let over: Widget

  init(_ guest: Widget) {
    root = gtk_overlay_new()
    over = button("Over the view")
    gtk_widget_set_halign(over, GTK_ALIGN_CENTER)
    gtk_widget_set_valign(over, GTK_ALIGN_CENTER)
    gtk_widget_set_no_show_all(over, 1)
    gtk_container_add(vgpu_gtk_container(root), guest)
    gtk_overlay_add_overlay(cast(root, to: GtkOverlay.self), over)
  }

  /// `cover YES`
  func follow(_ order: String, _ numbers: [Int]) {
    gtk_widget_set_visible(over, gint(numbers[0]))
  }
}

struct PopoverScene: Scene {
  let root: Widget
  private let guest: Widget
  private let popover: Widget

  init(_ guest: Widget) {
    self.guest = guest
    let above = bar()
    root = column(above, guest)
    popover = gtk_popover_new(above)
    let shown = cast(popover, to: GtkPopover.self)
    gtk_popover_set_position(shown, GTK_POS_BOTTOM)
    gtk_popover_set_modal(shown, 0)
    let content = button("A popover")
    gtk_container_add(vgpu_gtk_container(popover), content)
    gtk_widget_show_all(content)
  }

  /// `pop UP`, `show GUEST`
  func follow(_ order: String, _ numbers: [Int]) {
    if order == "show" { return gtk_widget_set_visible(guest, gint(numbers[0])) }
    let shown = cast(popover, to: GtkPopover.self)
    if numbers[0] != 0 { gtk_popover_popup(shown) } else { gtk_popover_popdown(shown) }
  }
}

/// A guest in a popover.
struct PoppedScene: Scene {
  let root: Widget
  private let popover: Widget

  init(_ guest: Widget) {
    let above = bar()
    root = column(above)
    popover = gtk_popover_new(above)
    let shown = cast(popover, to: GtkPopover.self)
    gtk_popover_set_position(shown, GTK_POS_BOTTOM)
    gtk_popover_set_modal(shown, 0)
    gtk_widget_set_size_request(guest, 240, 200)
    let content = column(bar(), guest)
    gtk_container_add(vgpu_gtk_container(popover), content)
    gtk_widget_show_all(content)
  }

  /// `pop UP`
  func follow(_ order: String, _ numbers: [Int]) {
    let shown = cast(popover, to: GtkPopover.self)
    if numbers[0] != 0 { gtk_popover_popup(shown) } else { gtk_popover_popdown(shown) }
  }
}

struct ExpanderScene: Scene {
  let root: Widget
  private let expander: Widget

  init(_ guest: Widget) {
    expander = gtk_expander_new("Guest")
    gtk_widget_set_can_focus(expander, 0)
    gtk_expander_set_expanded(cast(expander, to: GtkExpander.self), 1)
    gtk_widget_set_size_request(guest, 240, 200)
    gtk_widget_set_vexpand(guest, 0)
    gtk_container_add(vgpu_gtk_container(expander), guest)
    root = column(bar(), expander, bar())
  }

  /// `expand YES`
  func follow(_ order: String, _ numbers: [Int]) {
    gtk_expander_set_expanded(cast(expander, to: GtkExpander.self), gint(numbers[0]))
  }
}

/// Two boxes, and the guest in one of them.
struct BoxesScene: Scene {
  let root: Widget
  private let guest: Widget
  private let boxes: [Widget]

  init(_ guest: Widget) {
    self.guest = guest
    boxes = [column(bar(40)), column(bar(60))]
    root = column(boxes[0], boxes[1])
    gtk_box_set_homogeneous(cast(root, to: GtkBox.self), 1)
    gtk_container_add(vgpu_gtk_container(boxes[0]), guest)
  }

  /// `move BOX`
  func follow(_ order: String, _ numbers: [Int]) {
    g_object_ref(guest)
    gtk_container_remove(vgpu_gtk_container(gtk_widget_get_parent(guest)), guest)
    gtk_container_add(vgpu_gtk_container(boxes[numbers[0]]), guest)
    g_object_unref(guest)
  }
}

/// A scrolled window, in a revealer, in a stack, in a notebook.
struct NestedScene: Scene {
  let root: Widget
  private let scene: ScrolledScene
  private let stack: StackScene

  init(_ guest: Widget) {
    scene = ScrolledScene(guest)
    let revealer: Widget = gtk_revealer_new()
    gtk_revealer_set_reveal_child(cast(revealer, to: GtkRevealer.self), 1)
    gtk_container_add(vgpu_gtk_container(revealer), scene.root)
    stack = StackScene(revealer)
    root = gtk_notebook_new()
    gtk_widget_set_can_focus(root, 0)
    gtk_notebook_append_page(
      cast(root, to: GtkNotebook.self), stack.root, gtk_label_new("Guest"))
  }

  func follow(_ order: String, _ numbers: [Int]) {
    if order == "go" { stack.follow(order, numbers) } else { scene.follow(order, numbers) }
  }
}

/// A container that moves its child without a layout.
struct LayoutScene: Scene {
  let root: Widget

  init(_ guest: Widget) {
    root = gtk_layout_new(nil, nil)
    let layout = cast(root, to: GtkLayout.self)
    gtk_layout_set_size(layout, 1000, 1000)
    gtk_widget_set_size_request(guest, 640, 480)
    gtk_layout_put(layout, guest, 150, 200)
  }

  /// `to X Y`
  func follow(_ order: String, _ numbers: [Int]) {
    let layout = OpaquePointer(root)
    gtk_adjustment_set_value(gtk_scrollable_get_hadjustment(layout), Double(numbers[0]))
    gtk_adjustment_set_value(gtk_scrollable_get_vadjustment(layout), Double(numbers[1]))
  }
}

/// A container that can be made translucent.
struct FadedScene: Scene {
  let root: Widget

  init(_ guest: Widget) { root = column(bar(), guest) }

  /// `fade PERCENT`
  func follow(_ order: String, _ numbers: [Int]) {
    gtk_widget_set_opacity(root, Double(numbers[0]) / 100)
  }
}
