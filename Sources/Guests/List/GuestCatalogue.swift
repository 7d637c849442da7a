// SPDX-License-Identifier: Apache-2.0

import BridgeClient
package import HostDevices
package import Libvirt
import LinuxSystem
import Synchronization

/// The guests that can be looked at, kept up to date on threads of its own: nobody waits for libvirt or a
/// bridge, and one that does not answer keeps nothing of the others back.
package final class GuestCatalogue: Sendable {
  /// How far a look goes.
  package enum Extent: Hashable, Sendable {
    /// vGPUs, processes and domains: cheap enough for every few seconds.
    case usual
    /// Bridges too, and vGPUs that survive reboots, for which mdevctl is started.
    case everything
  }

  private enum Source: Hashable {
    case host
    case stopped
    case domains(Int)
    case bridges
  }

  private struct State {
    var survey = GuestSurvey()
    var domains: [Int: Result<[ListedDomain], LibvirtError>] = [:]
    /// Those that are asked now.
    var asked: Set<Source> = []
    /// Those to be asked once more after that.
    var again: Set<Source> = []
    var answered: Set<Source> = []
  }

  private let host: HostHardware
  private let libvirt: [DomainListing]
  private let bridges: @Sendable () -> [String]
  private let onChange: @Sendable () -> Void
  private let state = Mutex(State())

  /// - Parameters:
  ///   - host: the vGPUs and processes to look at.
  ///   - bridges: the paths of bridges' sockets, asked before each look.
  ///   - onChange: called after each look, on any thread: `guests` may have changed.
  package init(
    on host: HostHardware = HostHardware(),
    bridges: @escaping @Sendable () -> [String] = { KnownTargets.bridges },
    onChange: @escaping @Sendable () -> Void
  ) {
    self.host = host
    self.bridges = bridges
    self.onChange = onChange
    libvirt = LibvirtDomain.usersOwnURIs.filter(LibvirtURI.isLocal).map(DomainListing.init)
  }

  /// The guests, as far as is known now.
  package var guests: [ListedGuest] { state.withLock(\.survey).guests }

  /// Whether everyone has answered once, so that an empty list means that there is nothing.
  package var isComplete: Bool {
    let all = [.host, .stopped, .bridges] + libvirt.indices.map { Source.domains($0) }
    return state.withLock { $0.answered.isSuperset(of: all) }
  }

  /// Begins a look. One that is under way is followed by another one.
  package func look(_ extent: Extent) {
    ask(.host)
    for index in libvirt.indices { ask(.domains(index)) }
    guard extent == .everything else { return }
    ask(.stopped)
    ask(.bridges)
  }

  /// Looks again whenever a vGPU comes or goes, until the task is cancelled.
  package func follow() async {
    guard let events = try? VGPUEvents() else { return }
    for await _ in events { look(.everything) }
  }

  /// Starts a domain, and looks again. Blocks until libvirt has started it.
  ///
  /// - Throws: `LibvirtError`.
  package func start(_ domain: ListedGuest.Startable) throws(LibvirtError) {
    guard let index = libvirt.firstIndex(where: { $0.uri == domain.uri }) else { return }
    try libvirt[index].start(uuid: domain.uuid)
    look(.usual)
  }

  // MARK: Looks

  private func ask(_ source: Source) {
    let begins = state.withLock { state in
      if state.asked.insert(source).inserted { return true }
      state.again.insert(source)
      return false
    }
    guard begins else { return }
    do {
      try SystemThread.detach(for: "a look at the guests") { self.run(source) }
    } catch {
      // There was no thread this time; the next look tries again.
      state.withLock { _ = $0.asked.remove(source) }
    }
  }

  private func run(_ source: Source) {
    var isOver = false
    while !isOver {
      let put = look(at: source)
      isOver = state.withLock { state in
        put(&state)
        state.answered.insert(source)
        if state.again.remove(source) != nil { return false }
        state.asked.remove(source)
        return true
      }
      onChange()
    }
  }

  /// Asks one source.
  ///
  /// - Returns: puts the answer where it belongs.
  private func look(at source: Source) -> (inout State) -> Void {
    var found = GuestSurvey()
    switch source {
    case .host:
      found.look(on: host)
      return { [found] state in
        state.survey.vGPUs = found.vGPUs
        state.survey.processes = found.processes
      }
    case .stopped:
      found.lookForStopped(on: host)
      return { [found] state in state.survey.stopped = found.stopped }
    case .domains(let index):
      let answer = Result { () throws(LibvirtError) in try libvirt[index].domains() }
      return { [libvirt] state in
        state.domains[index] = answer
        state.survey.domains = state.domains.sorted { $0.key < $1.key }.map {
          (libvirt[$0.key].uri, $0.value)
        }
      }
    case .bridges:
      let answers = bridges().map { path in
        (path, Result { () throws(BridgeError) in try BridgeListing(path: path) })
      }
      return { state in state.survey.bridges = answers }
    }
  }
}
