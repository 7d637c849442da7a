// SPDX-License-Identifier: Apache-2.0

/// What a user is told of a guest that is only described, and that this host could not run.
enum Note {
  static func say(_ text: String) { StandardError.write("vgpu: note: \(text)") }

  /// What a body returns, or `nil` and a note with the reason.
  static func orNil<Value>(
    _ option: String, _ consequence: String, _ body: () throws -> Value
  ) -> Value? {
    do {
      return try body()
    } catch {
      say("\(option): \(consequence): \(error)")
      return nil
    }
  }
}
