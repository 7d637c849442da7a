// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import GuestInput
import LinuxSystem
import QMP
import TestSupport
import Testing
import VGPUDisplay

@testable import QEMUDisplay

/// QEMU's own display, with real QEMUs and without a guest's operating system.
@Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15)), .onOwnThread) struct RealDisplayTests
{
  @Test(arguments: TestMachine.programs)
  func firmwaresScreenIsShownToThePixel(program: String) async throws {
    let guest = try DisplayGuest(program)
    let source = try await guest.source()
    #expect(source.consoles.count == 1 && source.eventDescriptor != nil)
    let picture = try await guest.expectSamePicture(source) { $0.width == 720 }
    #expect(picture.height == 400)
    // QMP is free: nobody holds its socket.
    let client = try await QMPClient(path: guest.qmp)
    await client.close()
  }

  @Test(arguments: TestMachine.programs)
  func pictureAtRestIsNoNews(program: String) async throws {
    // Its machine never starts: a text mode's cursor would blink.
    let guest = try DisplayGuest(program, ["-S", "-device", "virtio-gpu-pci"])
    let source = try await guest.source()
    try await guest.expectSamePicture(source)
    var polled = pollfd(fd: try #require(source.eventDescriptor), events: Int16(POLLIN), revents: 0)
    // On a busy machine QEMU may send its first picture and pointer one after the other.
    while poll(&polled, 1, 1000) == 1 { _ = source.poll() }
    let queries = source.counters.queries
    try await Task.sleep(for: .seconds(2))
    #expect(poll(&polled, 1, 0) == 0)
    _ = source.poll()
    #expect(source.counters.queries == queries)
  }
}
