// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import BridgeServer
import Foundation
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

/// A second implementation of the protocol, in another language: Examples/Python/bridge_client.py.
@Suite(.serialized) struct ExampleClientTests {
  private static let program = CLibraries.package.appendingPathComponent(
    "Examples/Python/bridge_client.py"
  ).path

  private func run(_ arguments: String...) throws -> (code: Int32, text: String) {
    try Program.run(["/usr/bin/python3", Self.program] + arguments)
  }

  /// The picture that it saves.
  private func save(_ bridge: TestBridge, looks: Int = 1) throws -> (picture: Picture, text: String)
  {
    let file = "/tmp/bridge-client-\(UUID().uuidString).ppm"
    defer { unlink(file) }
    let end = try run(bridge.path, "\(TestBridge.identifiers[0])", file, "\(looks)")
    try #require(end.code == 0, "\(end.text)")
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    let header = Array("P6\n64 64\n255\n".utf8)
    try #require(bytes.starts(with: header))
    return (
      try #require(Picture(width: 64, height: 64, rgb: Array(bytes.dropFirst(header.count)))),
      end.text
    )
  }

  private func expect(_ picture: Picture, shows frame: UInt32) {
    var wrong = 0
    for y in 0..<64 {
      for x in 0..<64
      where picture.color(x: x, y: y) != TestBridge.pattern.color(x: x, y: y, frame: frame) {
        wrong += 1
      }
    }
    #expect(wrong == 0)
  }

  @Test func everyPixelCrosses() throws {
    let bridge = try TestBridge()
    expect(try save(bridge).picture, shows: 0)
  }

  @Test func regionCrosses() throws {
    let guest = try RegionGuest(TestBridge.pattern)
    try guest.draw(5)
    let bridge = try TestBridge(region: guest)
    expect(try save(bridge).picture, shows: 5)
  }

  /// More buffers than a client may hold at once.
  @Test func buffersAreReleased() throws {
    var limits = BridgeLimits()
    limits.buffersPerClient = 4
    let bridge = try TestBridge(framesPerSecond: 60, limits: limits)
    #expect(try save(bridge, looks: 120).text == "pictures: 120, absences: 0, connections: 1\n")
  }

  @Test func bridgeThatIsStartedAgain() throws {
    let path = TestBridge.path()
    let first = try TestBridge(path: path)
    let file = "/tmp/bridge-client-\(UUID().uuidString).ppm"
    defer { unlink(file) }
    let client = Process()
    let output = Pipe()
    client.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    client.arguments = [Self.program, path, "\(TestBridge.identifiers[0])", file, "120"]
    client.standardOutput = output
    try client.run()
    // A connection that was not answered yet counts as none.
    while try BridgeListing(path: path).vGPUs.first.map({ $0.looks == 0 }) ?? true {
      usleep(10_000)
    }
    first.stop()
    let second = try TestBridge(path: path)
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    client.waitUntilExit()
    #expect(client.terminationStatus == 0)
    #expect(text == "pictures: 120, absences: 1, connections: 2\n")
    _ = second
  }

  @Test func listAndRefusals() throws {
    let bridge = try TestBridge(guests: 3)
    let list = try run(bridge.path)
    #expect(list.code == 0)
    #expect(
      list.text
        == TestBridge.identifiers.prefix(3).enumerated().map {
          "\($0.element) guest \($0.offset + 1)\n".lowercased()
        }.joined())
    let nobody = try run("/tmp/there is none.sock")
    #expect(nobody.code == 1)
  }
}
