// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The host's users and groups.
public enum UserDatabase {
  /// A user as the host knows him.
  public struct User: Hashable, Sendable {
    /// His name.
    public let name: String
    /// His number.
    public let user: UInt32
    /// His own group's number.
    public let group: UInt32
  }

  /// getpwnam_r(3), or getpwuid_r(3) for a number: `nil` when there is no such user.
  public static func user(_ text: String) -> User? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1 << 14) { buffer in
      guard let start = buffer.baseAddress else { return nil }
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      let code =
        if let number = UInt32(text) {
          getpwuid_r(number, &entry, start, buffer.count, &found)
        } else {
          getpwnam_r(text, &entry, start, buffer.count, &found)
        }
      guard code == 0, found != nil, let name = entry.pw_name else { return nil }
      return User(name: String(cString: name), user: entry.pw_uid, group: entry.pw_gid)
    }
  }

  /// getgrnam_r(3): a group's number, `nil` when there is no such group. A number is itself.
  public static func group(_ text: String) -> UInt32? {
    if let number = UInt32(text) { return number }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1 << 16) { buffer in
      guard let start = buffer.baseAddress else { return nil }
      var entry = CLinux.group()
      var found: UnsafeMutablePointer<CLinux.group>?
      guard getgrnam_r(text, &entry, start, buffer.count, &found) == 0, found != nil else {
        return nil
      }
      return entry.gr_gid
    }
  }
}
