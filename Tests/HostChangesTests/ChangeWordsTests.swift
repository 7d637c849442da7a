// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PersistentDevices
import TestSupport
import Testing

@testable import HostChanges

/// The words that go to the helper, which anybody may call.
@Suite struct ChangeWordsTests {
  private static let uuid = MdevUUID(high: 0x1122_3344_5566_7788, low: 0x99aa_bbcc_ddee_ff00)
  private static let address = PCIAddress(bus: 3, device: 2, function: 1)
  private static let other = PCIAddress(domain: 0x10000, bus: 3, device: 2, function: 1)

  private static func changes() throws -> [(HostChange, String)] {
    let (address, other) = (try #require(address), try #require(other))
    let id = "11223344-5566-7788-99aa-bbccddeeff00"
    return [
      (.createMdev(type: "i915-GVTg_V5_4", uuid: uuid), "create type=i915-GVTg_V5_4 uuid=\(id)"),
      (
        .createMdev(type: "a b", parent: "0000:00:02.0", uuid: uuid, kept: .manual),
        "create type=a b|parent=0000:00:02.0 uuid=\(id) kept=manual"
      ),
      (.createMdev(type: "x=y", uuid: uuid, kept: .auto), "create type=x=y uuid=\(id) kept=auto"),
      (.createFunctions(type: "sriov"), "create type=sriov count=1"),
      (
        .createFunctions(type: "nvidia-558", parent: "0000:41:00.0", count: 256),
        "create type=nvidia-558 parent=0000:41:00.0 count=256"
      ),
      (.start(uuid), "start uuid=\(id)"),
      (.remove(.mdev(uuid)), "remove device=mdev:\(id)"),
      (.remove(.mdev(uuid), isKept: true), "remove device=mdev:\(id) kept=yes"),
      (.remove(.pci(address)), "remove device=pci:0000:03:02.1"),
      (
        .bind([address, other], driver: "vfio-pci"),
        "bind driver=vfio-pci address=0000:03:02.1 address=10000:03:02.1"
      ),
      (
        .bind([address], driver: "nvgrace-gpu-vfio-pci", isKept: true),
        "bind driver=nvgrace-gpu-vfio-pci kept=yes address=0000:03:02.1"
      ),
      (.unbind([address]), "unbind address=0000:03:02.1"),
      (.restore(nil), "restore"),
      (.restore(nil, isKept: true), "restore kept=yes"),
      (.restore([address, other]), "restore address=0000:03:02.1 address=10000:03:02.1"),
    ]
  }

  /// One word a line; a type's id may have a blank in it.
  private static func words(_ line: String) -> [String] {
    line.split(separator: "|").enumerated().flatMap { index, part in
      index == 0 && line.contains("|")
        ? ["create", String(part.dropFirst("create ".count))]
        : part.split(separator: " ").map(String.init)
    }
  }

  @Test func everyChangeGoesThere() throws {
    for (change, line) in try Self.changes() {
      let words = ChangeWords(change).words
      #expect(words == Self.words(line))
      #expect(try ChangeWords.change(in: words) == change)
    }
  }

  /// polkit tells changes apart by the first word, so each has its action.
  @Test func everyVerbHasItsAction() throws {
    let policy = try String(
      contentsOf: CLibraries.package.appendingPathComponent("System/vgpu.policy"), encoding: .utf8)
    let actions = policy.matches(of: /<action id="io\.github\.swift_vgpu\.vgpu\.([a-z]+)">/)
      .map { String($0.1) }
    let verbs = policy.matches(of: /policykit\.exec\.argv1">([a-z]+)</).map { String($0.1) }
    #expect(actions == verbs)
    #expect(Set(verbs) == Set(ChangeWords.Verb.allCases.map(\.rawValue)))
    #expect(!policy.contains(">yes<"), "nothing is allowed unasked")
    #expect(policy.matches(of: /<allow_any>auth_admin</).count == verbs.count)
  }

  @Test(arguments: [
    "", "make", "create", "create type=x", "create uuid=11223344-5566-7788-99aa-bbccddeeff00",
    "create type= count=1", "create type=a/b count=1", "create type=.. count=1",
    "create type=x count=0", "create type=x count=257", "create type=x count=+1",
    "create type=x count=01", "create type=x count=1 count=1", "create type=x count=1 kept=auto",
    "create type=x count=1 uuid=11223344-5566-7788-99aa-bbccddeeff00",
    "create type=x uuid=11223344-5566-7788-99aa-bbccddeeff0",
    "create type=x uuid=11223344-5566-7788-99AA-BBCCDDEEFF00",
    "create type=x uuid=11223344-5566-7788-99aa-bbccddeeff00 kept=yes",
    "create type=x uuid=11223344-5566-7788-99aa-bbccddeeff00 address=0000:03:02.1",
    "create type=x parent=../.. count=1", "create type=\u{1b} count=1", "create type=ä count=1",
    "start", "start uuid=x", "start uuid=11223344-5566-7788-99aa-bbccddeeff00 kept=yes",
    "remove", "remove device=11223344-5566-7788-99aa-bbccddeeff00",
    "remove device=mdev:0000:03:02.1", "remove device=sriov:0000:03:02.1",
    "remove device=pci:11223344-5566-7788-99aa-bbccddeeff00", "remove device=pci:03:02.1",
    "remove device=pci:0000:03:02.1 kept=yes", "remove device=pci:0000:03:02.1 --force",
    "bind", "bind driver=vfio-pci", "bind address=0000:03:02.1",
    "bind driver=xhci_hcd address=0000:03:02.1", "bind driver=../vfio-pci address=0000:03:02.1",
    "bind driver=vfio-pci address=0000:03:02.1 forced=yes", "bind driver=vfio-pci address=x",
    "unbind", "unbind address=3:2.1", "restore all", "restore address=",
    "restore kept=yes kept=yes", "create type=\(String(repeating: "x", count: 256)) count=1",
  ])
  func anythingElseIsRefused(line: String) {
    let words = line.split(separator: " ").map(String.init)
    #expect(throws: HelperRefusal.self) { try ChangeWords.change(in: words) }
  }

  @Test func tooManyWordsAreRefused() throws {
    let many = Array(repeating: "address=0000:03:02.1", count: 257)
    #expect(throws: HelperRefusal.notUnderstood("too many addresses")) {
      try ChangeWords.change(in: ["unbind"] + many)
    }
    #expect(throws: HelperRefusal.notUnderstood("too many words")) {
      try ChangeWords.change(in: ["unbind"] + many + many)
    }
  }

  /// What was read is written as the same words: nothing has two meanings.
  @Test func randomWordsAreReadInOneWay() throws {
    var generator = SeededGenerator(seed: 52)
    let parts =
      try Self.changes().flatMap { Self.words($0.1) }
      + ["kept=no", "count=-1", "=", "a=b", "device=pci:0000:03:02.1x", "\u{0}"]
    var read = 0
    for _ in 0..<20_000 {
      let words = (0..<Int.random(in: 0...5, using: &generator)).compactMap { _ in
        parts.randomElement(using: &generator)
      }
      guard let change = try? ChangeWords.change(in: words) else { continue }
      read += 1
      #expect(try ChangeWords.change(in: ChangeWords(change).words) == change)
      #expect(Set(ChangeWords(change).words) == Set(words))
    }
    #expect(read > 20)
  }
}
