// SPDX-License-Identifier: Apache-2.0

import CGTK3
import Glibc
import GuestAgent

/// The ways that clipboards' contents may take between a guest and the host.
public enum ClipboardSharing: String, CaseIterable, Hashable, Codable, Sendable {
  /// What is copied on one side can be pasted on the other.
  case both
  /// What is copied on the host can be pasted in the guest.
  case toGuest = "to-guest"
  /// What is copied in the guest can be pasted on the host.
  case fromGuest = "from-guest"
  /// None.
  case off

  var goesToGuest: Bool { self == .both || self == .toGuest }
  var comesFromGuest: Bool { self == .both || self == .fromGuest }
}

/// Shares the host's clipboards with a guest's, by the guest's agent.
///
/// Contents move only when somebody pastes. The guest learns what the host has, and can ask for it, only
/// while the window has the focus; what the guest copies meanwhile becomes the host's clipboard when the
/// window has the focus again, unless somebody has copied on the host since.
@MainActor
final class SharedClipboards {
  private let agent: AgentClient
  private let clipboards: [HostClipboard]

  /// - Parameters:
  ///   - agent: the guest's agent.
  ///   - display: the host's, a `GdkDisplay *`.
  ///   - activities: told of contents on their way.
  init(_ agent: AgentClient, on display: OpaquePointer?, _ activities: Activities) {
    self.agent = agent
    let kinds: [(ClipboardSelection, String)] = [(.clipboard, "CLIPBOARD"), (.primary, "PRIMARY")]
    clipboards = kinds.compactMap { kind in
      gtk_clipboard_get_for_display(display, gdk_atom_intern(kind.1, 0)).map {
        HostClipboard($0, kind.0, agent, activities)
      }
    }
  }

  /// The ways that are allowed.
  var sharing: ClipboardSharing = .both {
    didSet { for clipboard in clipboards { clipboard.sharing = sharing } }
  }

  /// Whether the window has the focus.
  var hasFocus = false {
    didSet { for clipboard in clipboards { clipboard.hasFocus = hasFocus } }
  }

  /// The guest has something else in a clipboard.
  func changed(_ selection: ClipboardSelection, _ guest: GuestClipboard?) {
    clipboards.first { $0.selection == selection }?.changed(guest)
  }

  /// The agent is there, perhaps again: the host's contents are offered to it.
  func connected() { for clipboard in clipboards { clipboard.lookAgain() } }

  /// Gives up: nothing waits any more, and the host's clipboards have no content of the guest's.
  func end() { for clipboard in clipboards { clipboard.end() } }
}

/// One clipboard of the host's, and the guest's clipboard of the same kind.
@MainActor
private final class HostClipboard {
  let selection: ClipboardSelection
  var sharing = ClipboardSharing.both { didSet { follow() } }
  var hasFocus = false { didSet { follow() } }
  private let clipboard: OpaquePointer
  private let agent: AgentClient
  private let activities: Activities
  private var signal: gulong = 0
  /// What the guest has and the host's clipboard does not name yet.
  private var waiting: GuestClipboard?
  /// Until it fires, nothing of the guest's is claimed.
  private var rest: Timer?
  /// The guest's content that the host's clipboard names.
  private var owned: OwnedContent?
  /// Whether the host's content has not been offered to the guest yet.
  private var isUntold = true
  /// Counts the looks at the host's targets: an answer to an older one is dropped.
  private var looks = 0
  private var hasEnded = false

  init(
    _ clipboard: OpaquePointer, _ selection: ClipboardSelection, _ agent: AgentClient,
    _ activities: Activities
  ) {
    self.clipboard = clipboard
    self.selection = selection
    self.agent = agent
    self.activities = activities
    signal = vgpu_connect_owner_change(clipboard, onOwnerChange, Unmanaged.borrowed(self))
  }

  func end() {
    guard !hasEnded else { return }
    hasEnded = true
    g_signal_handler_disconnect(UnsafeMutableRawPointer(clipboard), signal)
    waiting = nil
    rest = nil
    disown()
    agent.withdraw(selection)
  }

  isolated deinit { end() }

  func lookAgain() {
    isUntold = true
    follow()
  }

