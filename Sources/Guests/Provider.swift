// SPDX-License-Identifier: Apache-2.0

/// The functions of a guest. Each function has a table of providers, best first.
@nonexhaustive
public enum GuestFunction: String, CaseIterable, Hashable, Codable, Sendable {
  /// Its picture, for a window, a screenshot, a bridge.
  case screen
  /// The firmware's picture, before the guest's own driver shows one.
  case bootScreen = "boot-screen"
  /// Keyboard and pointer.
  case input
  /// The size of its screen: another monitor.
  case size
  /// What is copied in the guest and pasted on the host, and the other way.
  case clipboard
  /// Files of the host's, sent to the guest.
  case files
  /// What it plays.
  case sound
  /// What it hears when the user lets it.
  case microphone
  /// Its power button, reset, and end.
  case power
  /// The host's devices, given to the guest while it runs.
  case hotplug
}

/// A way to one of a guest's functions: an entry of that function's table. For a new way, add a
/// type and put it into the table.
protocol Provider: Sendable {
  /// An identifier for programs.
  var id: String { get }

  /// Its name for people.
  var title: String { get }

  /// Why it does not serve this guest; `nil` when it does, as far as is known. A fact that nobody
  /// has looked at is no obstacle.
  func obstacle(_ facts: GuestFacts) -> Obstacle?
}

/// The choice among a function's providers. It is made only here.
struct Choice<Candidate> {
  /// The best provider that serves the guest.
  let chosen: Candidate?
  /// The better providers, and why they do not serve it.
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

  /// Why no provider serves the function: the obstacle that says most.
  var refusal: Obstacle? {
    guard chosen == nil else { return nil }
    return passedOver.map(\.obstacle).last { !$0.isOfTarget } ?? passedOver.last?.obstacle
  }
}

/// A function of a guest, the provider that serves it, and why not a better one.
public struct FunctionOffer: Sendable {
  /// The description of a provider.
  public struct Candidate: Hashable, Codable, Sendable {
    /// An identifier for programs.
    public let id: String
    /// Its name for people.
    public let title: String
  }

  /// A better provider, and why it does not serve the guest.
  public struct PassedOver: Sendable {
    /// The provider.
    public let candidate: Candidate
    /// Why the provider does not serve the guest.
    public let obstacle: Obstacle
  }

  /// The function.
  public let function: GuestFunction
  /// The provider that serves it; `nil` when none does.
  public let provider: Candidate?
  /// The better providers, best first; all providers when none serves it.
  public let passedOver: [PassedOver]

  /// The entries that interest a person: obstacles that were found at the guest. Leaves out
  /// providers that only serve other kinds of targets.
  public var worthTelling: [PassedOver] {
    var told: Set<String> = []
    // Providers of one kind, such as those of QMP, have the same obstacle.
    let found = passedOver.filter {
      !$0.obstacle.isOfTarget && told.insert("\($0.obstacle)").inserted
    }
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
  static let screens: [any ScreenProvider] = {
    #if GIO
      [VFIOScreen(), BridgeScreen(), MachineBridgeScreen(), DisplayScreen(), SyntheticScreen()]
    #else
      [VFIOScreen(), BridgeScreen(), MachineBridgeScreen(), SyntheticScreen()]
    #endif
  }()
  static let bootScreens: [any BootScreenProvider] = {
    #if GIO
      [DisplayBootScreen(), ScreendumpBootScreen()]
    #else
      [ScreendumpBootScreen()]
    #endif
  }()
  static let sizes: [any SizeProvider] = {
    #if GIO
      [EDIDRegion(), BridgeSize(), MachineBridgeSize(), DisplaySize(), AgentSize()]
    #else
      [EDIDRegion(), BridgeSize(), MachineBridgeSize(), AgentSize()]
    #endif
  }()
  /// The providers of keyboard and pointer that come with a screen.
  static let inputs: [any Provider] = {
    #if GIO
      [DisplayInput()]
    #else
      []
    #endif
  }()
  /// The providers of what a guest plays and records.
  static let sounds: [any Provider] = {
    #if GIO
      [DisplaySoundProvider()]
    #else
      []
    #endif
  }()
  /// The providers of QMP, for input, power and hot-plug.
  static let controls: [any ControlProvider] = [NamedSocket(), LibvirtQMP(), ProcessQMP()]

  /// The providers of the guest's agent, for clipboards, files and sizes.
  static let agents: [any AgentProvider] = [NamedAgent(), LibvirtAgent(), ProcessAgent()]

  /// The table of a function.
  static func table(of function: GuestFunction) -> [any Provider] {
    switch function {
    case .screen: screens
    case .bootScreen: bootScreens
    case .size: sizes
    case .input: inputs + controls
    case .clipboard, .files: agents
    case .sound, .microphone: sounds
    case .power, .hotplug: controls
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

  func choice(among candidates: [any AgentProvider]) -> Choice<any AgentProvider> {
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
