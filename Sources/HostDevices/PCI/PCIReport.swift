// SPDX-License-Identifier: Apache-2.0

/// PCI functions that a guest can have only together, because the IOMMU cannot tell them apart.
///
/// In JSON: `iommuGroup` and `iommuDomainType`, as `IOMMUGroup` has them, and `functions`. What is `nil`
/// is null.
public struct PCIGroupReport: Encodable, Sendable {
  /// The group's number; `nil` for the functions that are in no group.
  public let number: Int?
  /// The group's DMA domain, as `IOMMUGroup` has it.
  public let type: String?
  /// The functions, by address.
  public let functions: [PCIFunctionReport]

  private enum CodingKeys: String, CodingKey {
    case number = "iommuGroup"
    case type = "iommuDomainType"
    case functions
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(number, forKey: .number)
    try values.encode(type, forKey: .type)
    try values.encode(functions, forKey: .functions)
  }

  /// All PCI functions of a host by their groups, in the groups' order; last the functions that are in
  /// no group.
  ///
  /// - Parameters:
  ///   - host: whose functions.
  ///   - namesOf: the host whose `pci.ids` names them; a captured host has no such file.
  /// - Throws: `HostDevicesError.system` when a folder may not be read.
  public static func all(
    on host: HostHardware, namesOf: HostHardware
  ) throws(HostDevicesError) -> [PCIGroupReport] {
    let functions = try host.pciFunctions()
    let names = namesOf.names(of: functions)
    let changed = PCIBindings(host: host).remembered
    let types = Dictionary(
      try host.iommuGroups().map { ($0.number, $0.type) }, uniquingKeysWith: { first, _ in first })
    let groups = Dictionary(grouping: functions, by: \.iommuGroup)
    return groups.keys.sorted { ($0 ?? .max) < ($1 ?? .max) }.map { number in
      PCIGroupReport(
        number: number, type: number.flatMap { types[$0] ?? nil },
        functions: (groups[number] ?? []).map {
          PCIFunctionReport(
            function: $0, names: names, isChanged: changed.contains($0.address))
        })
    }
  }
}

/// A PCI function, its names, and whether this software changed its driver.
///
/// In JSON: all keys of `PCIFunction`, beside them `vendorName`, `deviceName` and `className`, which are
/// null when they are not known, and `isChanged`.
public struct PCIFunctionReport: Encodable, Sendable {
  /// The function.
  public let function: PCIFunction
  /// The names of its vendor, device and class.
  public let names: PCINames
  /// Whether `PCIBindings` has changed its driver and remembers the one from before.
  public let isChanged: Bool

  private enum Key: String, CodingKey { case vendorName, deviceName, className, isChanged }

  /// Writes the object that the type describes.
  public func encode(to encoder: any Encoder) throws {
    try function.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(names.vendor(of: function), forKey: .vendorName)
    try container.encode(names.device(of: function), forKey: .deviceName)
    try container.encode(names.className(of: function), forKey: .className)
    try container.encode(isChanged, forKey: .isChanged)
  }
}
