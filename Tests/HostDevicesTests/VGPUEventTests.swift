// SPDX-License-Identifier: Apache-2.0

import HostDevices
import TestSupport
import Testing

/// The kernel's announcements of vGPUs.
@Suite struct VGPUEventTests {
  private static let uuid = "c1b2a3d4-1111-4222-8333-444455556666"

  private func event(_ texts: String...) -> VGPUEvent? {
    VGPUEvent(uevent: texts.flatMap { Array($0.utf8) + [0] })
  }

  @Test func vGPUsComeAndGo() throws {
    let uuid = try #require(MdevUUID(Self.uuid))
    let path = "/devices/virtual/mbochs/mbochs/\(Self.uuid)"
    #expect(
      event("add@\(path)", "ACTION=add", "DEVPATH=\(path)", "SUBSYSTEM=mdev", "SEQNUM=7")
        == .added(uuid))
    #expect(event("remove@\(path)", "SUBSYSTEM=mdev") == .removed(uuid))
    // Other actions, other devices, and what is no message at all.
    #expect(event("bind@\(path)", "SUBSYSTEM=mdev") == nil)
    #expect(event("add@\(path)", "SUBSYSTEM=vfio") == nil)
    #expect(event("add@\(path)") == nil)
    #expect(event("add@/devices/pci0000:00", "SUBSYSTEM=mdev") == nil)
    #expect(event("libudev", "SUBSYSTEM=mdev") == nil)
    #expect(event() == nil)
    #expect(event("@", "SUBSYSTEM=mdev") == nil)
  }

  @Test func anyBytesAreRead() {
    var generator = SeededGenerator(seed: 14)
    let path = "add@/devices/virtual/mbochs/mbochs/\(Self.uuid)"
    let corpus = Array(path.utf8) + [0] + Array("SUBSYSTEM=mdev".utf8) + [0]
    for _ in 0..<20_000 {
      var bytes = corpus
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = .random(
          in: .min ... .max, using: &generator)
      }
      _ = VGPUEvent(uevent: bytes.prefix(.random(in: 0...bytes.count, using: &generator)))
    }
  }

  /// Anybody may listen, and an iteration ends with its task.
  @Test(.timeLimit(.minutes(15))) func cancelledTaskEndsIt() async throws {
    let events = try VGPUEvents()
    let task = Task {
      var count = 0
      for await _ in events { count += 1 }
      return count
    }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    #expect(await task.value == 0)
  }
}
