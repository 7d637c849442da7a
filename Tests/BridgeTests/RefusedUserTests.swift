// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import BridgeServer
import Foundation
import LinuxSystem
import TestSupport
import Testing
import VGPUDisplay

@testable import BridgeClient

extension BridgeTests {
  /// A user who may see nothing, and does not want anybody else to either. Real sockets of another
  /// user: root alone can make those.
  @Suite(.serialized, .enabled(if: geteuid() == 0, "only root can be another user"))
  struct RefusedUsers {
    /// Connects over and over, each time with a message that carries the last descriptor of a TCP
    /// connection which lingers for an hour, as its other end does not read.
    private static let lingering = """
      import array, os, resource, socket, struct, sys, threading
      most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
      resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
      listener = socket.socket()
      listener.bind(("127.0.0.1", 0))
      listener.listen(128)
      readers = []
      for index in range(int(sys.argv[2])):
          sender = socket.create_connection(listener.getsockname())
          readers.append(listener.accept()[0])
          sender.setblocking(False)
          try:
              while sender.send(b"x" * 65536): pass
          except BlockingIOError:
              pass
          sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
          bridge = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
          bridge.setblocking(False)
          try:
              bridge.connect(sys.argv[1])
              rights = array.array("i", [sender.fileno()]).tobytes()
              bridge.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
          except OSError:
              pass
          # Where the bridge was faster this is the last one, and lingers here.
          threading.Thread(target=sender.close, daemon=True).start()
          bridge.close()
      print("done", flush=True)
      sys.stdin.read()
      os._exit(0)
      """

    /// Connects over and over, and leaves messages of all kinds.
    private static let busy = """
      import socket, sys
      for index in range(int(sys.argv[2])):
          bridge = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
          bridge.setblocking(False)
          try:
              bridge.connect(sys.argv[1])
              for message in (b"", b"x", b"x" * 4096): bridge.send(message)
          except OSError:
              pass
          bridge.close()
      print("done", flush=True)
      sys.stdin.read()
      """

    /// Runs a script as nobody until it has done its worst, and then something else while it is still
    /// there.
    private func beside(
      _ script: String, on bridge: TestBridge, _ count: Int, _ body: () throws -> Void
    ) throws {
      let process = Process()
      let (input, output) = (Pipe(), Pipe())
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c",
        script,
        bridge.path, "\(count)",
      ]
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      defer {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
      }
      let text = output.fileHandleForReading.availableData
      #expect(String(decoding: text, as: UTF8.self).hasPrefix("done"))
      try body()
    }

    private func expectUnharmed(_ bridge: TestBridge, _ source: BridgeSource) throws {
      let flips = source.counters.flips
      BridgeTests.frame(of: source) { _ in source.counters.flips > flips + 5 }
      for _ in 0..<10 { #expect(try BridgeListing(path: bridge.path).vGPUs.count == 1) }
      // The listening one, and the source's.
      #expect(becomes(2) { socketCount(of: bridge.path) })
    }

    @Test func lingeringSocketsShutNobodyOut() throws {
      let bridge = try TestBridge(framesPerSecond: 100)
      let source = try BridgeSource(path: bridge.path)
      try beside(Self.lingering, on: bridge, 1400) { try expectUnharmed(bridge, source) }
    }

    @Test func manyConnectionsShutNobodyOut() throws {
      let bridge = try TestBridge(framesPerSecond: 100)
      let source = try BridgeSource(path: bridge.path)
      try beside(Self.busy, on: bridge, 5000) { try expectUnharmed(bridge, source) }
    }

    @Test func bridgeEndsThoughLingeringSocketsWait() throws {
      let bridge = try TestBridge()
      try beside(Self.lingering, on: bridge, 8) { bridge.stop() }
      #expect(becomes(0) { socketCount(of: bridge.path) })
    }
  }
}
