// SPDX-License-Identifier: Apache-2.0

import GuestInput
import QMP
import TestSupport
import Testing

@testable import GuestControl

@Suite(.timeLimit(.minutes(15))) struct KeyNameTests {
  @Test func keycodesOfTheWindowSystemCountFromEight() {
    #expect(Keycode(xkb: 38)?.rawValue == 30)
    #expect(Keycode(xkb: 8) == nil)
    #expect(Keycode(xkb: .max) == nil)
  }

  @Test func namesDiffer() {
    #expect(Set(Keycode.names.values).count == Keycode.names.count)
  }

  @Test func keysWithoutNameHaveNone() {
    for code in [0, 84, 85, 90, 95, 112, 150, 240, 0x2FF] as [UInt16] {
      #expect(Keycode(rawValue: code).qKeyCode == nil)
    }
  }

  /// Row by row as keycodemapdb has it, which QEMU's own tables are made of.
  @Test func namesAreTheDatabases() throws {
    let rows = try KeyTable().rows
    #expect(rows.count > 500)
    // Second names of the keys that are `kp_multiply` and `print`, and no key at all.
    let leftOut: Set = ["asterisk", "sysrq", "unmapped"]
    for row in rows where row.qKeyCode.map(leftOut.contains) != true {
      guard let name = row.qKeyCode else { continue }
      #expect(
        Keycode(rawValue: row.number).qKeyCode == name, "\(row.linuxName ?? "") \(row.number)")
    }
    let known = Set(rows.filter { $0.qKeyCode != nil }.map(\.number))
    let more = Keycode.names.filter { !known.contains($0.key) }
    // Debian's database is older than these.
    #expect(more.values.allSatisfy(Self.isLate))
    for (number, name) in more {
      #expect(rows.first { $0.number == number }?.linuxName == "KEY_\(name.uppercased())")
    }
  }

  /// Every name is QEMU's, and QEMU has no other key.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs) func namesAreTheSchemas(
    _ program: String
  ) async throws {
    let machine = try TestMachine(program)
    let client = try await QMPClient(path: machine.path)
    guard case .array(let schema) = try await client.execute("query-qmp-schema") else {
      Issue.record("no schema")
      return
    }
    let lists = schema.compactMap { entry -> Set<String>? in
      guard entry["meta-type"] == "enum", case .array(let values)? = entry["values"] else {
        return nil
      }
      return Set(values.compactMap { if case .string(let name) = $0 { name } else { nil } })
    }
    let all = try #require(lists.first { $0.isSuperset(of: ["ret", "meta_l", "kp_enter"]) })
    let ours = Set(Keycode.names.values)
    // These came with QEMU 8.
    let late = Set((13...24).map { "f\($0)" })
    #expect(ours.subtracting(all).isSubset(of: late))
    #expect(client.version.major < 8 || ours.isSubset(of: all))
    #expect(all.subtracting(ours) == ["unmapped", "asterisk", "sysrq"])
  }

  /// All keys, once each, with a QEMU that does not know all of them: none takes another with it.
  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs) func everyKeyArrives(
    _ program: String
  ) async throws {
    let machine = try TestMachine(program)
    let client = try await QMPClient(path: machine.path)
    let version = client.version
    await client.close()
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    let names = Keycode.names.sorted { $0.key < $1.key }
    var wanted: [String] = []
    // Not more at once than wait without loss.
    for start in stride(from: 0, to: names.count, by: 50) {
      for (code, name) in names[start..<min(start + 50, names.count)] {
        control.send(.key(Keycode(rawValue: code), down: true))
        control.send(.key(Keycode(rawValue: code), down: false))
        if version.major >= 8 || !Self.isLate(name) {
          wanted += ["key \(name) 1", "key \(name) 0"]
        }
      }
      try await eventually { machine.input.filter { $0 != "sync" }.count >= wanted.count }
    }
    #expect(machine.input.filter { $0 != "sync" } == wanted)
    await control.close()
  }

  private static func isLate(_ name: String) -> Bool {
    name.firstMatch(of: /^f(1[3-9]|2[0-4])$/) != nil
  }
}

extension GuestController {
  var isReady: Bool { if case .ready = state { true } else { false } }

  var reason: String? { if case .viewOnly(let reason) = state { reason } else { nil } }
}
