// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import CLinux
import CProcess
import HostDevices
public import LinuxSystem
import SystemPackage

/// What systemd tells a service, and the service systemd.
public enum ServiceManager {
  /// The descriptors that systemd, or whoever else speaks as it does, has handed over.
  public struct HandedOver: ~Copyable {
    /// The listening socket; `nil` when there is none.
    public var listener: BridgeListener?
    /// Open devices, by the UUIDs that are their names. Close-on-exec; whoever asked owns them.
    public var devices: [(vGPU: VGPUIdentifier, descriptor: Int32)] = []

    init() { listener = nil }
  }

  /// What was handed over (sd_listen_fds_with_names(3)): a descriptor whose name is a UUID is of that
  /// vGPU's device, any other is the socket. To be asked once.
  ///
  /// - Throws: `SystemCallError` when there is something else among them, or a second socket.
  public static func handedOver() throws(SystemCallError) -> HandedOver {
    var handedOver = HandedOver()
    guard variable("LISTEN_PID") == "\(getpid())", let text = variable("LISTEN_FDS") else {
      return handedOver
    }
    let names = variable("LISTEN_FDNAMES")
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) }
    for (index, name) in try Self.names(text, names).enumerated() {
      // From the first after standard error on (SD_LISTEN_FDS_START).
      let descriptor = OwnedFileDescriptor(owning: Int32(3 + index))
      if let vGPU = VGPUIdentifier(name), vGPU != .only {
        try descriptor.setCloseOnExec(of: "descriptor \(descriptor.rawValue), \(name)")
        handedOver.devices.append((vGPU, descriptor.release()))
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

  /// Each descriptor's name, empty where it has none.
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

  /// Tells systemd how the service is (sd_notify(3)), such as `READY=1`; nothing where nobody asked.
  public static func notify(_ text: String) {
    guard let socket = variable("NOTIFY_SOCKET") else { return }
    // Without an answer: a service that could not tell is started again by the manager's timeout.
    _ = vgpu_notify(socket, text)
  }

  /// Whether standard error goes to the journal, which understands priorities (`sd-daemon(3)`).
  public static var hasJournal: Bool { variable("JOURNAL_STREAM") != nil }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}

/// What a process may do that others may not.
public enum Privileges {
  /// A capability of `<linux/capability.h>`.
  public enum Capability: UInt64, Sendable {
    /// Reads every file and folder; of a bridge, other users' `/proc/PID/fd`.
    case readAll = 2
    /// Looks into other users' processes.
    case traceAll = 19
  }

  /// Becomes another user for good (setgroups(2), setresgid(2), setresuid(2), capset(2),
  /// PR_SET_NO_NEW_PRIVS). To be called before there is a second thread, which would keep what it
  /// had.
  ///
  /// - Parameters:
  ///   - user: whom, with all groups that he is in.
  ///   - keeping: the capabilities that stay.
  /// - Throws: `SystemCallError`; what was given up until then is gone.
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
