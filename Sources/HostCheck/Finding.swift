// SPDX-License-Identifier: Apache-2.0

/// What one check says of a host.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct Finding: Hashable, Codable, Sendable {
  /// The check's short name, such as `enable-gvt`.
  public let id: String
  /// Its name for people.
  public let title: String
  /// What it is about.
  public let area: CheckArea
  /// How it ended.
  public let result: CheckResult
  /// What was found.
  public let found: String
  /// Why it matters.
  public let why: String
  /// The command, the file or the deed that fixes it; `nil` when nothing is wrong.
  public let remedy: String?
  /// Where it is documented: an address, or a file of this project.
  public let documentation: String
  /// Lines of a shell script that fix it and do no harm; empty when a person must decide. One that
  /// begins with `keep FILE` adds the lines behind it to a file; `HostReport.script` says how.
  public let fix: [String]
}