  private func follow() {
    guard !hasEnded else { return }
    if !sharing.comesFromGuest {
      waiting = nil
      disown()
    }
    if !sharing.goesToGuest {
      agent.withdraw(selection)
      isUntold = true
    }
    guard hasFocus else { return }
    if let waiting {
      self.waiting = nil
      own(waiting)
    } else if isUntold, owned == nil, sharing.goesToGuest {
      tell()
    }
  }

  // MARK: From the guest

  func changed(_ guest: GuestClipboard?) {
    // What was true when it was told may have changed: the host may have copied since.
    guard !hasEnded, sharing.comesFromGuest, agent.guestClipboard(selection) == guest else {
      return
    }
    waiting = guest
    if guest == nil { disown() }
    // A guest may copy a thousand times in a second, and each claim wakes the desktop's programs.
    if rest == nil {
      rest = Timer(milliseconds: Self.restTime) { [unowned self] in
        rest = nil
        follow()
      }
    }
  }

  /// Milliseconds between a copy in the guest and the claim of the host's clipboard.
  private static let restTime = 100

  private func own(_ guest: GuestClipboard) {
    let content = OwnedContent(guest, selection, agent, activities)
    // Before the claim, because GTK tells the old content's end and the new owner while it claims.
    let hadClaim = owned != nil
    owned?.cancel()
    owned = content
    if !content.claim(clipboard, didLose: { [weak self] content in self?.lost(content) }) {
      owned = nil
      // The clipboard names the old content still.
      if hadClaim { gtk_clipboard_clear(clipboard) }
    }
  }

  private func lost(_ content: OwnedContent) {
    guard owned === content else { return }
    owned = nil
    ownerChanged()
  }

  private func disown() {
    guard let owned else { return }
    self.owned = nil
    owned.cancel()
    gtk_clipboard_clear(clipboard)
  }

  // MARK: From the host

  fileprivate func ownerChanged() {
    // This process's own claim, which GTK tells like anybody's.
    guard !hasEnded, owned == nil else { return }
    waiting = nil
    isUntold = true
    follow()
  }

  private func tell() {
    isUntold = false
    looks += 1
    let look = looks
    HostContent.targets(of: clipboard) { [weak self] targets in
      guard let self, look == looks, !hasEnded, owned == nil, sharing.goesToGuest else { return }
      let types = HostContent.types(targets)
      guard !types.isEmpty else { return agent.withdraw(selection) }
      agent.offer(
        ClipboardOffer(types: types) { [weak self] type in await self?.content(type) },
        in: selection)
    }
  }

  /// The host's content for the guest; `nil` when the guest may not have it now.
  private func content(_ type: ClipboardType) async -> [UInt8]? {
    // A guest whose window is in the background asks for nobody.
    guard !hasEnded, hasFocus, sharing.goesToGuest, owned == nil else { return nil }
    return await HostContent.bytes(of: clipboard, as: type)
  }
}

/// What the host's clipboard has, in the agent's terms.
@MainActor
private enum HostContent {
  /// The largest content that is sent; the agent's protocol has the same limit.
  static let most = 64 << 20

  /// The picture types by their names on the host.
  static let pictures: [(type: ClipboardType, name: String)] = [
    (.png, "image/png"), (.jpeg, "image/jpeg"), (.bmp, "image/bmp"), (.tiff, "image/tiff"),
  ]

  static func types(_ targets: [String]) -> [ClipboardType] {
    let texts: Set = ["UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING", "TEXT"]
    return (targets.contains(where: texts.contains) ? [.text] : [])
      + pictures.filter { targets.contains($0.name) }.map(\.type)
  }

  static func targets(
    of clipboard: OpaquePointer, _ done: @escaping @MainActor ([String]) -> Void
  ) {
    gtk_clipboard_request_contents(
      clipboard, gdk_atom_intern("TARGETS", 0), onTargets, Callback(done).pass())
  }

  static func bytes(of clipboard: OpaquePointer, as type: ClipboardType) async -> [UInt8]? {
    await withCheckedContinuation { continuation in
      let callback = Callback<[UInt8]?> { continuation.resume(returning: $0) }.pass()
      if let picture = pictures.first(where: { $0.type == type }) {
        gtk_clipboard_request_contents(
          clipboard, gdk_atom_intern(picture.name, 0), onContents, callback)
      } else {
        gtk_clipboard_request_text(clipboard, onClipboardText, callback)
      }
    }
  }
}

