// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The connections that a user has without naming one.
public enum LibvirtURI {
  /// The user's own guests.
  public static let session = "qemu:///session"
  /// The machine's guests.
  public static let system = "qemu:///system"

  /// Where a domain is looked for, in this order; see `LibvirtDomain.open`.
  static var usersOwn: [String] {
    if let named = getenv("LIBVIRT_DEFAULT_URI").map({ String(cString: $0) }), !named.isEmpty {
      return [named]
    }
    return geteuid() == 0 ? [system] : [session, system]
  }

  /// Whether the guests of a connection are on this machine: a URI that names no host.
  public static func isLocal(_ uri: String) -> Bool {
    guard let colon = uri.firstIndex(of: ":") else { return false }
    let rest = uri[uri.index(after: colon)...]
    return rest.hasPrefix("///") || !rest.hasPrefix("//")
  }
}
