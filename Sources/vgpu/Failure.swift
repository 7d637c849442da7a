// SPDX-License-Identifier: Apache-2.0

/// An error of the tool's own, as the user reads it: object, cause, remedy.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