private func onTargets(
  _ clipboard: OpaquePointer?, _ data: OpaquePointer?, _ context: UnsafeMutableRawPointer?
) {
  nonisolated(unsafe) let data = data
  Callback<[String]>.take(context) {
    var (atoms, count): (UnsafeMutablePointer<GdkAtom?>?, gint) = (nil, 0)
    guard gtk_selection_data_get_targets(data, &atoms, &count) != 0, let atoms else { return [] }
    defer { g_free(atoms) }
    // A clipboard's owner may name as many as it likes.
    return (0..<min(Int(count), 256)).compactMap { index in
      guard let name = gdk_atom_name(atoms[index]) else { return nil }
      defer { g_free(name) }
      return String(cString: name)
    }
  }
}

private func onClipboardText(
  _ clipboard: OpaquePointer?, _ text: UnsafePointer<CChar>?, _ context: UnsafeMutableRawPointer?
) {
  nonisolated(unsafe) let text = text
  Callback<[UInt8]?>.take(context) {
    guard let text else { return nil }
    let length = strnlen(text, HostContent.most + 1)
    guard length <= HostContent.most else { return nil }
    return Array(UnsafeRawBufferPointer(start: text, count: length))
  }
}

private func onContents(
  _ clipboard: OpaquePointer?, _ data: OpaquePointer?, _ context: UnsafeMutableRawPointer?
) {
  nonisolated(unsafe) let data = data
  Callback<[UInt8]?>.take(context) {
    let length = Int(gtk_selection_data_get_length(data))
    guard length > 0, length <= HostContent.most, let bytes = gtk_selection_data_get_data(data)
    else { return nil }
    return Array(UnsafeBufferPointer(start: bytes, count: length))
  }
}

/// A function that GTK calls once with an answer.
@MainActor
private final class Callback<Answer> {
  private let body: @MainActor (Answer) -> Void

  init(_ body: @escaping @MainActor (Answer) -> Void) { self.body = body }

  /// The data pointer for the C callback, which `take` frees.
  func pass() -> UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

  nonisolated static func take(
    _ data: UnsafeMutableRawPointer?, _ answer: @MainActor () -> Answer
  ) {
    guard let data else { return }
    let callback = Unmanaged<Callback>.fromOpaque(data)
    MainActor.assumeIsolated { callback.takeRetainedValue().body(answer()) }
  }
}

/// A guest's content that a clipboard of the host's names. The content comes when somebody pastes it.
@MainActor
private final class OwnedContent {
  private let guest: GuestClipboard
  private let selection: ClipboardSelection
  private let agent: AgentClient
  private let activities: Activities
  private var didLose: (@MainActor (OwnedContent) -> Void)?
  private var contents: [ClipboardType: [UInt8]] = [:]
  private var pastes: [Paste] = []

  /// The most pastes that wait at once: each waits in a loop of its own within the last one's.
  private static let most = 8

  init(
    _ guest: GuestClipboard, _ selection: ClipboardSelection, _ agent: AgentClient,
    _ activities: Activities
  ) {
    self.guest = guest
    self.selection = selection
    self.agent = agent
    self.activities = activities
  }

  /// Makes a clipboard of the host's name this content.
  ///
  /// - Returns: whether the display server took it, and the guest has something that the host can name.
  func claim(
    _ clipboard: OpaquePointer, didLose: @escaping @MainActor (OwnedContent) -> Void
  ) -> Bool {
    guard let list = gtk_target_list_new(nil, 0) else { return false }
    defer { gtk_target_list_unref(list) }
    if guest.types.contains(.text) {
      gtk_target_list_add_text_targets(list, ClipboardType.text.rawValue)
    }
    for picture in HostContent.pictures where guest.types.contains(picture.type) {
      gtk_target_list_add(list, gdk_atom_intern(picture.name, 0), 0, picture.type.rawValue)
    }
    var count: gint = 0
    guard let table = gtk_target_table_new_from_list(list, &count) else { return false }
    defer { gtk_target_table_free(table, count) }
    guard count > 0 else { return false }
    // GTK calls `onClear` for every claim that it has taken, and that frees this reference.
    let data = Unmanaged.passRetained(self)
    guard
      gtk_clipboard_set_with_data(clipboard, table, guint(count), onGet, onClear, data.toOpaque())
        != 0
    else {
      data.release()
      return false
    }
    self.didLose = didLose
    return true
  }

