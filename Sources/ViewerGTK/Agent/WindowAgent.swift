// SPDX-License-Identifier: Apache-2.0

import CGTK3
import GuestAgent
import GuestInput
import VGPUDisplay

/// What a window does with its guest's agent: clipboards, files that are dropped on the guest's screen, and
/// the screen's size.
@MainActor
final class WindowAgent {
  /// Called with a line for the person at the window.
  var onNotice: (@MainActor (String) -> Void)?
  /// Called when the agent has told something.
  var onEvent: (@MainActor () -> Void)?
  let activities = Activities()
  private let agent: AgentClient
  private let clipboards: SharedClipboards
  private let drop: FileDrop
  private let sizes: AgentSizes?

  /// - Parameters:
  ///   - connector: connects to the agent.
  ///   - sizing: the sizes for which it is asked; `nil` for none.
  ///   - view: the widget with the guest's screen.
  /// - Throws: `AgentError.system` when this process may have no more descriptors or threads.
  init(
    _ connector: any AgentConnector, sharing: ClipboardSharing, sizing: AgentSizing?,
    on view: UnsafeMutablePointer<GtkWidget>
  ) throws(AgentError) {
    let relay = EventRelay()
    agent = try AgentClient(connector) { event in
      MainLoop.call { relay.agent?.heard(event) }
    }
    clipboards = SharedClipboards(agent, on: gtk_widget_get_display(view), activities)
    clipboards.sharing = sharing
    drop = FileDrop(on: view, agent, activities)
    let agent = agent
    sizes = sizing.map { AgentSizes($0, agent) }
    drop.onEnd = { [unowned self] line in onNotice?(line) }
    relay.agent = self
  }

  /// The ways that clipboards' contents may take.
  var sharing: ClipboardSharing {
    get { clipboards.sharing }
    set { clipboards.sharing = newValue }
  }

  /// Whether the window has the focus.
  var hasFocus: Bool {
    get { clipboards.hasFocus }
    set { clipboards.hasFocus = newValue }
  }

  /// The guest's input, with the pointer's places by the agent where the guest has no tablet.
  func pointer(_ input: any InputSink) -> AgentPointer { AgentPointer(input, by: agent) }

  /// The user has given the window a size.
  ///
  /// - Returns: whether the agent is the one to be asked for it.
  func follow(_ size: PixelSize) -> Bool { sizes?.follow(size) == true }

  /// Does what is due. Call it once a second.
  func look() {
    if let line = sizes?.look() { onNotice?(line) }
  }

  /// Whether `look` waits for the agent.
  var waits: Bool { sizes?.waits == true }

  /// Ends everything: nothing of the guest's stays in the host's clipboards, and no file on its way.
  func end() {
    onNotice = nil
    onEvent = nil
    // A paste that waits may outlive the window.
    activities.onChange = nil
    drop.end()
    clipboards.end()
    activities.cancelAll()
    agent.close()
  }

  private func heard(_ event: AgentEvent) {
    switch event {
    case .state(.connected): clipboards.connected()
    case .guestClipboard(let selection, let content): clipboards.changed(selection, content)
    default: break
    }
    onEvent?()
  }

  /// Breaks the circle between the agent and who listens to it.
  @MainActor
  private final class EventRelay {
    weak var agent: WindowAgent?
    nonisolated init() {}
  }
}

extension AgentClient {
  /// Why there is no agent, for the person at the window.
  var absence: String {
    if case .unavailable(let reason) = state { reason } else { translated("no agent answers") }
  }
}
