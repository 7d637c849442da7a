// SPDX-License-Identifier: Apache-2.0

/// A type of vGPU that a GPU of this host offers, of any kind.
///
/// In JSON: the keys of `MdevType`, and `kind`.
public struct OfferedType: Hashable, Codable, Sendable {
  /// What its vGPUs are made of.
  public let kind: VGPUKind
  /// The type. The parent of types that are no mdevs is the physical function's address.
  public let type: MdevType

  /// The id of the type whose vGPUs are virtual functions that are all alike.
  public static let virtualFunction = "sriov"

  private enum Key: String, CodingKey { case kind }

  init(_ kind: VGPUKind, _ type: MdevType) {
    self.kind = kind
    self.type = type
  }

  /// Reads what `encode(to:)` writes.
  public init(from decoder: any Decoder) throws {
    type = try MdevType(from: decoder)
    kind = try decoder.container(keyedBy: Key.self).decode(VGPUKind.self, forKey: .kind)
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    try type.encode(to: encoder)
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(kind, forKey: .kind)
  }
}

extension HostHardware {
  /// All types of vGPU that this host's GPUs offer: of mdevs, then of PCI functions, by parent and id.
  ///
  /// - Throws: `HostDevicesError.system` when a folder may not be read.
  public func offeredTypes() throws(HostDevicesError) -> [OfferedType] {
    let functions = try pciFunctions()
    return try types().map { OfferedType(.mdev, $0) } + nvidiaTypes(among: functions)
      + virtualFunctionTypes(among: functions)
  }

  /// The types that NVIDIA's driver can give to the virtual functions of its GPUs now.
  func nvidiaTypes(among functions: [PCIFunction]) -> [OfferedType] {
    let free = functions.filter { nvidiaType(of: $0) == .untyped }
    let byGPU = Dictionary(grouping: free) { $0.physicalFunction ?? $0.address }
    return byGPU.keys.sorted().flatMap { gpu in
      let offers = Dictionary(
        grouping: (byGPU[gpu] ?? []).flatMap { Set(nvidiaTypes(of: $0)) }, by: \.number)
      return offers.keys.sorted().map { number in
        OfferedType(
          .nvidia,
          MdevType(
            id: NVIDIAType.id(number), parent: "\(gpu)", name: offers[number]?.first?.name,
            description: nil, availableInstances: offers[number]?.count, deviceAPI: "vfio-pci"))
      }
    }
  }

  /// The GPUs that can have virtual functions which are all alike: each of them is a type.
  func virtualFunctionTypes(among functions: [PCIFunction]) -> [OfferedType] {
    let virtual = VirtualFunctions(host: self)
    return functions.compactMap { gpu in
      guard gpu.classCode.isDisplay, !gpu.isVirtual, gpu.driver != nil, !gpu.isForGuests,
        // NVIDIA's driver makes its virtual functions by a program of its own.
        gpu.driver != "nvidia", let most = virtual.most(of: gpu.address)
      else { return nil }
      let made = functions.filter { $0.physicalFunction == gpu.address }
      return OfferedType(
        .sriov,
        MdevType(
          id: OfferedType.virtualFunction, parent: "\(gpu.address)", name: "virtual function",
          description: made.isEmpty
            ? "an equal share of the GPU; made all at once, \(most) at most"
            : "an equal share of the GPU; \(made.count) made",
          availableInstances: made.isEmpty ? most : made.count { isFree($0) },
          deviceAPI: "vfio-pci"))
    }
  }
}
