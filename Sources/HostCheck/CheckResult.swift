// SPDX-License-Identifier: Apache-2.0

/// How a check ended.
public enum CheckResult: String, CaseIterable, Codable, Sendable {
  /// As it must be.
  case ok
  /// It works, but not well or not for everybody.
  case warn
  /// It cannot work.
  case fail
  /// It says nothing about this host, or cannot be known.
  case notApplicable = "not applicable"
}
