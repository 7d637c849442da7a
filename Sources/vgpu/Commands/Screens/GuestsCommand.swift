// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Guests
import HostChanges
import HostDevices
import LinuxSystem
import SafeText
import ViewerGTK

struct GuestsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guests",
    abstract: "Show a list of the guests in a window, to open them.",
    discussion: """
      The list has the vGPUs of this host, the domains of libvirt, running QEMUs, and what the bridge of \
      this host shows. A domain, its QEMU and its vGPU are one entry. Each entry tells whether the guest \
      runs, and who shows its screen or why nobody can.

      An entry opens in a window of its own (`vgpu view`), which stays when you close the list. An entry \
      that does not run opens in a window that waits for the guest.

      Keys:
        Enter         open the guest
        Menu          show its actions; one of them starts a domain
        Ctrl+N        make a vGPU, of a type that you choose (polkit asks you)
        letters       search; Ctrl+F searches too
        F5            look again
        Escape        end the search, then close the list (also Ctrl+Q)
      """)

  func run() throws {
    // Commands run on the main thread, which ArgumentParser's signature does not say.
    try MainActor.assumeIsolated { try GuestsRun().run() }
  }
}

/// The list's window, what it shows, and what it starts.
@MainActor
private final class GuestsRun {
  private let link: Link
  private let catalogue: GuestCatalogue
  private let window: GuestListWindow
  private let viewers: ViewerProcesses
  /// By the list's ids.
  private var guests: [String: ListedGuest] = [:]
  /// The domains that are being started.
  private var starting: Set<ListedGuest.Startable> = []

  init() throws {
    let link = Link()
    self.link = link
    catalogue = GuestCatalogue { link.call { $0.refresh() } }
    viewers = ViewerProcesses { error in link.call { $0.window.tell(error, isError: true) } }
    window = try GuestListWindow(
      GuestListWindow.Actions(
        open: { id in link.run?.open(id) }, start: { id in link.run?.start(id) },
        demo: { link.run?.view("demo") }, make: { link.run?.offerTypes() },
        look: { isAsked in link.run?.catalogue.look(isAsked ? .everything : .usual) }))
    link.run = self
  }

  func run() {
    let following = Task { [catalogue] in await catalogue.follow() }
    window.run()
    following.cancel()
  }

  private func refresh() {
    let list = catalogue.guests
    guests = Dictionary(list.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    // Some bridge may show two vGPUs under one name.
    var told: Set<String> = []
    window.show(
      list.filter { told.insert($0.name).inserted }.map { guest in
        GuestListItem(guest, isStarting: guest.startable.map(starting.contains) == true)
      },
      isComplete: catalogue.isComplete)
  }

  private func open(_ id: String) {
    guard let target = guests[id]?.target else { return }
    view("\(target)")
  }

  private func view(_ target: String) {
    do {
      if try !viewers.open(target) {
        window.tell(translated("%1$s: a window shows it already", target), isError: false)
      }
    } catch {
      window.tell("\(target): \(error)", isError: true)
    }
  }

  private func start(_ id: String) {
    guard let domain = guests[id]?.startable, starting.insert(domain).inserted else { return }
    refresh()
    away("the start of a domain") { [catalogue] in
      try catalogue.start(domain)
    } then: { run, _ in
      run.starting.remove(domain)
      run.refresh()
    }
  }

  // MARK: New vGPUs

  /// Lets the user choose a type of vGPU.
  private func offerTypes() {
    away("the types of vGPU") {
      // How many virtual functions there will be is decided once, for all of them.
      try HostHardware().offeredTypes().filter { $0.kind != .sriov }
    } then: { run, types in
      guard let types else { return }
      if types.isEmpty {
        let reason = translated(
          "No GPU of this machine offers virtual GPUs. “vgpu doctor” tells what is missing.")
        return run.window.tell(reason, isError: false)
      }
      run.window.offer(
        types.map { type in
          GuestListChoice(
            label: Self.label(type), isPossible: type.type.availableInstances != 0
          ) { [weak run] in run?.make(type) }
        })
    }
  }

  private static func label(_ offered: OfferedType) -> String {
    let type = offered.type
    // The ids of GVT-g's types end in their names.
    let name = type.name.flatMap { type.id.hasSuffix($0) ? nil : $0 }
    let what = PlainText.line([type.id, name].compactMap(\.self).joined(separator: ", "))
    guard let left = type.availableInstances else {
      return translated("%1$s on %2$s", what, type.parent)
    }
    return translated("%1$s on %2$s, %3$s left", what, type.parent, "\(left)")
  }

  private func make(_ offered: OfferedType) {
    let (type, parent) = (offered.type.id, offered.type.parent)
    let change: HostChange =
      offered.kind == .mdev
      ? .createMdev(type: type, parent: parent) : .createFunctions(type: type, parent: parent)
    away("a new vGPU") {
      try change.carryOut(asking: .installed)
    } then: { run, outcome in
      guard let made = outcome?.made.first else { return }
      run.window.tell(translated("Made the virtual GPU %1$s", "\(made)"), isError: false)
      run.catalogue.look(.usual)
    }
  }

  /// Does something on a thread of its own, and tells the user when it fails.
  private func away<Value: Sendable>(
    _ name: String, _ work: @escaping @Sendable () throws -> Value,
    then: @escaping @MainActor @Sendable (GuestsRun, Value?) -> Void
  ) {
    let done: @Sendable (Result<Value, any Error>) -> Void = { [link] result in
      link.call { run in
        then(run, try? result.get())
        if case .failure(let error) = result { run.window.tell("\(error)", isError: true) }
      }
    }
    do {
      try SystemThread.detach(for: name) { done(Result { try work() }) }
    } catch {
      done(.failure(error))
    }
  }

  /// Leads from other threads, and from the window, to the run.
  private final class Link: Sendable {
    @MainActor weak var run: GuestsRun?

    func call(_ body: @escaping @MainActor @Sendable (GuestsRun) -> Void) {
      Task { @MainActor in if let run { body(run) } }
    }
  }
}

extension GuestListItem {
  /// - Parameter isStarting: whether libvirt starts it now.
  init(_ guest: ListedGuest, isStarting: Bool) {
    let how: String?
    var obstacle: String?
    switch guest.opening {
    case .shown(let provider): how = guest.state == .running ? provider : nil
    case .waits: how = nil
    case .refused(let reason):
      how = nil
      obstacle = reason
    }
    self.init(
      id: guest.name, icon: Self.icon(guest), title: guest.title,
      detail: [guest.place, how].compactMap(\.self).joined(separator: " · "),
      state: isStarting ? translated("Starting") : Self.word(guest.state), obstacle: obstacle,
      canStart: guest.startable != nil && !isStarting,
      target: guest.target.map { PlainText.line("\($0)") })
  }

  private static func word(_ state: ListedGuest.State) -> String {
    switch state {
    case .running: translated("Running")
    case .off: translated("Off", context: "guest")
    case .notStarted: translated("Not started")
    case .unreachable: translated("Unreachable")
    }
  }

  private static func icon(_ guest: ListedGuest) -> String {
    if guest.state == .unreachable { return "network-error-symbolic" }
    return switch guest.kind {
    case .vGPU: "video-display-symbolic"
    case .domain: "computer-symbolic"
    case .process: "application-x-executable-symbolic"
    case .bridge: "network-server-symbolic"
    }
  }
}
