// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A type of vGPU that NVIDIA's driver can give to a virtual function (NVIDIA vGPU 17 and later, Linux
/// 6.8): a line of the file `nvidia/creatable_vgpu_types`, such as `558   : NVIDIA A40-4Q`.
struct NVIDIAType: Hashable, Sendable {
  let number: Int
  let name: String

  /// The id as `vgpu` and mdev spell it: `nvidia-558`.
  static func id(_ number: Int) -> String { "nvidia-\(number)" }

  var id: String { Self.id(number) }

  /// Reads one line; `nil` for the heading `ID    : vGPU Name`, and for anything else.
  init?(_ line: some StringProtocol) {
    guard let colon = line.firstIndex(of: ":"),
      let number = decimalNumber(Self.trimmed(line[..<colon])), number > 0
    else { return nil }
    let name = Self.trimmed(line[line.index(after: colon)...])
    guard !name.isEmpty else { return nil }
    self.number = number
    self.name = String(name)
  }

  private static func trimmed(_ text: some StringProtocol) -> Substring {
    var text = Substring(text)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text.drop { $0.isWhitespace }
  }
}

/// The state of a virtual function that NVIDIA's driver splits a GPU into.
package enum NVIDIAState: Hashable {
  /// It has no type: it is no vGPU yet.
  case untyped
  /// It has the type of this number.
  case type(Int)
}

extension HostHardware {
  static let nvidiaCurrent = "nvidia/current_vgpu_type"

  /// The type that a function has, from the file `nvidia/current_vgpu_type`; `nil` for a function
  /// without the file, which is no virtual function of NVIDIA's.
  package func nvidiaType(of function: PCIFunction) -> NVIDIAState? {
    guard function.isVirtual else { return nil }
    let path = "/sys/bus/pci/devices/\(function.address)/\(Self.nvidiaCurrent)"
    guard sysfs.exists(path) else { return nil }
    guard let number = sysfs.number(path), number > 0 else { return .untyped }
    return .type(number)
  }

  /// The types that a virtual function can get now. The list is short of what the GPU has no room for,
  /// and empty when the GPU is full.
  func nvidiaTypes(of function: PCIFunction) -> [NVIDIAType] {
    let path = "/sys/bus/pci/devices/\(function.address)/nvidia/creatable_vgpu_types"
    return (sysfs.text(path) ?? "").split(whereSeparator: \.isNewline).compactMap { NVIDIAType($0) }
  }
}
