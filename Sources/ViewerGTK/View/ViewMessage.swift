// SPDX-License-Identifier: Apache-2.0

/// What a view says instead of showing a picture.
public struct ViewMessage: Hashable, Sendable {
  /// One line: what is the matter, and what to do about it.
  public let text: String
  /// Whether no picture will come any more: the device has no display, or is gone.
  public let isFinal: Bool
}
