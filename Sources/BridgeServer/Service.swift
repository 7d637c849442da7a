// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import CProcess
import HostDevices
public import LinuxSystem
import SystemPackage

/// Messages between systemd and its service.
public enum ServiceManager {
  /// The descriptors that systemd, or another program with the same protocol, has handed over.
  public struct HandedOver: ~Copyable {
    /// The listening socket; `nil` when there is none.
    public var listener: BridgeListener?
    /// Open devices, by the UUIDs that are their names. Close-on-exec; the caller owns them.
    public var devices: [HandedDevice] = []

    init() { listener = nil }
  }

  /// Takes over the descriptors (sd_listen_fds_with_names(3)). A descriptor whose name is a UUID is
  /// that vGPU's device; any other descriptor is the socket. Call it once.
  ///
  /// - Throws: `SystemCallError` when a descriptor is neither, or when there is a second socket.
  public static func handedOver() throws(SystemCallError) -> HandedOver {
    var handedOver = HandedOver()
    guard variable("LISTEN_PID") == "\(getpid())", let text = variable("LISTEN_FDS") else {
      return handedOver
    }
    let names = variable("LISTEN_FDNAMES")
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
    for (index, name) in try Self.names(text, names).enumerated() {
      // The first descriptor comes after standard error (SD_LISTEN_FDS_START).
      let descriptor = OwnedFileDescriptor(owning: Int32(3 + index))
      if let vGPU = MdevUUID(name), vGPU != .only {
        try descriptor.setCloseOnExec(of: "descriptor \(descriptor.rawValue), \(name)")
        handedOver.devices.append(HandedDevice(vGPU: vGPU, descriptor: descriptor.release()))
      } else if handedOver.listener == nil {
        handedOver.listener = try BridgeListener(owning: descriptor)
      } else {
        throw SystemCallError(
          call: "LISTEN_FDNAMES", object: "descriptor \(descriptor.rawValue)",
          errno: .invalidArgument,
          remedy: "the unit must have one socket, and a device's name must be its vGPU's UUID")
      }
    }
    return handedOver
  }

  /// Each descriptor's name; empty for a descriptor without one.
  static func names(_ count: String, _ names: String?) throws(SystemCallError) -> [String] {
    guard let count = Int(count), (0...256).contains(count) else {
      throw SystemCallError(
        call: "LISTEN_FDS", object: count, errno: .invalidArgument,
        remedy: "it must be the number of descriptors, 256 at most")
    }
    guard count > 0, let names else { return Array(repeating: "", count: count) }
    let parts = names.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == count else {
      throw SystemCallError(
        call: "LISTEN_FDNAMES", object: names, errno: .invalidArgument,
        remedy: "it must have a name for each of the \(count) descriptors")
    }
    return parts
  }

  /// Tells systemd the service's state (sd_notify(3)), such as `READY=1`; does nothing without
  /// NOTIFY_SOCKET.
  public static func notify(_ text: String) {
    guard let socket = variable("NOTIFY_SOCKET") else { return }
    // The answer does not matter: without this message the manager starts the service again.
    _ = vgpu_notify(socket, text)
  }

  /// Whether standard error goes to the journal, which reads priorities (sd-daemon(3)).
  public static var hasJournal: Bool { variable("JOURNAL_STREAM") != nil }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}

/// Rights that this process gives up or keeps.
public enum Privileges {
  /// A capability of `<linux/capability.h>`.
  public enum Capability: UInt64, Sendable {
    /// Reads every file and folder; a bridge needs it for other users' `/proc/PID/fd`.
    case readAll = 2
    /// Looks into other users' processes.
    case traceAll = 19
  }

  /// Becomes another user for good (setgroups(2), setresgid(2), setresuid(2), capset(2),
  /// PR_SET_NO_NEW_PRIVS). Call it before there is a second thread, because a second thread would
  /// keep its rights.
  ///
  /// - Parameters:
  ///   - user: the user, with all groups of the user.
  ///   - keeping: the capabilities that stay.
  /// - Throws: `SystemCallError`; the rights that were given up before the error stay given up.
  public static func become(
    _ user: UserDatabase.User, keeping: [Capability]
  ) throws(SystemCallError) {
    let bits = keeping.reduce(UInt64(0)) { $0 | 1 << $1.rawValue }
    let answer = vgpu_become(user.name, user.user, user.group, bits)
    guard answer >= 0 else {
      throw SystemCallError(
        call: "setresuid", object: "user \(user.name)", errno: SystemCall.errno(answer),
        remedy: "run as root, or leave --user out")
    }
  }
}
