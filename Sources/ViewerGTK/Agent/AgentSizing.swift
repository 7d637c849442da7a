// SPDX-License-Identifier: Apache-2.0

import GuestAgent
public import VGPUDisplay

/// The size of a guest's screen by the guest's agent, for a guest whose screen has no better provider of
/// sizes.
public struct AgentSizing: Sendable {
  let fixed: PixelSize?
  let isDue: @MainActor @Sendable () -> Bool

  /// - Parameters:
  ///   - fixed: the size that the guest shall have, in pixels; `nil` for that of the window, each time that
  ///     the user has given the window another one.
  ///   - isDue: whether the agent is now the one to be asked; else `ViewerOptions.onMonitor` is. It is called
  ///     once a second while the picture moves, and for each size of the window, and must not wait.
  public init(fixed: PixelSize? = nil, isDue: @escaping @MainActor @Sendable () -> Bool) {
    self.fixed = fixed
    self.isDue = isDue
  }
}

/// Asks a guest's agent for sizes, when it is the one to be asked.
@MainActor
final class AgentSizes {
  private let sizing: AgentSizing
  private let agent: AgentClient
  private var isFixedAsked = false
  /// The looks since then at an agent that is not there.
  private var looks = 0

  /// How many looks an agent may take to be there, of one a second.
  private static let patience = 15

  init(_ sizing: AgentSizing, _ agent: AgentClient) {
    self.sizing = sizing
    self.agent = agent
  }

  /// The user has given the window a size.
  ///
  /// - Returns: whether the agent is the one to be asked.
  func follow(_ size: PixelSize) -> Bool {
    guard sizing.isDue() else { return false }
    if sizing.fixed == nil { ask(size) }
    return true
  }

  /// Asks for the fixed size, once. Call it once a second.
  ///
  /// - Returns: a line for a person when the guest keeps its size.
  func look() -> String? {
    guard let fixed = sizing.fixed, sizing.isDue() else { return nil }
    if !isFixedAsked {
      isFixedAsked = true
      ask(fixed)
    }
    guard looks <= Self.patience else { return nil }
    looks = agent.state.capabilities == nil ? looks + 1 : 0
    guard looks > Self.patience else { return nil }
    return translated("The guest keeps its resolution: %1$s", agent.absence)
  }

  /// Whether a look may still find the agent, or miss it.
  var waits: Bool { sizing.fixed != nil && looks > 0 && looks <= Self.patience }

  /// Asks for one monitor. An agent that comes later is asked then.
  private func ask(_ size: PixelSize) {
    agent.setMonitors([
      AgentMonitor(width: UInt32(clamping: size.width), height: UInt32(clamping: size.height))
    ])
  }
}
