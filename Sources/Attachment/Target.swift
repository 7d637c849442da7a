// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
public import HostDevices
import Libvirt

/// What a user wants to look at.
@nonexhaustive
public enum Target: Hashable, Sendable {
  /// The vGPU with this UUID, in any process that holds it.
  case mdev(MdevUUID)
  /// The vGPU that is this PCI function, whole or virtual (SR-IOV), in any process that holds it.
  case pci(PCIAddress)
  /// The screen of a process that holds a VFIO device.
  case process(Int32)
  /// The screen of a libvirt domain, by its name or UUID. When no daemon is named, the user's own
  /// connections are asked (`LibvirtDomain.open`).
  case libvirt(name: String, of: LibvirtDaemon?)
  /// The screen that a bridge (`vgpu bridge`) shows, by the path of its socket: one vGPU by its
  /// UUID there, or the only vGPU.
  case bridge(path: String, vGPU: VGPUIdentifier)
  /// The guest whose QEMU serves QMP at this socket, by the socket's path.
  case qmp(String)
  /// The synthetic guest.
  case demo
}

extension Target {
  /// The vGPU of a vGPU's name on its bus.
  public init(_ name: AssignedDevice) {
    switch name {
    case .mdev(let uuid): self = .mdev(uuid)
    case .pci(let address): self = .pci(address)
    }
  }

  /// The vGPU that the target names, whatever has it; `nil` for a target that names something else.
  public var vGPU: AssignedDevice? {
    switch self {
    case .mdev(let uuid): .mdev(uuid)
    case .pci(let address): .pci(address)
    default: nil
    }
  }

  var isDomain: Bool { if case .libvirt = self { true } else { false } }
}

/// A libvirt daemon, by whose guests it runs.
@nonexhaustive
public enum LibvirtDaemon: String, Hashable, Sendable {
  /// The user's own: `qemu:///session`.
  case session
  /// The machine's: `qemu:///system`.
  case system

  /// The connection's URI.
  public var uri: String {
    switch self {
    case .session: LibvirtURI.session
    case .system: LibvirtURI.system
    }
  }
}

extension Target: LosslessStringConvertible {
  /// Reads `mdev:UUID`, `pci:ADDRESS`, `pid:N`, `libvirt:NAME`, `libvirt:session/NAME`,
  /// `libvirt:system/NAME`, `bridge:PATH`, `bridge:PATH/UUID`, `qmp:PATH` or `demo`. A bare UUID means
  /// `mdev:`, a bare PCI address `pci:`, a bare number `pid:`. An address may lack its domain, 0000.
  ///
  /// - Returns: `nil` for everything else.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts.first, parts.dropFirst().first) {
    case ("mdev", let rest?):
      guard let uuid = MdevUUID(String(rest)) else { return nil }
      self = .mdev(uuid)
    case ("pci", let rest?):
      guard let address = PCIAddress(String(rest)) else { return nil }
      self = .pci(address)
    case ("pid", let rest?):
      guard let pid = Self.pid(String(rest)) else { return nil }
      self = .process(pid)
    case ("libvirt", let rest?):
      guard let domain = Self.domain(rest) else { return nil }
      self = domain
    case ("bridge", let rest?):
      guard let bridge = Self.bridge(rest) else { return nil }
      self = bridge
    case ("qmp", let rest?):
      guard !rest.isEmpty,
        !rest.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
      else { return nil }
      self = .qmp(String(rest))
    case ("demo", nil):
      self = .demo
    case (let bare?, nil):
      if let uuid = MdevUUID(String(bare)) {
        self = .mdev(uuid)
      } else if let pid = Self.pid(String(bare)) {
        self = .process(pid)
      } else {
        return nil
      }
    default:
      // An address has colons of its own.
      guard let address = PCIAddress(text) else { return nil }
      self = .pci(address)
    }
  }

  /// The target as text, with its prefix.
  public var description: String {
    switch self {
    case .mdev(let uuid): "mdev:\(uuid)"
    case .pci(let address): "pci:\(address)"
    case .process(let pid): "pid:\(pid)"
    case .libvirt(let name, nil): "libvirt:\(name)"
    case .libvirt(let name, let daemon?): "libvirt:\(daemon.rawValue)/\(name)"
    case .bridge(let path, .only): "bridge:\(path)"
    case .bridge(let path, let vGPU): "bridge:\(path)/\(vGPU)"
    case .qmp(let path): "qmp:\(path)"
    case .demo: "demo"
    }
  }

  private static func pid(_ text: String) -> Int32? {
    guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let pid = Int32(text), pid > 0 else {
      return nil
    }
    return pid
  }

  private static func bridge(_ text: Substring) -> Target? {
    guard
      !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else { return nil }
    let name = text.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let vGPU = VGPUIdentifier(String(name)), vGPU != .only else {
      return text.isEmpty ? nil : .bridge(path: String(text), vGPU: .only)
    }
    let path = text.dropLast(name.count + 1)
    return path.isEmpty ? nil : .bridge(path: String(path), vGPU: vGPU)
  }

  /// The slash cannot be part of a name, because libvirt forbids it in names.
  private static func domain(_ text: Substring) -> Target? {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.last, !name.isEmpty,
      !name.unicodeScalars.contains(where: {
        $0 == "/" || $0.properties.generalCategory == .control
      })
    else { return nil }
    guard parts.count == 2, let prefix = parts.first else {
      return .libvirt(name: String(name), of: nil)
    }
    guard let daemon = LibvirtDaemon(rawValue: String(prefix)) else { return nil }
    return .libvirt(name: String(name), of: daemon)
  }
}
