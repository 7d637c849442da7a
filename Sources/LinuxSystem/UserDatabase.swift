// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// The host's users and groups.
public enum UserDatabase {
  /// A user of the host.
  public struct User: Hashable, Sendable {
    /// The user's name.
    public let name: String
    /// The user's number.
    public let user: UInt32
    /// The number of the user's own group.
    public let group: UInt32
  }

  /// A user by name (getpwnam_r(3)) or, in digits, by number; `nil` when the host has no such user.
  ///
  /// - Throws: `SystemCallError` when the host cannot tell, for example because a directory service
  ///   does not answer.
  public static func user(_ text: String) throws(SystemCallError) -> User? {
    if let number = UInt32(text) { return try user(number) }
    return try find("getpwnam", text) { entry, buffer, size, found in
      getpwnam_r(text, entry, buffer, size, found)
    } read: {
      User($0)
    }
  }

  /// A user by number (getpwuid_r(3)); `nil` when the host has no such user.
  ///
  /// - Throws: `SystemCallError` when the host cannot tell.
  public static func user(_ number: UInt32) throws(SystemCallError) -> User? {
    try find("getpwuid", "user \(number)") { entry, buffer, size, found in
      getpwuid_r(number, entry, buffer, size, found)
    } read: {
      User($0)
    }
  }

  /// A group's number by its name (getgrnam_r(3)); `nil` when the host has no such group. Digits
  /// count as the number itself.
  ///
  /// - Throws: `SystemCallError` when the host cannot tell.
  public static func group(_ text: String) throws(SystemCallError) -> UInt32? {
    if let number = UInt32(text) { return number }
    return try find("getgrnam", text) { entry, buffer, size, found in
      getgrnam_r(text, entry, buffer, size, found)
    } read: { (entry: CLinux.group) in
      entry.gr_gid
    }
  }

  /// A call that fills in an entry and puts its texts into a buffer. It returns zero or an errno.
  typealias Call<Entry> = (
    UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int,
    UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
  ) -> Int32

  /// Room for an entry's texts, in bytes: the first is enough for nearly all entries, the last for
  /// a group of a million members.
  private static let room = (first: 1 << 12, most: 1 << 26)

  /// Makes a call with as much room as its answer needs.
  static func find<Entry: BitwiseCopyable, Found>(
    _ name: String, _ object: String, _ call: Call<Entry>, read: (Entry) -> Found?
  ) throws(SystemCallError) -> Found? {
    var room = Self.room.first
    while true {
      let (code, result) = withUnsafeTemporaryAllocation(of: Entry.self, capacity: 1) { entry in
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { buffer -> (Int32, Found?) in
          guard let entry = entry.baseAddress, let start = buffer.baseAddress else {
            return (ENOMEM, nil)
          }
          var found: UnsafeMutablePointer<Entry>?
          let code = call(entry, start, room, &found)
          return (code, found.flatMap { read($0.pointee) })
        }
      }
      switch code {
      // Some services answer an unknown name with one of these errors (getpwnam(3)).
      case 0, ENOENT, ESRCH: return result
      case EINTR: continue
      case ERANGE where room < Self.room.most: room *= 2
      default: throw SystemCallError(call: name, object: object, errno: Errno(rawValue: code))
      }
    }
  }
}

extension UserDatabase.User {
  fileprivate init?(_ entry: passwd) {
    guard let name = entry.pw_name else { return nil }
    self.init(name: String(cString: name), user: entry.pw_uid, group: entry.pw_gid)
  }
}
