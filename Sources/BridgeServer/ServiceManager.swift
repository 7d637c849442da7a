// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// What systemd tells a service, and the service systemd.
public enum ServiceManager {
  /// The listening socket that systemd has handed over (sd_listen_fds(3)); `nil` when there is none.
  ///
  /// - Throws: `SystemCallError` when it is not one of a bridge's, or there are several.
  public static func listener() throws(SystemCallError) -> BridgeListener? {
    guard variable("LISTEN_PID") == "\(getpid())", let count = variable("LISTEN_FDS") else {
      return nil
    }
    unsetenv("LISTEN_PID")
    unsetenv("LISTEN_FDS")
    guard count == "1" else {
      throw SystemCallError(
        call: "LISTEN_FDS", object: count, errno: .invalidArgument,
        remedy: "the unit must have one socket")
    }
    // The first after standard error (SD_LISTEN_FDS_START).
    return try BridgeListener(owning: OwnedFileDescriptor(owning: 3))
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
