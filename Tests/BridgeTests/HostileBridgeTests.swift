// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import DMABuf
import Foundation
import LinuxSystem
import TestSupport
import Testing
import VGPUDisplay

@testable import BridgeClient

extension BridgeTests {
  /// Bridges that break every rule: a viewer says so, and lives.
  @Suite(.serialized) struct HostileBridges {
    /// A socket at which a test answers by itself.
    private final class Impostor {
      let path = TestBridge.path()
      private let listener: OwnedFileDescriptor
      private var client: OwnedFileDescriptor?

      init() throws {
        listener = OwnedFileDescriptor(
          owning: Int32(try SystemCall.make("socket", on: path) { vgpu_packet_socket() }))
        try RawClient.listen(listener, at: path)
      }

      deinit { unlink(path) }

      var hasNewcomer: Bool {
        var entry = pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
      }

      /// Takes the newest connection that waits.
      func accept() {
        var entry = pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 60_000) > 0)
        while true {
          let fd = vgpu_accept(listener.rawValue)
          if fd < 0 { return }
          client = OwnedFileDescriptor(owning: Int32(fd))
        }
      }

      func send(_ bytes: [UInt8], fd: Int32 = -1) {
        guard let socket = client?.rawValue else { return }
        _ = bytes.withUnsafeBytes { RunningKernel().send(socket, $0, fd: fd) }
      }

      func send(_ message: BridgeMessage, serial: UInt32, fd: Int32 = -1) {
        send(ProtocolTests.encode(message, serial), fd: fd)
      }

      /// Says DONE until the socket takes no more.
      ///
      /// - Returns: how often.
      func fill() -> Int {
        guard let socket = client?.rawValue else { return 0 }
        let bytes = ProtocolTests.encode(.done, 0)
        var count = 0
        while bytes.withUnsafeBytes({ RunningKernel().send(socket, $0, fd: -1) }) >= 0 {
          count += 1
        }
        return count
      }

