// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
public import HostDevices
import Libvirt

/// What a user wants to look at.
@nonexhaustive
public enum Target: Hashable, Sendable {
  /// The vGPU with this UUID, whichever process holds it.
  case mdev(MdevUUID)
  /// What a process shows: any that holds a VFIO device.
  case process(Int32)
  /// What a domain of libvirt's shows, by its name or UUID; of the user's own connections where none
  /// is named (`LibvirtDomain.open`).
  case libvirt(name: String, of: LibvirtDaemon?)
  /// What a bridge (`vgpu bridge`) shows, by its socket's path: a vGPU by its UUID there, or the only
  /// one.
  case bridge(path: String, vGPU: VGPUIdentifier)
  /// The synthetic guest.
  case demo
}

extension Target {
  var isDomain: Bool { if case .libvirt = self { true } else { false } }
}

/// Whose guests a libvirt daemon runs.
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
  /// Reads `mdev:UUID`, `pid:N`, `libvirt:NAME`, `libvirt:session/NAME`, `libvirt:system/NAME`,
  /// `bridge:PATH`, `bridge:PATH/UUID` or `demo`; a bare UUID or number is one of the first two.
  ///
  /// - Returns: `nil` for everything else.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts.first, parts.dropFirst().first) {
    case ("mdev", let rest?):
      guard let uuid = MdevUUID(String(rest)) else { return nil }
      self = .mdev(uuid)
    case ("pid", let rest?):
      guard let pid = Self.pid(String(rest)) else { return nil }
      self = .process(pid)
    case ("libvirt", let rest?):
      guard let domain = Self.domain(rest) else { return nil }
      self = domain
    case ("bridge", let rest?):
      guard let bridge = Self.bridge(rest) else { return nil }
      self = bridge
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
      return nil
    }
  }

  /// The form with its prefix.
  public var description: String {
    switch self {
    case .mdev(let uuid): "mdev:\(uuid)"
    case .process(let pid): "pid:\(pid)"
    case .libvirt(let name, nil): "libvirt:\(name)"
    case .libvirt(let name, let daemon?): "libvirt:\(daemon.rawValue)/\(name)"
    case .bridge(let path, .only): "bridge:\(path)"
    case .bridge(let path, let vGPU): "bridge:\(path)/\(vGPU)"
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

  /// The slash is libvirt's own: it forbids it in names.
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
