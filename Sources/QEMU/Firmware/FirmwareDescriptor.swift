// SPDX-License-Identifier: Apache-2.0

import JSONText

/// A firmware's description by its package, for programs that start QEMU: a JSON file (QEMU's
/// docs/interop/firmware.json). It holds only the members that this module uses.
struct FirmwareDescriptor: Decodable {
  private let interfaces: [String]
  private let mapping: Mapping
  private let targets: [MachineTarget]
  private let features: [String]

  private enum CodingKeys: String, CodingKey {
    case interfaces = "interface-types"
    case mapping, targets, features
  }

  private struct MachineTarget: Decodable {
    let architecture: String
    let machines: [String]
  }

  private struct Mapping: Decodable {
    let device: String
    /// Missing in descriptors from before QEMU 7.0, when `split` was the only mode.
    let mode: String?
    let executable: File?
    let variables: File?

    private enum CodingKeys: String, CodingKey {
      case device, mode, executable
      case variables = "nvram-template"
    }
  }

  private struct File: Decodable {
    let filename: String
    let format: String

    var image: DiskImage? {
      guard filename.hasPrefix("/"), !filename.utf8.contains(0) else { return nil }
      return DiskImage.Format(rawValue: format).map { DiskImage(path: filename, format: $0) }
    }
  }

  /// - Throws: the JSON library's error.
  init(json bytes: [UInt8]) throws {
    self = try JSON.decode(Self.self, from: bytes)
  }

  /// The features that make Secure Boot: keys that forbid unsigned programs, and a machine with
  /// system management mode. A guest has all of them or depends on none.
  private static let ofSecureBoot: Set = ["enrolled-keys", "requires-smm", "secure-boot"]

  /// Whether the firmware is a UEFI for x86-64, with or without Secure Boot.
  var isUEFI: Bool {
    interfaces.contains("uefi") && targets.contains { $0.architecture == "x86_64" }
  }

  /// The firmware's files; `nil` unless it is a UEFI in flash memory with a store of variables.
  ///
  /// - Parameters:
  ///   - isSecure: whether the firmware is to have Secure Boot with keys, or to have neither.
  ///   - isMachine: whether a machine pattern (glob(7)) fits the guest's machine.
  func uefi(isSecure: Bool, for isMachine: (String) -> Bool) -> UEFIImages? {
    guard interfaces.contains("uefi"), mapping.device == "flash",
      mapping.mode ?? "split" == "split",
      isSecure
        ? Self.ofSecureBoot.isSubset(of: features) : Self.ofSecureBoot.isDisjoint(with: features),
      targets.contains(where: {
        $0.architecture == "x86_64" && $0.machines.contains(where: isMachine)
      }),
      let code = mapping.executable?.image, let variables = mapping.variables?.image
    else { return nil }
    return UEFIImages(code: code, variables: variables)
  }
}
