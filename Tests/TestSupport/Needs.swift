// SPDX-License-Identifier: Apache-2.0

import Foundation
public import Testing

/// What a test needs of the machine, and the machine lacks.
public struct Missing: Error, CustomStringConvertible {
  public let description: String
}

extension Trait where Self == ConditionTrait {
  /// Skips a test where something is missing, and says what. Where everything was asked for
  /// (`VGPU_TEST_EVERYTHING`, as Scripts/test sets it) the test fails instead.
  ///
  /// - Parameters:
  ///   - what: what is needed, and where it comes from.
  ///   - isThere: looked at when the test would begin.
  public static func needs(
    _ what: String, if isThere: @autoclosure @escaping @Sendable () -> Bool
  ) -> Self {
    .enabled("needs \(what)") {
      if isThere() { return true }
      guard ProcessInfo.processInfo.environment["VGPU_TEST_EVERYTHING"] == nil else {
        throw Missing(description: "missing: \(what)")
      }
      return false
    }
  }

  /// The same for programs, which `Scripts/setup test` installs.
  public static func needs(_ programs: String...) -> Self {
    needs(
      "\(programs.joined(separator: ", ")): Scripts/setup test installs what is missing",
      if: programs.allSatisfy { Program.path(of: $0) != nil })
  }
}
