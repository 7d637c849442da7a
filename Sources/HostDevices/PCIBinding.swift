// SPDX-License-Identifier: Apache-2.0

/// Which driver a PCI function had, and which it has now.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct PCIBinding: Hashable, Codable, Sendable {
  /// The function.
  public let address: PCIAddress
  /// The driver that it was bound to; `nil` when it was unbound.
  public let before: String?
  /// The driver that it is bound to; `nil` when it is unbound.
  public let after: String?
}
