// SPDX-License-Identifier: Apache-2.0

package import Attachment
import Dispatch
import Glibc
package import HostDevices
import Libvirt
import LinuxSystem
import Synchronization
import VFIO

/// A target that somebody can look at now.
package struct KnownTarget: Hashable, Sendable {
  /// The target.
  package let target: Target
  /// What it is, in some words.
  package let note: String
}

/// The targets that this user can name now, for menus and for completion in a shell. A list that cannot
/// be had is empty. Nothing is opened for writing, started or changed.
package enum KnownTargets {
  /// The host's vGPUs.
  package static func vGPUs(on host: HostHardware = HostHardware()) -> [KnownTarget] {
    ((try? host.vGPUDevices()) ?? []).map { device in
      let parent =
        switch device {
        case .mdev(let device): device.parent
        case .pci(let device): "\(device.function.physicalFunction ?? device.address)"
        }
      return KnownTarget(target: Target(device.name), note: "\(device.label) on \(parent)")
    }
  }

  /// The processes that have a VFIO device, as far as this user may see.
  package static func processes() -> [KnownTarget] {
    let pids = ((try? FileTree.names(in: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
    return pids.compactMap { pid in
      guard let process = try? RunningProcess(pid),
        let descriptors = try? ProcessDevices.descriptors(of: process),
        descriptors.contains(where: \.isDevice), let report = ProcessReport(process)
      else { return nil }
      return KnownTarget(target: .process(pid), note: report.program)
    }
  }

  /// The sockets where bridges serve as a rule, as far as they exist.
  package static var bridges: [String] {
    let own = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) + "/vgpu" }
    return ["/run/vgpu", own].compactMap(\.self).map { "\($0)/bridge.sock" }.filter(FileTree.exists)
  }

  /// The domains of libvirt's daemons. With `LIBVIRT_AUTOSTART=0` in the environment, no daemon is
  /// started.
  ///
  /// - Parameters:
  ///   - daemon: whose domains; `nil` for those that need no daemon's name.
  ///   - time: how long the daemons may take to answer. A thread that waits longer stays behind.
  package static func domains(
    of daemon: LibvirtDaemon? = nil, within time: Duration
  ) -> [KnownTarget] {
    let search = DomainSearch(daemon)
    guard (try? SystemThread.detach(for: "domains", search.run)) != nil else { return [] }
    return search.found(within: time)
  }
}

private final class DomainSearch: Sendable {
  private let daemon: LibvirtDaemon?
  private let domains = Mutex<[KnownTarget]>([])
  private let isOver = DispatchSemaphore(value: 0)

  init(_ daemon: LibvirtDaemon?) { self.daemon = daemon }

  @Sendable func run() {
    for uri in daemon.map({ [$0.uri] }) ?? LibvirtDomain.usersOwnURIs {
      for name in (try? LibvirtDomain.names(at: uri)) ?? [] {
        let target = Target.libvirt(name: name, of: daemon)
        domains.withLock { domains in
          // When two connections have a domain of this name, the first one's is meant.
          if domains.contains(where: { $0.target == target }) { return }
          domains.append(KnownTarget(target: target, note: "domain of \(uri)"))
        }
      }
    }
    isOver.signal()
  }

  func found(within time: Duration) -> [KnownTarget] {
    let (seconds, attoseconds) = time.components
    _ = isOver.wait(
      timeout: .now() + Double(seconds) + Double(attoseconds) / 1_000_000_000_000_000_000)
    return domains.withLock(\.self)
  }
}
