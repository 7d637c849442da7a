// SPDX-License-Identifier: Apache-2.0

/// What a guest offers: each function has a table of providers, best first.
@nonexhaustive
public enum GuestFunction: String, CaseIterable, Hashable, Codable, Sendable {
  /// Its picture, for a window, a screenshot, a bridge.
  case screen
  /// The firmware's picture, before the guest's own driver shows one.
  case bootScreen
  /// Keyboard and pointer.
  case input
  /// The size of its screen: another monitor.
  case size
  /// Its power button, reset, and end.
  case power
  /// Devices of the host's, given to it while it runs.
  case hotplug
}

/// A way to one of a guest's functions: an entry of that function's table. A new way is a new type, and
/// its place in the table.
protocol Provider: Sendable {
  /// A word for programs.
  var id: String { get }

  /// What it is, as a person reads it.
  var title: String { get }

  /// Why it does not serve this guest; `nil` where it does, as far as is known: what was not looked at
  /// is no obstacle.
  func obstacle(_ facts: GuestFacts) -> Obstacle?
}

/// The choice among a function's providers: the one place where it is made.
struct Choice<Candidate> {
  /// The best that serves the guest.
  let chosen: Candidate?
  /// The better ones, and why not.
  let passedOver: [(candidate: Candidate, obstacle: Obstacle)]

  /// - Parameter candidates: best first.
  init(among candidates: [Candidate], _ obstacle: (Candidate) -> Obstacle?) {
    var passedOver: [(Candidate, Obstacle)] = []
    var chosen: Candidate?
    for candidate in candidates {
      guard let obstacle = obstacle(candidate) else {
        chosen = candidate
        break
      }
      passedOver.append((candidate, obstacle))
    }
    self.chosen = chosen
    self.passedOver = passedOver
  }

  /// Why the function is not offered, where it is not: the obstacle that says most.
  var refusal: Obstacle? {
    guard chosen == nil else { return nil }
    return passedOver.map(\.obstacle).last { !$0.isOfTarget } ?? passedOver.last?.obstacle
  }
}

/// A function of a guest, the provider that serves it, and why not a better one.
public struct FunctionOffer: Sendable {
  /// A provider as it is told of.
  public struct Candidate: Hashable, Codable, Sendable {
    /// A word for programs.
    public let id: String
    /// What it is, as a person reads it.
    public let title: String
  }

  /// A better provider, and why it does not serve the guest.
  public struct PassedOver: Sendable {
    /// The provider.
    public let candidate: Candidate
    /// Why not.
    public let obstacle: Obstacle
  }

  /// Which function.
  public let function: GuestFunction
  /// Who serves it; `nil` where nobody does.
  public let provider: Candidate?
  /// The better ones, best first; all where nobody serves it.
  public let passedOver: [PassedOver]

  /// Those that a person wants to read of: what was found, and not that other kinds of targets have
  /// other providers.
  public var worthTelling: [PassedOver] {
    let found = passedOver.filter { !$0.obstacle.isOfTarget }
    return found.isEmpty && provider == nil ? Array(passedOver.suffix(1)) : found
  }

  init(_ function: GuestFunction, _ choice: Choice<any Provider>) {
    func candidate(_ provider: any Provider) -> Candidate {
      Candidate(id: provider.id, title: provider.title)
    }
    self.function = function
    provider = choice.chosen.map(candidate)
    passedOver = choice.passedOver.map {
      PassedOver(candidate: candidate($0.candidate), obstacle: $0.obstacle)
    }
  }
}

/// The tables of providers, best first.
enum Providers {
  static let screens: [any ScreenProvider] = [VFIOScreen(), BridgeScreen(), SyntheticScreen()]
  static let bootScreens: [any BootScreenProvider] = [ScreendumpBootScreen()]
  static let sizes: [any SizeProvider] = [EDIDRegion(), BridgeSize()]
  /// Who reaches QMP, for input, power and hot-plug.
  static let controls: [any ControlProvider] = [NamedSocket(), LibvirtQMP(), ProcessQMP()]

  /// The table of a function.
  static func table(of function: GuestFunction) -> [any Provider] {
    switch function {
    case .screen: screens
    case .bootScreen: bootScreens
    case .size: sizes
    case .input, .power, .hotplug: controls
    }
  }
}

extension GuestFacts {
  func choice(among candidates: [any ScreenProvider]) -> Choice<any ScreenProvider> {
    Choice(among: candidates) { $0.obstacle(self) }
  }

  func choice(among candidates: [any ControlProvider]) -> Choice<any ControlProvider> {
    Choice(among: candidates) { $0.obstacle(self) }
  }

  func choice(among candidates: [any SizeProvider]) -> Choice<any SizeProvider> {
    Choice(among: candidates) { $0.obstacle(self) }
  }

  func choice(among candidates: [any BootScreenProvider]) -> Choice<any BootScreenProvider> {
    Choice(among: candidates) { $0.obstacle(self) }
  }

  /// What the guest offers.
  public var offers: [FunctionOffer] {
    GuestFunction.allCases.map { function in
      FunctionOffer(
        function, Choice(among: Providers.table(of: function)) { $0.obstacle(self) })
    }
  }
}
