// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeServer
import Foundation
import Logging
import VGPUDisplay

/// A bridge in a process of its own, and that process's resources.
final class Bridge {
  let path: String
  private let process = Process()
  private let log: String

  /// - Parameter command: the program and its arguments, without the socket's path.
  init(_ command: [String]) throws {
    path = "/dev/shm/bridge-hostile-\(getpid()).sock"
    log = "/dev/shm/bridge-hostile-\(getpid()).log"
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = command.dropFirst() + [path]
    try Data().write(to: URL(fileURLWithPath: log))
    process.standardError = FileHandle(forWritingAtPath: log)
    try process.run()
    while (try? BridgeListing(path: path)) == nil { usleep(100_000) }
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: log)
  }

  var isRunning: Bool { process.isRunning }

  var descriptors: Int {
    (try? FileManager.default.contentsOfDirectory(
      atPath: "/proc/\(process.processIdentifier)/fd"))?.count ?? 0
  }

  /// The memory of its own (RssAnon), in KiB.
  var memory: Int {
    let status = try? String(
      contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
  }

  /// The bytes that it has written to its log.
  var logged: Int {
    (try? FileManager.default.attributesOfItem(atPath: log)[.size] as? Int) ?? 0
  }

  /// Serves a synthetic guest without limits.
  static func serve(_ path: String) throws {
    var limits = BridgeLimits()
    limits.connectionsPerSecond = 1_000_000_000
    limits.messagesPerSecond = 1_000_000_000
    limits.messagesPerSecondPerUser = 1_000_000_000
    let vGPU = BridgedVGPU(
      identifier: .init(high: 1, low: 1), title: "demo",
      policy: AccessPolicy(allowed: [.user(hostileUser)]),
      source: { DisplaySource(try SyntheticGuest()) })
    let server = try BridgeServer.Bridge(
      BridgeListener(path: path), limits: limits, logger: Logger(label: "bridge"),
      catalogue: { [vGPU] })
    try server.run()
  }
}
