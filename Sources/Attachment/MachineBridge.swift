// SPDX-License-Identifier: Apache-2.0

package import BridgeClient
import Glibc
package import HostDevices
import LinuxSystem
import VGPUDisplay

/// The machine's display bridge (`vgpu-bridge.socket`): the way to a vGPU whose process this user may
/// not look into.
package struct MachineBridge: Sendable {
  /// The path of its socket, there or not.
  package let path: String
  private let host: HostHardware

  private static let place = "/run/vgpu/bridge.sock"
  /// How long it may take to accept, and to answer, in nanoseconds. systemd may have to start it.
  private static let patience: UInt64 = 3_000_000_000
  /// The time between two attempts to connect in the polls, in nanoseconds: a user whom it refuses must not
  /// bother it.
  private static let retryInterval: UInt64 = 5_000_000_000
  /// How long it may take to look at a guest for the first time.
  private static let firstLook = Duration.milliseconds(500)

  /// The bridge of a host.
  package init(of host: HostHardware) {
    path = host.sysfs.location(Self.place)
    self.host = host
  }

  /// Whether its socket is there. systemd has it open also while no bridge runs.
  package var isThere: Bool { FileTree.exists(path) }

  /// What it shows to this user; waits for its answers. `nil` when it is not there.
  package func listing() -> Result<BridgeListing, BridgeError>? {
    guard isThere else { return nil }
    do {
      return .success(try BridgeListing(path: path, patience: Self.patience))
    } catch {
      return .failure(error)
    }
  }

  /// Whether it shows a guest on a vGPU to this user; waits for its answers.
  package func hasGuest(_ vGPU: MdevUUID) -> Bool { source(of: vGPU) != nil }

  /// The frames of a vGPU that has a guest; waits for the bridge's answers.
  ///
  /// - Returns: `nil` when it is not there, does not show the vGPU to this user, or knows of no guest.
  func source(of vGPU: MdevUUID) -> BridgeSource? {
    guard isThere,
      let source = try? BridgeSource(path: path, vGPU: vGPU, patience: Self.patience)
    else { return nil }
    let start = MonotonicInstant.now
    repeat {
      _ = source.poll()
      if source.hasGuest == true { return source }
      SystemThread.sleep(for: .milliseconds(10))
    } while start.duration(to: .now) < Self.firstLook
    return nil
  }

  /// The same without a wait: the source connects in its polls, and may have no guest.
  func laterSource(of vGPU: MdevUUID) -> BridgeSource {
    BridgeSource(awaiting: path, vGPU: vGPU, retryInterval: Self.retryInterval)
  }

  /// What this user can do to see a guest by it, in the imperative; `nil` when nothing is known.
  package var advice: String? {
    if isThere {
      return Self.isMember
        ? nil
        : """
        join group vfio, to whose members the machine's bridge shows guests \
        (`sudo usermod -aG vfio $USER`, then log in again)
        """
    }
    let folders = ["/etc", "/usr/local/lib", "/usr/lib", "/lib"]
    let isInstalled = folders.contains {
      FileTree.exists(host.sysfs.location("\($0)/systemd/system/vgpu-bridge.socket"))
    }
    return isInstalled
      ? """
      start the machine's bridge, which shows it to members of group vfio: \
      `sudo systemctl enable --now vgpu-bridge.socket`
      """
      : nil
  }

  /// Whether this user is in the group that the bridge's unit names.
  private static var isMember: Bool {
    guard let group = try? UserDatabase.group("vfio") else { return false }
    var groups = [gid_t](repeating: 0, count: max(Int(getgroups(0, nil)), 0))
    let count = getgroups(Int32(groups.count), &groups)
    return group == getegid() || groups.prefix(max(Int(count), 0)).contains(group)
  }
}
