// SPDX-License-Identifier: Apache-2.0

/// Asks until it is so; a test's time limit ends what never becomes so.
public func eventually(_ isSo: () async throws -> Bool) async throws {
  while try await !isSo() { try await Task.sleep(for: .milliseconds(10)) }
}
