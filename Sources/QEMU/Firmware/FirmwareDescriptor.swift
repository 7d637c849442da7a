// SPDX-License-Identifier: Apache-2.0

import JSONText

/// One firmware as its package describes it to whoever starts QEMU: a JSON file (QEMU's
/// docs/interop/firmware.json), as much of it as is looked at here.
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
    /// Absent before QEMU 7.0, when it could only be `split`.
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

  /// - Throws: what the JSON library finds wrong.
  init(json bytes: [UInt8]) throws {
    self = try JSON.decode(Self.self, from: bytes)
  }

  /// What a guest may not depend on: keys that forbid what is not signed, and a machine that must
  /// be set up for system management mode.
  private static let unwanted: Set = ["enrolled-keys", "requires-smm", "secure-boot"]

  /// Whether it is an UEFI for this processor, with or without Secure Boot.
  var isUEFI: Bool {
    interfaces.contains("uefi") && targets.contains { $0.architecture == "x86_64" }
  }

  /// Its files, if it is an UEFI in flash memory with a store of variables, for a machine that
  /// `isMachine` knows by a pattern (glob(7)).
  func uefi(for isMachine: (String) -> Bool) -> UEFIImages? {
    guard interfaces.contains("uefi"), mapping.device == "flash",
      mapping.mode ?? "split" == "split", Self.unwanted.isDisjoint(with: features),
      targets.contains(where: {
        $0.architecture == "x86_64" && $0.machines.contains(where: isMachine)
      }),
      let code = mapping.executable?.image, let variables = mapping.variables?.image
    else { return nil }
    return UEFIImages(code: code, variables: variables)
  }
}
