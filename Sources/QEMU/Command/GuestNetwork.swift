// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// The network of a guest.
@nonexhaustive
public enum GuestNetwork: Hashable, Sendable {
  /// QEMU's own address translation: the guest reaches the network, but nothing reaches the guest.
  /// It needs no rights.
  case user
  /// A TAP interface of the host: the existing interface with this name. For `nil` QEMU makes one
  /// and passes it to `/etc/qemu-ifup`, and must be root.
  case tap(String?)
  /// No network.
  case none

  /// Checks that this user may use the network.
  ///
  /// - Parameter root: the folder that contains `sys` and `dev`.
  /// - Throws: `QEMUError.host`.
  public func check(root: String = "") throws(QEMUError) {
    guard case .tap(let name) = self else { return }
    guard access("\(root)/dev/net/tun", R_OK | W_OK) == 0 else {
      throw .host(
        "/dev/net/tun", reason: "cannot be opened; load the module (modprobe tun), or run as root")
    }
    guard let name else {
      guard geteuid() == 0 else {
        throw .noRights(
          "network tap",
          reason: """
            making an interface needs root; make one for your user (ip tuntap add dev tap0 mode tap \
            user NAME) and name it: tap:tap0
            """)
      }
      guard access("\(root)/etc/qemu-ifup", X_OK) == 0 else {
        throw .missing(
          "/etc/qemu-ifup",
          reason: """
            no such program, and QEMU runs it for a new interface; name an existing interface with \
            tap:NAME
            """)
      }
      return
    }
    // Only TUN and TAP interfaces have this file.
    guard access("\(root)/sys/class/net/\(name)/tun_flags", F_OK) == 0 else {
      let exists = FileTree.exists("\(root)/sys/class/net/\(name)")
      let reason = """
        \(exists ? "is no TAP interface" : "no such network interface"); make one: ip tuntap add \
        dev \(exists ? "tap0" : name) mode tap user NAME, and add it to your bridge
        """
      throw exists ? .host(name, reason: reason) : .missing(name, reason: reason)
    }
  }
}

extension GuestNetwork: LosslessStringConvertible {
  /// Reads `user`, `tap`, `tap:NAME` or `none`; `nil` for anything else, and for a name that no
  /// interface can have.
  public init?(_ text: String) {
    switch text {
    case "user": self = .user
    case "tap": self = .tap(nil)
    case "none": self = .none
    default:
      guard text.hasPrefix("tap:") else { return nil }
      let name = text.dropFirst(4)
      // IFNAMSIZ is 16, including the zero byte at the end.
      let isName = name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x2F && $0 != 0x3A }
      guard (1...15).contains(name.utf8.count), isName, name != ".", name != ".." else {
        return nil
      }
      self = .tap(String(name))
    }
  }

  /// The text that `init(_:)` reads.
  public var description: String {
    switch self {
    case .user: "user"
    case .tap(nil): "tap"
    case .tap(let name?): "tap:\(name)"
    case .none: "none"
    }
  }
}
