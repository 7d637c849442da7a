// SPDX-License-Identifier: Apache-2.0

import CGTK3
import GuestAgent

/// Files that are dropped on a widget go to the guest, by the guest's agent.
@MainActor
final class FileDrop {
  /// Called with a line for the person who has dropped files: what came of it.
  var onEnd: (@MainActor (String) -> Void)?
  private let widget: UnsafeMutablePointer<GtkWidget>
  private let agent: AgentClient
  private let activities: Activities

  init(
    on widget: UnsafeMutablePointer<GtkWidget>, _ agent: AgentClient, _ activities: Activities
  ) {
    self.widget = widget
    self.agent = agent
    self.activities = activities
    gtk_drag_dest_set(widget, GTK_DEST_DEFAULT_ALL, nil, 0, GDK_ACTION_COPY)
    gtk_drag_dest_add_uri_targets(widget)
    vgpu_connect_drag_data(widget, onDrop, Unmanaged.borrowed(self))
  }

  /// Takes no more files. Call it before the widget's end.
  func end() {
    gtk_drag_dest_unset(widget)
    g_signal_handlers_disconnect_matched(
      widget, G_SIGNAL_MATCH_DATA, 0, 0, nil, nil, Unmanaged.borrowed(self))
    onEnd = nil
  }

  /// Sends files and the files in folders.
  func send(_ paths: [String]) {
    guard !paths.isEmpty else {
      return tell(translated("Only files of this host can be dropped."))
    }
    let agent = agent
    if agent.state.capabilities == nil {
      return tell(translated("Not copied: %1$s", agent.absence))
    }
    // A large folder takes a while.
    Task.detached { [weak self] in
      do throws(AgentError) {
        let files = try AgentFile.gather(paths)
        MainLoop.call { self?.send(files) }
      } catch {
        MainLoop.call { self?.tell(translated("Not copied: %1$s", "\(error)")) }
      }
    }
  }

  private func send(_ files: [AgentFile]) {
    guard onEnd != nil else { return }
    let holder = TransferHolder()
    let title = translated(
      one: "Copying %1$s file to the guest", many: "Copying %1$s files to the guest",
      count: files.count, "\(files.count)")
    let activity = activities.begin(title) { holder.transfer?.cancel() }
    let transfer = agent.send(files) { progress in
      activity.progress(
        progress.bytesSent, of: progress.bytesTotal, secondsLeft: progress.secondsLeft())
    }
    holder.transfer = transfer
    Task.detached { [weak self] in
      let outcomes = await transfer.outcomes()
      MainLoop.call {
        activity.end()
        self?.tell(Self.line(outcomes))
      }
    }
  }

  private func tell(_ line: String) { onEnd?(line) }

  /// What came of a transfer.
  nonisolated static func line(_ outcomes: [FileTransfer.Outcome]) -> String {
    let errors = outcomes.compactMap(\.error)
    let copied = outcomes.count - errors.count
    let done =
      copied == 0 && !errors.isEmpty
      ? translated("Nothing copied.")
      : translated(
        one: "Copied %1$s file to the guest.", many: "Copied %1$s files to the guest.",
        count: copied, "\(copied)")
    guard let first = errors.first else { return done }
    if errors.allSatisfy({ $0 == .cancelled }) { return translated("Cancelled.") }
    let failed = translated(
      one: "%1$s file failed: %2$s", many: "%1$s files failed: %2$s",
      count: errors.count, "\(errors.count)", "\(first)")
    return translated("%1$s %2$s", context: "two sentences", done, failed)
  }

  fileprivate func dropped(_ data: OpaquePointer?) {
    guard let links = gtk_selection_data_get_uris(data) else { return send([String]()) }
    defer { g_strfreev(links) }
    var paths: [String] = []
    var index = 0
    while let link = links[index], index < 100_000 {
      index += 1
      guard let path = g_filename_from_uri(link, nil, nil) else { continue }
      paths.append(String(cString: path))
      g_free(path)
    }
    send(paths)
  }
}

/// Holds the transfer that an activity cancels.
@MainActor
private final class TransferHolder {
  var transfer: FileTransfer?
}

private func onDrop(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ context: OpaquePointer?, _ x: gint, _ y: gint,
  _ selection: OpaquePointer?, _ info: guint, _ time: guint, _ data: UnsafeMutableRawPointer?
) {
  nonisolated(unsafe) let selection = selection
  onMain(data, as: FileDrop.self) { $0.dropped(selection) }
}
