// SPDX-License-Identifier: Apache-2.0

import GuestSession
import HostDevices
import QEMU
import SystemPackage
import TestSupport
import Testing

/// Guests with sound, described only.
@Suite struct SoundPlanTests {
  private func describe(
    _ plan: GuestPlan, hasDBusSound: Bool = true
  ) throws -> (guest: GuestConfiguration, notices: [String]) {
    let program = QEMUProgram(
      path: "/no/qemu", version: "", takesDescriptors: true, hasDBusDisplay: true,
      hasDBusSound: hasDBusSound, virtioGPUs: [.plain])
    var notices: [String] = []
    let host = HostHardware(root: FilePath(try SysfsTree().root))
    let guest = try plan.configuration(for: program, host: host) { notice in
      switch notice {
      case .supposed, .noSound: notices.append("\(notice)")
      default: break
      }
    }
    return (guest, notices)
  }

  /// The words that are about sound.
  private func words(_ guest: GuestConfiguration) -> [String] {
    guest.arguments(.opensGroup).filter { word in
      ["sound0", "hda", "p2p"].contains { word.contains($0) }
    }
  }

  @Test func everyGuestThatIsShownHasIt() throws {
    for plan in [GuestPlan(), GuestPlan(vGPU: .made(type: "mbochs-small"))] {
      let (guest, _) = try describe(plan)
      #expect(
        words(guest) == [
          "dbus,id=sound0,timer-period=5000", "dbus,p2p=yes,audiodev=sound0", "ich9-intel-hda",
          "hda-duplex,audiodev=sound0",
        ])
      var silent = plan
      silent.hasSound = false
      #expect(words(try describe(silent).guest) == ["dbus,p2p=yes"])
    }
    // A GPU's own monitor has no window that would play it.
    var whole = GuestPlan(profile: .igd)
    #expect(try !describe(whole).guest.hasSound)
    whole.hasSound = true
    let error = #expect(throws: GuestError.self) { try describe(whole) }
    guard case .unsuitable? = error else { return #expect(Bool(false)) }
  }

  @Test func aQEMUWithoutItIsSaid() throws {
    var plan = GuestPlan()
    var (guest, notices) = try describe(plan, hasDBusSound: false)
    #expect(!guest.hasSound && notices.contains { $0.contains("gets no sound") })
    plan.hasSound = false
    (guest, notices) = try describe(plan, hasDBusSound: false)
    #expect(!guest.hasSound && notices.isEmpty)
    plan.hasSound = true
    (guest, notices) = try describe(plan, hasDBusSound: false)
    #expect(guest.hasSound && notices.contains { $0.contains("-audiodev dbus") })
  }

  /// Real QEMUs: 7.2 has the module, and would die of a listener.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func programsAreAsked(path: String) throws {
    let program = try QEMUProgram.probe(path)
    #expect(program.hasDBusSound == !program.version.contains("version 7."))
  }
}
