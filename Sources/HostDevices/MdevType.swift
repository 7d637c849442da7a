// SPDX-License-Identifier: Apache-2.0

/// A kind of mdev that a parent offers: `/sys/class/mdev_bus/<parent>/mdev_supported_types/<id>`.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct MdevType: Hashable, Codable, Sendable {
  /// The type's id, the folder's name, such as `i915-GVTg_V5_4`.
  public let id: String
  /// The name of the parent that offers it. Another parent may offer a type of the same id.
  public let parent: String
  /// The driver's name for people: file `name`.
  public let name: String?
  /// What the driver says about it: file `description`. GVT-g writes several lines (memory, fences,
  /// largest resolution).
  public let description: String?
  /// How many more of it can be created now: file `available_instances`; `nil` when the driver does
  /// not tell. Creating another type on the same parent may lower it.
  public let availableInstances: Int?
  /// Which VFIO interface its mdevs have: file `device_api`, such as `vfio-pci`.
  public let deviceAPI: String?

  /// Whether its mdevs can have a screen: VFIO has screens on PCI devices alone. A driver that does
  /// not tell the interface is given the benefit of the doubt.
  package var canHaveScreen: Bool { Self.canHaveScreen(deviceAPI: deviceAPI) }

  static func canHaveScreen(deviceAPI: String?) -> Bool {
    deviceAPI.map { $0 == "vfio-pci" } ?? true
  }
}
