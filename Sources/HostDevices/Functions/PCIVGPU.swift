// SPDX-License-Identifier: Apache-2.0

/// What a vGPU is made of.
@nonexhaustive
public enum VGPUKind: String, CaseIterable, Hashable, Codable, Sendable {
  /// A mediated device: Intel GVT-g, NVIDIA vGPU up to 16.
  case mdev
  /// A virtual function (SR-IOV) to which NVIDIA's driver has given a type: NVIDIA vGPU 17 and later.
  case nvidia
  /// A virtual function (SR-IOV) whose driver hands it to guests.
  case sriov
  /// A whole PCI function whose driver hands it to guests.
  case gpu
}

/// A PCI function that a guest can have, without mdevs: a virtual function (SR-IOV), or a whole GPU.
///
/// In JSON: all keys of `PCIFunction`, beside them `kind`, `type`, `groupNode` and `deviceNode`; what is
/// `nil` is null.
public struct PCIVGPU: Hashable, Codable, Sendable {
  /// The function.
  public let function: PCIFunction
  /// What it is.
  public let kind: VGPUKind
  /// The id of its type, such as `nvidia-558`, when NVIDIA's driver has given it one; `nil` for every
  /// other kind.
  public let type: String?
  /// The node of its IOMMU group, such as `/dev/vfio/18`; `nil` when there is no such node.
  public let groupNode: String?
  /// Its own node, such as `/dev/vfio/devices/vfio0`; `nil` when the kernel has no device nodes or
  /// `/dev` lacks it.
  public let deviceNode: String?
  /// The render node of the GPU that it is a part of, the physical function's; `nil` when that has
  /// none, as when the whole GPU is the guest's.
  public let renderNode: String?

  /// Its address.
  public var address: PCIAddress { function.address }

  private enum Key: String, CodingKey {
    case kind, type, groupNode, deviceNode, gpuRenderNode
  }

  init(
    function: PCIFunction, kind: VGPUKind, type: String?, groupNode: String?, deviceNode: String?,
    renderNode: String?
  ) {
    self.function = function
    self.kind = kind
    self.type = type
    self.groupNode = groupNode
    self.deviceNode = deviceNode
    self.renderNode = renderNode
  }

  /// Reads what `encode(to:)` writes.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    function = try PCIFunction(from: decoder)
    kind = try values.decode(VGPUKind.self, forKey: .kind)
    type = try values.decodeIfPresent(String.self, forKey: .type)
    groupNode = try values.decodeIfPresent(String.self, forKey: .groupNode)
    deviceNode = try values.decodeIfPresent(String.self, forKey: .deviceNode)
    renderNode = try values.decodeIfPresent(String.self, forKey: .gpuRenderNode)
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    try function.encode(to: encoder)
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(kind, forKey: .kind)
    try values.encode(type, forKey: .type)
    try values.encode(groupNode, forKey: .groupNode)
    try values.encode(deviceNode, forKey: .deviceNode)
    try values.encode(renderNode, forKey: .gpuRenderNode)
  }
}

extension PCIVGPU {
  /// Its type, or else its driver, for people: `nvidia-558`, `vfio-pci`.
  public var label: String { type ?? function.driver ?? kind.rawValue }
}

extension HostHardware {
  /// The GPUs, whole or virtual functions, that guests can have without mdevs, by address. Other
  /// functions that guests can have, such as network cards, are left out.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public func pciVGPUs() throws(HostDevicesError) -> [PCIVGPU] {
    try pciFunctions().filter(\.classCode.isDisplay).compactMap(pciVGPU)
  }

  /// One function that a guest can have, of any class; `nil` when there is no such function, when it is
  /// the host's, and when NVIDIA's driver has given it no type.
  public func pciVGPU(at address: PCIAddress) -> PCIVGPU? {
    pciFunction(at: address).flatMap(pciVGPU)
  }

  private func pciVGPU(_ function: PCIFunction) -> PCIVGPU? {
    let kind: VGPUKind
    var type: String?
    switch nvidiaType(of: function) {
    case .untyped?: return nil
    case .type(let id)?:
      kind = .nvidia
      type = NVIDIAType.id(id)
    case nil:
      guard function.isForGuests else { return nil }
      kind = function.isVirtual ? .sriov : .gpu
    }
    let path = "/sys/bus/pci/devices/\(function.address)"
    let gpu = function.physicalFunction.flatMap(pciFunction) ?? function
    return PCIVGPU(
      function: function, kind: kind, type: type,
      groupNode: function.iommuGroup.map { "/dev/vfio/\($0)" }.flatMap(existing),
      deviceNode: announcedDeviceNode(ofDevice: path).flatMap(existing),
      renderNode: gpu.renderNode)
  }
}

/// A vGPU that is a PCI function, and the processes that use it.
///
/// In JSON: the keys of `PCIVGPU`, and `pids`.
public struct PCIVGPUReport: Encodable, Sendable {
  /// The vGPU.
  public let vGPU: PCIVGPU
  /// The processes that have it or its group open, as far as this process may look.
  public let users: [Int32]

  /// Makes a report from its parts.
  public init(_ vGPU: PCIVGPU, users: [Int32]) {
    self.vGPU = vGPU
    self.users = users
  }

  private enum Key: String, CodingKey { case pids }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    try vGPU.encode(to: encoder)
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(users, forKey: .pids)
  }

  /// All vGPUs of a host that are PCI functions, by address.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public static func all(on host: HostHardware) throws(HostDevicesError) -> [PCIVGPUReport] {
    try host.pciVGPUs().map { PCIVGPUReport($0, users: host.users(of: $0.address)) }
  }
}