  /// Lets everybody who waits go without the content.
  func cancel() {
    didLose = nil
    for paste in pastes { paste.end(nil) }
  }

  fileprivate func cleared() {
    let didLose = didLose
    cancel()
    didLose?(self)
  }

  fileprivate func get(_ data: OpaquePointer?, _ info: guint) {
    guard let type = ClipboardType(rawValue: info), let bytes = bytes(type) else { return }
    bytes.withUnsafeBufferPointer { bytes in
      if type == .text {
        // GTK converts it into the form that was asked for.
        bytes.withMemoryRebound(to: CChar.self) {
          _ = gtk_selection_data_set_text(data, $0.baseAddress, gint(clamping: $0.count))
        }
      } else {
        gtk_selection_data_set(
          data, gtk_selection_data_get_target(data), 8, bytes.baseAddress,
          gint(clamping: bytes.count))
      }
    }
  }

  /// The content, for which GTK wants to wait here. Meanwhile a loop of this function's own does the main
  /// loop's work, so that the window lives on.
  private func bytes(_ type: ClipboardType) -> [UInt8]? {
    if let known = contents[type] { return known }
    guard pastes.count < Self.most, didLose != nil else { return nil }
    let paste = Paste()
    pastes.append(paste)
    let activity = activities.begin(translated("Pasting from the guest")) { paste.end(nil) }
    let request = agent.content(
      type, in: selection, onProgress: { activity.progress(UInt64($0), of: UInt64($1)) },
      completion: { paste.tell(try? $0.get()) })
    let bytes = paste.wait()
    request.cancel()
    activity.end()
    pastes.removeAll { $0 === paste }
    // The same copy is often pasted again. Programs ask for small ones several times, too.
    if let bytes, bytes.count <= 1 << 20 { contents[type] = bytes }
    return bytes
  }
}

/// Somebody who waits for a content in a main loop of his own.
final class Paste: Sendable {
  @MainActor private static var waiting: [Paste] = []
  private nonisolated(unsafe) let loop = g_main_loop_new(nil, 0)
  @MainActor private var answer: [UInt8]??

  deinit { g_main_loop_unref(loop) }

  /// Waits. Other sources of the main loop go on, also another paste.
  @MainActor
  func wait() -> [UInt8]? {
    Self.waiting.append(self)
    defer { Self.waiting.removeAll { $0 === self } }
    if answer == nil { g_main_loop_run(loop) }
    return answer ?? nil
  }

  /// Ends all waiting, because the program ends: the loop that waits is within the program's.
  @MainActor
  static func endAll() {
    for paste in waiting { paste.end(nil) }
  }

  /// Ends the waiting, on the main thread. The first answer counts.
  @MainActor
  func end(_ bytes: [UInt8]?) {
    guard answer == nil else { return }
    answer = .some(bytes)
    g_main_loop_quit(loop)
  }

  /// Ends the waiting, from any thread.
  func tell(_ bytes: [UInt8]?) { MainLoop.call { self.end(bytes) } }
}

private func onOwnerChange(
  _ clipboard: OpaquePointer?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: HostClipboard.self) { $0.ownerChanged() }
}

private func onGet(
  _ clipboard: OpaquePointer?, _ selection: OpaquePointer?, _ info: guint,
  _ data: UnsafeMutableRawPointer?
) {
  nonisolated(unsafe) let selection = selection
  onMain(data, as: OwnedContent.self) { $0.get(selection, info) }
}

private func onClear(_ clipboard: OpaquePointer?, _ data: UnsafeMutableRawPointer?) {
  guard let data else { return }
  let content = Unmanaged<OwnedContent>.fromOpaque(data)
  MainActor.assumeIsolated { content.takeRetainedValue().cleared() }
}
