// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage
import Testing

@testable import BridgeServer
@testable import LinuxSystem

/// What a bridge is started with.
@Suite struct ServiceTests {
  @Test func eachDescriptorHasAName() throws {
    #expect(try ServiceManager.names("2", "a:b") == ["a", "b"])
    #expect(try ServiceManager.names("3", "a::") == ["a", "", ""])
    #expect(try ServiceManager.names("1", nil) == [""])
    #expect(try ServiceManager.names("0", "") == [])
  }

  @Test(
    arguments: [
      ("2", "a"), ("1", "a:b"), ("-1", nil), ("x", nil), ("", nil), ("257", nil),
      ("99999999999999999999", nil),
    ] as [(String, String?)])
  func countsThatMakeNoSenseAreRefused(count: String, names: String?) {
    let error = #expect(throws: SystemCallError.self) {
      try ServiceManager.names(count, names)
    }
    #expect(error?.remedy != nil)
  }

  @Test(arguments: [
    ("/no/such/folder/bridge.sock", "make it"), ("/dev/null/bridge.sock", "make it"),
    ("/proc/bridge.sock", "its folder"),
    ("/tmp/" + String(repeating: "x", count: 200), "107 bytes"),
  ])
  func socketThatCannotBeMadeHasARemedy(path: String, remedy: String) {
    let error = #expect(throws: SystemCallError.self) { _ = try BridgeListener(path: path) }
    #expect(error?.description.contains(remedy) == true, "\(error?.description ?? "")")
  }

  /// A service that says that there is too little room is asked again with more.
  @Test func usersWithLongEntriesAreFound() throws {
    func found(_ answers: @escaping (Int) -> Int32) throws(SystemCallError) -> UInt32? {
      try UserDatabase.find("getgrnam", "group") { (entry, _, size, found) in
        let code = answers(size)
        if code == 0 { found.pointee = entry }
        return code
      } read: { (_: passwd) in
        UInt32(7)
      }
    }
    #expect(try found { $0 < 1 << 20 ? ERANGE : 0 } == 7)
    #expect(try found { _ in ENOENT } == nil)
    // It ends, and it is no "there is none".
    for code in [ERANGE, EIO, EMFILE, ENOMEM, EAGAIN] {
      let error = #expect(throws: SystemCallError.self) { _ = try found { _ in code } }
      #expect(error?.errno.rawValue == code)
    }
    #expect(try UserDatabase.user(0)?.name == "root")
    #expect(try UserDatabase.user("root")?.user == 0)
    #expect(try UserDatabase.user("nobody-of-this-name") == nil)
    #expect(try UserDatabase.group("nobody-of-this-name") == nil)
    #expect(try UserDatabase.group("root") == 0)
  }
}
