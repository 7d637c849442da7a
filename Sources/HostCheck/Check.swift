// SPDX-License-Identifier: Apache-2.0

/// One thing that a host must be or have.
protocol Check: Sendable {
  /// Its short name, which programs may rely on.
  var id: String { get }
  /// Its name for people.
  var title: String { get }
  /// The heading that it stands under.
  var area: CheckArea { get }
  /// What it matters for.
  var purposes: Set<Purpose> { get }
  /// Why it matters.
  var why: String { get }
  /// Where it is documented.
  var documentation: String { get }

  func examine(_ machine: Machine) -> Verdict
}

extension Check {
  /// For every purpose, unless a check says otherwise.
  var purposes: Set<Purpose> { Set(Purpose.allCases) }
}
