// SPDX-License-Identifier: Apache-2.0

/// What a check found.
struct Verdict: Sendable {
  let result: CheckResult
  let found: String
  var remedy: String?
  /// Lines of a shell script that do no harm; none where a person must decide.
  var fix: [String] = []

  static func ok(_ found: String) -> Verdict { Verdict(result: .ok, found: found) }

  static func notApplicable(_ found: String) -> Verdict {
    Verdict(result: .notApplicable, found: found)
  }

  static func warn(_ found: String, remedy: String, fix: [String] = []) -> Verdict {
    Verdict(result: .warn, found: found, remedy: remedy, fix: fix)
  }

  static func fail(_ found: String, remedy: String, fix: [String] = []) -> Verdict {
    Verdict(result: .fail, found: found, remedy: remedy, fix: fix)
  }
}
