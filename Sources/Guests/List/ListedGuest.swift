// SPDX-License-Identifier: Apache-2.0

package import Attachment
import SafeText

/// A guest in a list of all that can be looked at. Its texts are one line each, and safe to show.
package struct ListedGuest: Hashable, Sendable {
  /// What names it.
  package enum Kind: Hashable, Sendable {
    /// A vGPU of this host, perhaps with the process that has it.
    case vGPU
    /// A domain of libvirt's, with its process and its vGPUs.
    case domain
    /// A process without a domain and without a vGPU of a known name.
    case process
    /// A vGPU that a bridge shows.
    case bridge
  }

  /// Whether there is something to look at.
  package enum State: Hashable, Sendable {
    /// A process runs it.
    case running
    /// Nothing runs it now.
    case off
    /// A vGPU that survives reboots, and that the host has not made yet.
    case notStarted
    /// Whoever knows of it does not answer.
    case unreachable
  }

  /// What happens when it is opened.
  package enum Opening: Hashable, Sendable {
    /// A provider shows its screen; the text is the provider's name.
    case shown(by: String)
    /// The window waits until it runs; the text is the reason.
    case waits(String)
    /// It cannot be opened; the text is the error: object, cause, remedy.
    case refused(String)
  }

  /// What tells it from the others of a list, from one look to the next.
  package let name: String
  /// The target that opens it; `nil` for something that cannot be named, such as a daemon that does not
  /// answer.
  package let target: Target?
  /// The guest's own name, or else its vGPU's.
  package let title: String
  /// What names it.
  package let kind: Kind
  /// Whether there is something to look at.
  package let state: State
  /// Where it is: a connection of libvirt's, a vGPU's type, a process.
  package let place: String
  /// What happens when it is opened.
  package let opening: Opening
  /// The domain that libvirt can start now; `nil` for all others.
  package let startable: Startable?

  /// A domain that does not run.
  package struct Startable: Hashable, Sendable {
    /// The connection that knows it.
    package let uri: String
    /// Its UUID.
    package let uuid: String
  }

  init(
    name: String? = nil, _ target: Target?, title: String, _ kind: Kind, _ state: State,
    place: String, _ opening: Opening, startable: Startable? = nil
  ) {
    self.name = name ?? target.map { "\($0)" } ?? title
    self.target = target
    self.title = PlainText.line(title, limit: Self.longestTitle)
    self.kind = kind
    self.state = state
    self.place = PlainText.line(place, limit: Self.longestTitle)
    self.opening = opening.plain
    self.startable = startable
  }

  private static let longestTitle = 256
}

extension ListedGuest.Opening {
  fileprivate var plain: Self {
    switch self {
    case .shown(let provider): .shown(by: PlainText.line(provider))
    case .waits(let reason): .waits(PlainText.line(reason))
    case .refused(let reason): .refused(PlainText.line(reason))
    }
  }
}
