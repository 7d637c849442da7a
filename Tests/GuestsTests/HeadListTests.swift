// SPDX-License-Identifier: Apache-2.0

import Attachment
import Foundation
import TestSupport
import Testing
import VGPUDisplay

@testable import Guests

/// The heads of a guest that QEMU itself shows, asked for while the firmware draws on one of them.
@Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15)), .onOwnThread) struct HeadListTests {
  @Test(arguments: TestMachine.programs) func eachHeadHasItsSize(program: String) throws {
    let machine = try TestMachine(
      program, hasFirmware: true,
      ["-display", "dbus,p2p=yes", "-device", "VGA,id=first", "-device", "bochs-display,id=second"])
    for head in [0, 1, 0] {
      var heads: [ScreenHead] = []
      // Sizes are waited for as long as a person waits, and a busy machine takes longer.
      for _ in 0..<30 {
        heads = try Guest(.qmp(machine.path), head: head).heads()
        #expect(heads.map(\.number) == [0, 1])
        #expect(heads.map(\.device) == ["first", "second"])
        if heads.allSatisfy({ $0.size != nil }) { break }
      }
      #expect(heads.allSatisfy { ($0.size?.width ?? 0) > 0 && ($0.size?.height ?? 0) > 0 })
      #expect(machine.isRunning)
    }
  }

  @Test func aGuestThatIsNotThereIsAnError() {
    #expect(throws: (any Error).self) { try Guest(.qmp("/nowhere")).heads() }
  }
}