      /// Takes a viewer that has connected, and answers until its first LOOK. HELLO, OPEN and LOOK have
      /// the serial numbers 1, 2 and 3.
      func greet(_ source: BridgeSource) {
        accept()
        send(
          .welcome(Welcome(version: 1, buffers: 64, messagesPerSecond: 100, bytes: 1 << 30)),
          serial: 1)
        send(
          .opened(
            OpenedVGPU(
              identifier: .only, canResize: false, maximumWidth: 0, maximumHeight: 0, name: "bad")),
          serial: 2)
        // Its LOOK goes out, and waits.
        _ = source.poll()
      }
    }

    private func buffer(id: UInt64 = 1) -> BridgeMessage {
      .buffer(
        SharedBuffer(
          id: id, modifier: 0, format: FourCC.xrgb8888.rawValue, width: 64, height: 64, stride: 256,
          size: 64 * 64 * 4))
    }

    private func frame(_ buffer: UInt64) -> BridgeMessage {
      .frame(SharedFrame(buffer: buffer, pointer: nil, flip: 1, detectedAt: .max, lookedAt: 0))
    }

    /// An impostor, and a viewer that waits for its answer to the first LOOK.
    private func opened() throws -> (Impostor, BridgeSource) {
      let impostor = try Impostor()
      let source = BridgeSource(awaiting: impostor.path, vGPU: .only)
      _ = source.poll()
      impostor.greet(source)
      return (impostor, source)
    }

    /// Answers the first LOOK, and tells what the viewer says of that.
    private func reason(_ answer: (Impostor) throws -> Void) throws -> String {
      let (impostor, source) = try opened()
      try answer(impostor)
      for _ in 0..<30_000 {
        switch source.poll() {
        case .noPicture(.waiting(let reason)) where !reason.contains("Waiting for"): return reason
        case .frame(let frame): return "a frame of \(frame.primary.layout)"
        default: usleep(1000)
        }
      }
      return "nothing"
    }

    @Test func whatTheyMaySayIsShown() throws {
      let memory = try DMABuffer.allocate(size: 64 * 64 * 4, name: "good")
      #expect(
        try reason {
          $0.send(buffer(), serial: 3, fd: memory.rawValue)
          $0.send(frame(1), serial: 3)
        } == "a frame of 64x64 XR24 LINEAR")
    }

    /// A later version of the protocol may have more reasons: the text says them.
    @Test func unknownRefusalIsShownByItsText() throws {
      let bytes = ProtocolTests.encode(
        .refused(Refusal(rawValue: 4711), reason: "not on a Sunday"), 3)
      let reason = try reason { $0.send(bytes) }
      #expect(reason.hasSuffix(": not on a Sunday"), "\(reason)")
    }

    @Test func whatTheyMayNotSayEndsThem() throws {
      let name = TestBridge.path()
      do {
        let memory = try DMABuffer.allocate(size: 64 * 64 * 4, name: "good \(name)")
        let small = try DMABuffer.allocate(size: 4096, name: "small \(name)")
        let eventfd = OwnedFileDescriptor(owning: Int32(vgpu_eventfd()))
        let unsealed = OwnedFileDescriptor(
          owning: Int32(RunningKernel().createMemoryFile("unsealed \(name)", flags: 1)))
        _ = RunningKernel().truncate(unsealed.rawValue, length: 64 * 64 * 4)
        let shrinking = unsealed.rawValue
        let wrong = eventfd.rawValue
        let cases: [(String, (Impostor) -> Void)] = [
          ("in a buffer that was not sent", { $0.send(self.frame(1), serial: 3) }),
          ("an answer without a question", { $0.send(self.frame(1), serial: 2) }),
          ("without its descriptor", { $0.send(self.buffer(), serial: 3) }),
          ("a descriptor without a buffer", { $0.send(.done, serial: 3, fd: memory.rawValue) }),
          ("can become shorter", { $0.send(self.buffer(), serial: 3, fd: shrinking) }),
          (
            "in a buffer of 4096 bytes",
            { $0.send(self.buffer(), serial: 3, fd: small.rawValue) }
          ),
          ("neither a dma-buf nor a memory file", { $0.send(self.buffer(), serial: 3, fd: wrong) }),
          (
            "a buffer too many",
            {
              $0.send(self.buffer(), serial: 3, fd: memory.rawValue)
              $0.send(self.buffer(), serial: 3, fd: memory.rawValue)
            }
          ),
          (
            "a buffer too many",
            { impostor in
              for id in UInt64(1)...65 {
                impostor.send(self.buffer(id: id), serial: 3, fd: memory.rawValue)
              }
            }
          ),
          ("unknown type", { $0.send([9, 9, 9, 9, 9, 9, 9, 9]) }),
          ("with 209 bytes", { $0.send([0x85] + [UInt8](repeating: 0, count: 400)) }),
        ]
        for (expected, answer) in cases {
          let reason = try reason(answer)
          #expect(
            expected.split(separator: "|").contains { reason.contains($0) },
            "\(expected): \(reason)")
        }
      }
      #expect(becomes(0) { descriptors(named: name) })
    }

    /// A memory file that takes no memory, whatever its size.
    private func sparse(_ size: Int, _ name: String) throws -> OwnedFileDescriptor {
      let file = OwnedFileDescriptor(
        owning: Int32(
          try SystemCall.make("memfd_create", on: name) {
            RunningKernel().createMemoryFile(name, flags: UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING))
          }))
      let fd = file.rawValue
      try SystemCall.make("ftruncate", on: name) {
        RunningKernel().truncate(fd, length: UInt64(size))
      }
      try SystemCall.make("fcntl", on: name) {
        RunningKernel().fcntl(
          fd, command: vgpu_F_ADD_SEALS, argument: Int(vgpu_F_SEAL_SHRINK))
      }
      return file
    }

    /// The sizes of memory files are what a bridge makes them: their sum is beyond `Int`.
    @Test func hugeBuffersAreRefused() throws {
      let first = try sparse(1 << 62, "first").release()
      let second = try sparse(1 << 62, "second").release()
      defer {
        close(first)
        close(second)
      }
      let reason = try reason {
        $0.send(buffer(id: 1), serial: 3, fd: first)
        $0.send(buffer(id: 2), serial: 3, fd: second)
        $0.send(frame(1), serial: 3)
      }
      #expect(reason.contains("a buffer too many"), "\(reason)")
    }

    /// WELCOME says how many bytes a client may hold: whoever says so is held to it.
    @Test func promisesAreKept() throws {
      let half = try sparse(512 << 20, "half").release()
      defer { close(half) }
      // Impostor.greet() promises 1 GiB.
      for count in 1...3 {
        let reason = try reason { impostor in
          for id in 1...count { impostor.send(buffer(id: UInt64(id)), serial: 3, fd: half) }
          impostor.send(frame(1), serial: 3)
        }
        #expect(
          reason.contains(count <= 2 ? "a frame of 64x64" : "a buffer too many"), "\(reason)")
      }
    }

    /// A poll has a picture to draw: it takes what belongs to an answer and leaves the rest.
    @Test func pollIsOverThoughAnswersKeepComing() throws {
      let (impostor, source) = try opened()
      #expect(impostor.fill() > 32)
      // A poll is over after a time, too, so that one alone may have come to nothing.
      var taken = 0
      for _ in 0..<10 {
        _ = source.poll()
        let more = impostor.fill()
        #expect(more <= BridgeSource.mostInPoll)
        taken += more
      }
      #expect(taken > 0)
    }

    @Test func mutatedAnswersHarmNobody() throws {
      let name = TestBridge.path()
      do {
        let memory = try DMABuffer.allocate(size: 64 * 64 * 4, name: name)
        let corpus = ([buffer(), frame(1)] + ProtocolTests.answers).map {
          ProtocolTests.encode($0, 3)
        }
        var generator = SeededGenerator(seed: 33)
        let impostor = try Impostor()
        let source = BridgeSource(awaiting: impostor.path, vGPU: .only, retryInterval: 0)
        _ = source.poll()
        for _ in 0..<400 {
          impostor.greet(source)
          for _ in 0..<4 {
            impostor.send(
              ProtocolTests.mutate(corpus, &generator),
              fd: Bool.random(using: &generator) ? memory.rawValue : -1)
          }
          _ = source.poll()
          if case .frame(let frame) = source.poll() { _ = try? Picture(copying: frame.primary) }
          impostor.send([0])
          // It comes again when it has closed what it was sent.
          while !impostor.hasNewcomer { _ = source.poll() }
        }
      }
      #expect(becomes(0) { descriptors(named: name) })
    }
  }
}
