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

  /// A user by his name (getpwnam_r(3)) or, in digits, his number: `nil` when there is no such user.
  public static func user(_ text: String) -> User? {
    if let number = UInt32(text) { return user(number) }
    return find { getpwnam_r(text, $0, $1, $2, $3) }
  }

  /// A user by his number (getpwuid_r(3)): `nil` when there is no such user.
  public static func user(_ number: UInt32) -> User? {
    find { getpwuid_r(number, $0, $1, $2, $3) }
  }

  private static func find(
    _ call: (
      UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32
  ) -> User? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1 << 14) { buffer in
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      guard let start = buffer.baseAddress,
        call(&entry, start, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
      else { return nil }
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
