// SPDX-License-Identifier: Apache-2.0

@testable import HostChanges
@testable import PersistentDevices

extension Target {
  /// The words that anybody may give to the helper that runs as root, with a zero byte between them.
  static let changeWords = Target(name: "change-words") { bytes in
    let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
    guard let change = try? ChangeWords.change(in: words) else { return }
    // What was read is written as the same words, and read again as the same.
    let written = ChangeWords(change).words
    precondition(Set(written) == Set(words))
    guard let again = try? ChangeWords.change(in: written) else {
      preconditionFailure("what was written is no change")
    }
    precondition(again == change)
  }
  /// What the helper tells of its change.
  static let helperAnswer = Target(name: "helper-answer") { bytes in
    guard let outcome = OutcomeLines.outcome(in: bytes) else { return }
    precondition(OutcomeLines.outcome(in: Array(OutcomeLines.text(of: outcome).utf8)) == outcome)
  }

  /// mdevctl's list of the vGPUs that survive a reboot, which the helper reads as root.
  static let mdevctlList = Target(name: "mdevctl-list") { bytes in
    guard let vGPUs = try? PersistentVGPUs.read(bytes) else { return }
    let lines = vGPUs.map { "\($0.uuid) \($0.parent) \($0.type) \($0.start.rawValue)\n" }
    precondition((try? PersistentVGPUs.read(Array(lines.joined().utf8))) == vGPUs)
  }
}
