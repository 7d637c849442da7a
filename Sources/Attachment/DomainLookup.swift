// SPDX-License-Identifier: Apache-2.0

import HostDevices
import Libvirt
import LinuxSystem
import Synchronization

/// A running domain of libvirt's, and its vGPUs.
struct RunningDomain: Sendable {
  let name: String
  let uri: String
  let uuid: String
  /// Those that may be vGPUs: mdevs, and PCI functions that are GPUs. In the order of its XML.
  var vGPUs: [AssignedDevice]
}

/// Asks libvirt about a domain: at once, or on a thread of its own, so that the thread that draws
/// never waits for a daemon.
final class DomainLookup: Sendable {
  typealias Answer = Result<RunningDomain, AttachmentError>

  private let name: String
  private let uri: String?
  private let host: HostHardware
  private let state = Mutex(State())

  private struct State {
    var domain: LibvirtDomain?
    var isAsking = false
    var answer: Answer?
    var last: RunningDomain?
  }

  init(name: String, of daemon: LibvirtDaemon?, on host: HostHardware) {
    self.name = name
    self.host = host
    uri = daemon?.uri
  }

  /// Asks now, and waits for the answer.
  ///
  /// - Throws: `AttachmentError.libvirt`.
  func ask() throws(AttachmentError) -> RunningDomain {
    do throws(LibvirtError) {
      let domain = try domain()
      guard LibvirtURI.isLocal(domain.uri) else { throw .otherHost(uri: domain.uri) }
      // Nobody needs to wait for a domain without a vGPU.
      let devices = try domain.devices()
      let vGPUs = host.possibleVGPUs(among: devices)
      if vGPUs.isEmpty {
        let functions = devices.compactMap {
          if case .pci(let address) = $0 { address } else { nil }
        }
        throw functions.isEmpty
          ? .noMediatedDevice(name: domain.name, uri: domain.uri)
          : .onlyFunctions(functions, name: domain.name, uri: domain.uri)
      }
      if try !domain.isRunning() {
        throw .notRunning(name: domain.name, uri: domain.uri)
      }
      let running = RunningDomain(
        name: domain.name, uri: domain.uri, uuid: domain.uuid, vGPUs: vGPUs)
      state.withLock { $0.last = running }
      return running
    } catch {
      throw .libvirt(error)
    }
  }

  /// Begins to ask, unless a question is under way.
  func begin() {
    let begins = state.withLock { state in
      if state.isAsking { return false }
      state.isAsking = true
      return true
    }
    guard begins else { return }
    do {
      try SystemThread.detach(for: "libvirt domain \(name)") { self.run() }
    } catch {
      // There was no thread this time; the next call tries again.
      state.withLock { $0.isAsking = false }
    }
  }

  /// The domain as it last ran.
  var lastDomain: RunningDomain? { state.withLock { $0.last } }

  /// Whether `take` would return an answer.
  var isAnswered: Bool { state.withLock { $0.answer != nil } }

  /// The answer to `begin`. Each answer is returned once.
  func take() -> Answer? {
    state.withLock { state in
      defer { state.answer = nil }
      return state.answer
    }
  }

  private func run() {
    let answer: Answer
    do {
      answer = .success(try ask())
    } catch {
      answer = .failure(error)
    }
    state.withLock { state in
      state.isAsking = false
      state.answer = answer
    }
  }

  /// Opened once: a `LibvirtDomain` finds its domain again by itself.
  private func domain() throws(LibvirtError) -> LibvirtDomain {
    if let domain = state.withLock(\.domain) { return domain }
    let domain = try LibvirtDomain.open(name: name, uri: uri)
    state.withLock { $0.domain = domain }
    return domain
  }
}
