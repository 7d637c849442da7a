// SPDX-License-Identifier: Apache-2.0

import CGTK3
import SafeText

/// A window with a list of guests, from which the user opens and starts them. What these actions do is its
/// owner's affair.
///
/// All of it works by keyboard: arrows choose, Enter opens, the menu key has the actions, typing and Ctrl+F
/// search, F5 looks again, Ctrl+N makes a vGPU, Escape ends the search and then closes the window, and so does Ctrl+Q.
@MainActor
package final class GuestListWindow {
  /// What the user can do. A guest goes by its `GuestListItem.id`.
  package struct Actions {
    /// Opens a guest's screen.
    let open: @MainActor (String) -> Void
    /// Starts a guest.
    let start: @MainActor (String) -> Void
    /// Shows the synthetic guest.
    let demo: @MainActor () -> Void
    /// Finds out what vGPUs can be made, and tells by `offer`.
    let make: @MainActor () -> Void
    /// Looks for guests; with `true`, the user has asked for it.
    let look: @MainActor (Bool) -> Void

    /// Makes them from their parts.
    package init(
      open: @escaping @MainActor (String) -> Void, start: @escaping @MainActor (String) -> Void,
      demo: @escaping @MainActor () -> Void, make: @escaping @MainActor () -> Void,
      look: @escaping @MainActor (Bool) -> Void
    ) {
      self.open = open
      self.start = start
      self.demo = demo
      self.make = make
      self.look = look
    }
  }

  let actions: Actions
  let pages: GuestListPages
  let search: GuestListSearch
  let notice: GuestListNotice
  private let header: UnsafeMutablePointer<GtkWidget>
  private var buttons: [GuestListButton] = []
  private var openButton: GuestListButton?
  private var makeButton: GuestListButton?
  private(set) var window: UnsafeMutablePointer<GtkWidget>?
  /// By the items' ids.
  private var lines: [String: GuestListLine] = [:]
  /// The same by their rows' addresses, by which GTK asks.
  private var rows: [UInt: GuestListLine] = [:]
  private var items: [GuestListItem] = []
  /// The key or the click that asked for a new vGPU: the compositor wants to know why a menu opens.
  private var request: UnsafeMutablePointer<GdkEvent>?
  /// Keeps the menu that was opened last.
  private var menu: GuestListMenu?
  private var timer: Timer?
  private let loop = ViewerLoop()
  /// Whether the window is put away.
  var isIconified = false

  /// The milliseconds from one look to the next. vGPUs tell when they come; processes and domains do not.
  private static let period = 3000

  /// Starts GTK, and shows the window without guests. Call it on the main thread.
  ///
  /// - Throws: `ViewerError.noDisplayServer`.
  package init(_ actions: Actions) throws(ViewerError) {
    try Viewer.start()
    guard let pages = GuestListPages(onDemo: actions.demo), let search = GuestListSearch(),
      let notice = GuestListNotice(), let header = gtk_header_bar_new(),
      let window = gtk_window_new(GTK_WINDOW_TOPLEVEL),
      let content = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0)
    else { throw .noDisplayServer }
    self.actions = actions
    self.pages = pages
    self.search = search
    self.notice = notice
    self.header = header
    self.window = window
    makeHeader()
    for (widget, expands) in [(search.widget, false), (notice.widget, false), (pages.widget, true)]
    {
      gtk_box_pack_start(vgpu_gtk_box(content), widget, expands ? 1 : 0, expands ? 1 : 0, 0)
    }
    gtk_container_add(vgpu_gtk_container(window), content)
    gtk_window_set_titlebar(vgpu_gtk_window(window), header)
    gtk_window_set_title(vgpu_gtk_window(window), Self.title)
    gtk_window_set_icon_name(vgpu_gtk_window(window), "io.github.swift_vgpu.vgpu")
    gtk_window_set_default_size(vgpu_gtk_window(window), 720, 520)
    search.onChange = { [unowned self] in filter() }
    search.onEnter = { [unowned self] in openChosen() }
    connectSignals(of: window, list: pages.list)
    pages.page = .looking
    loop.onInterrupt = { [unowned self] in close() }
    gtk_widget_show_all(window)
  }

  private static var title: String { translated("Guests") }

  /// Runs GTK's main loop until the user closes the window, or SIGTERM comes.
  package func run() {
    actions.look(true)
    timer = Timer(milliseconds: Self.period) { [unowned self] in
      if !isIconified { actions.look(false) }
    }
    if window != nil { loop.run() }
    timer = nil
    close()
    loop.finish()
  }

  /// Tells the user what went wrong, or a remark.
  package func tell(_ text: String, isError: Bool) { notice.show(text, isError: isError) }

  /// Lets the user choose what is made.
  package func offer(_ choices: [GuestListChoice]) {
    guard let makeButton, window != nil else { return }
    menu = GuestListMenu(choices, of: pages.list)
    menu?.open(below: makeButton.widget, isAtStart: true, event: request)
    forgetRequest()
  }

  func askForNew() {
    forgetRequest()
    request = gtk_get_current_event()
    actions.make()
  }

  private func forgetRequest() {
    if let request { gdk_event_free(request) }
    request = nil
  }

  /// Shows these guests, in this order, in place of those before.
  ///
  /// - Parameter isComplete: whether these are all that there are.
  package func show(_ items: [GuestListItem], isComplete: Bool) {
    guard window != nil, items != self.items || !isKnown else { return }
    self.items = items
    let hadNone = lines.isEmpty
    let ids = Set(items.map(\.id))
    for (id, line) in lines where !ids.contains(id) {
      lines[id] = nil
      rows[UInt(bitPattern: line.row)] = nil
      gtk_widget_destroy(line.row)
    }
    for (place, item) in items.enumerated() {
      if let line = lines[item.id] {
        line.update(item)
        line.place = place
      } else if let line = makeLine(item) {
        line.place = place
        lines[item.id] = line
        rows[UInt(bitPattern: line.row)] = line
        gtk_container_add(vgpu_gtk_container(pages.list), line.row)
      }
    }
    gtk_list_box_invalidate_sort(vgpu_gtk_list_box(pages.list))
    isKnown = isComplete || !items.isEmpty
    let count =
      items.isEmpty
      ? ""
      : translated(
        one: "%1$s guest", many: "%1$s guests", count: items.count, "\(items.count)")
    gtk_header_bar_set_subtitle(vgpu_gtk_header_bar(header), count)
    filter()
    if hadNone, !lines.isEmpty, !search.hasFocus { focusChosen() }
  }

  private var isKnown = false

  /// Closes the window, unless the user has closed it.
  package func close() {
    if let window { gtk_widget_destroy(window) }
  }

  func destroyed() {
    window = nil
    timer = nil
    forgetRequest()
    menu = nil
    lines = [:]
    rows = [:]
    loop.end()
  }

  // MARK: Parts

  private func makeHeader() {
    let bar = vgpu_gtk_header_bar(header)
    gtk_header_bar_set_show_close_button(bar, 1)
    gtk_header_bar_set_title(bar, Self.title)
    if let open = GuestListButton(label: translated("_Open"), { [unowned self] in openChosen() }) {
      gtk_style_context_add_class(
        gtk_widget_get_style_context(open.widget), "suggested-action")
      gtk_header_bar_pack_start(bar, open.widget)
      openButton = open
    }
    makeButton = GuestListButton(
      icon: "list-add-symbolic", name: translated("New virtual GPU"), hint: translated("Ctrl+N")
    ) { [unowned self] in askForNew() }
    if let makeButton { gtk_header_bar_pack_start(bar, makeButton.widget) }
    let refresh = GuestListButton(
      icon: "view-refresh-symbolic", name: translated("Look again"), hint: "F5"
    ) { [unowned self] in actions.look(true) }
    let find = GuestListButton(
      icon: "edit-find-symbolic", name: translated("Search"), hint: translated("Ctrl+F")
    ) { [unowned self] in toggleSearch() }
    buttons = [refresh, find].compactMap(\.self)
    for button in buttons { gtk_header_bar_pack_end(bar, button.widget) }
  }

  private func makeLine(_ item: GuestListItem) -> GuestListLine? {
    let id = item.id
    return GuestListLine(
      item, onStart: { [unowned self] in actions.start(id) },
      onMenu: { [unowned self] button in
        choose(id)
        makeMenu()?.open(below: button)
      })
  }

  // MARK: The chosen guest

  /// The guest whose row is selected.
  var chosen: GuestListItem? {
    gtk_list_box_get_selected_row(vgpu_gtk_list_box(pages.list))
      .flatMap { line(at: UInt(bitPattern: $0))?.item }
  }

  func line(at address: UInt) -> GuestListLine? { rows[address] }

  func choose(_ id: String) {
    guard let line = lines[id] else { return }
    gtk_list_box_select_row(vgpu_gtk_list_box(pages.list), vgpu_gtk_list_box_row(line.row))
  }

  func followChoice() {
    guard let openButton else { return }
    let chosen = chosen
    gtk_widget_set_sensitive(openButton.widget, chosen.map { $0.obstacle == nil } == true ? 1 : 0)
    openButton.name = chosen.map { translated("Open %1$s", $0.title) } ?? translated("Open")
  }

  /// Opens the chosen guest, or tells why not.
  func openChosen() {
    guard let chosen else { return }
    if let obstacle = chosen.obstacle {
      notice.show(obstacle, isError: true)
    } else {
      actions.open(chosen.id)
    }
  }

  /// The menu of the chosen guest.
  func makeMenu() -> GuestListMenu? {
    guard let chosen else { return nil }
    let id = chosen.id
    menu = GuestListMenu(
      [
        .init(label: translated("Open"), isPossible: true) { [unowned self] in
          choose(id)
          openChosen()
        },
        .init(label: translated("Start"), isPossible: chosen.canStart) { [unowned self] in
          actions.start(id)
        },
        .init(label: translated("Copy the target"), isPossible: chosen.target != nil) {
          guard let target = chosen.target,
            let clipboard = gtk_clipboard_get_default(gdk_display_get_default())
          else { return }
          gtk_clipboard_set_text(clipboard, target, -1)
        },
      ], of: pages.list)
    return menu
  }

  /// Opens the menu of the chosen guest below its row.
  func openMenu() {
    guard let chosen, let line = lines[chosen.id] else { return }
    makeMenu()?.open(below: line.row)
  }

  // MARK: Search

  func toggleSearch() {
    search.isOpen.toggle()
    if search.isOpen { search.grabFocus() } else { focusChosen() }
  }

  /// Shows the guests that have the words, and chooses one of them.
  private func filter() {
    gtk_list_box_invalidate_filter(vgpu_gtk_list_box(pages.list))
    let shown = lines.values.filter(isShown).sorted { $0.place < $1.place }
    if !isKnown {
      pages.page = .looking
    } else if lines.isEmpty {
      pages.page = .empty
    } else {
      pages.page = shown.isEmpty ? .noMatch : .list
    }
    if !shown.contains(where: { $0.item.id == chosen?.id }) {
      if let first = shown.first {
        choose(first.item.id)
      } else {
        gtk_list_box_unselect_all(vgpu_gtk_list_box(pages.list))
      }
    }
    followChoice()
  }

  func isShown(_ line: GuestListLine) -> Bool { line.item.matches(search.words) }

  /// Gives the keyboard to the chosen row.
  func focusChosen() {
    guard let row = gtk_list_box_get_selected_row(vgpu_gtk_list_box(pages.list)),
      let line = line(at: UInt(bitPattern: row))
    else { return }
    gtk_widget_grab_focus(line.row)
  }
}
