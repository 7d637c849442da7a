// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

@testable import BridgeServer

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
}
