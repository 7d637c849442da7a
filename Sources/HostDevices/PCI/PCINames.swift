// SPDX-License-Identifier: Apache-2.0

import CLinux
import SafeText

/// The names of PCI numbers, from the system's `pci.ids` (https://pci-ids.ucw.cz; Debian's package
/// pci.ids). Of the file's 36000 names only the requested ones are kept.
public struct PCINames: Hashable, Sendable {
  private var vendors: [UInt16: String] = [:]
  private var devices: [UInt32: String] = [:]
  private var classes: [UInt16: String] = [:]

  /// The file's paths in the distributions.
  static let files = [
    "/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids",
  ]
  /// The file has 1.4 MB.
  static let largestFile = 16 << 20

  /// Reads the names of these functions' vendors, devices and classes from the text of a `pci.ids`.
  /// Lines that make no sense are skipped.
  ///
  /// - Parameters:
  ///   - functions: the functions to name.
  ///   - text: the file's bytes; empty when the file is missing.
  public init(of functions: [PCIFunction], in text: [UInt8]) {
    let wanted = Wanted(
      vendors: Set(functions.map(\.vendor.rawValue)),
      devices: Set(functions.map { Self.key($0.vendor.rawValue, $0.device.rawValue) }),
      bases: Set(functions.map { UInt8(truncatingIfNeeded: $0.classCode.rawValue >> 16) }),
      classes: Set(functions.map { UInt16(truncatingIfNeeded: $0.classCode.rawValue >> 8) }))
    text.withUnsafeBytes { bytes in
      var section = Section.other
      var rest = bytes[...]
      while let first = rest.first {
        let end = Self.end(ofLine: rest)
        let line = rest[rest.startIndex..<end]
        rest = rest[min(end + 1, rest.endIndex)...]
        // Blank lines, comments, and subsystems, which are most of the file.
        guard line.count > 4, first != UInt8(ascii: "#") else { continue }
        if line.starts(with: [UInt8(ascii: "\t"), UInt8(ascii: "\t")]) { continue }
        take(line, section: &section, wanted: wanted)
      }
    }
  }

  /// The vendor's name, such as `Intel Corporation`; `nil` when the file does not tell.
  public func vendor(of function: PCIFunction) -> String? { vendors[function.vendor.rawValue] }

  /// The device's name, such as `UHD Graphics 620`; `nil` when the file does not tell.
  public func device(of function: PCIFunction) -> String? {
    devices[Self.key(function.vendor.rawValue, function.device.rawValue)]
  }

  /// The class's name, such as `VGA compatible controller`; the base class's name when the subclass
  /// has none, `nil` when the file does not tell.
  public func className(of function: PCIFunction) -> String? {
    let code = UInt16(truncatingIfNeeded: function.classCode.rawValue >> 8)
    return classes[code] ?? classes[Self.baseKey(UInt8(code >> 8))]
  }

  private struct Wanted {
    let vendors: Set<UInt16>
    let devices: Set<UInt32>
    let bases: Set<UInt8>
    let classes: Set<UInt16>
  }

  private enum Section {
    case vendor(UInt16)
    case base(UInt8)
    /// The name is not wanted, or is of another kind.
    case other
  }

  private typealias Line = Slice<UnsafeRawBufferPointer>

  private static func end(ofLine rest: Line) -> Int {
    guard let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress,
      let newline = memchr(start, Int32(UInt8(ascii: "\n")), rest.count)
    else { return rest.endIndex }
    return rest.startIndex + (UnsafeRawPointer(newline) - start)
  }

  private mutating func take(_ line: Line, section: inout Section, wanted: Wanted) {
    let tab = UInt8(ascii: "\t")
    if line.first == tab {
      switch section {
      case .vendor(let vendor):
        guard let (id, name) = Self.entry(line.dropFirst(), digits: 4) else { return }
        let key = Self.key(vendor, id)
        if wanted.devices.contains(key) { devices[key] = Self.text(name) }
      case .base(let base):
        guard let (id, name) = Self.entry(line.dropFirst(), digits: 2) else { return }
        let key = UInt16(base) << 8 | id
        if wanted.classes.contains(key) { classes[key] = Self.text(name) }
      case .other:
        break
      }
      return
    }
    section = .other
    if line.starts(with: [UInt8(ascii: "C"), UInt8(ascii: " ")]) {
      guard let (id, name) = Self.entry(line.dropFirst(2), digits: 2) else { return }
      let base = UInt8(truncatingIfNeeded: id)
      guard wanted.bases.contains(base) else { return }
      section = .base(base)
      // A real subclass 0xff would be overwritten, but the file assigns no name to any subclass
      // 0xff.
      classes[Self.baseKey(base)] = Self.text(name)
    } else if let (id, name) = Self.entry(line, digits: 4), wanted.vendors.contains(id) {
      section = .vendor(id)
      vendors[id] = Self.text(name)
    }
  }

  /// A line with a number, two blanks and a name.
  private static func entry(_ line: Line, digits: Int) -> (UInt16, Line)? {
    guard line.count > digits + 2 else { return nil }
    var number: UInt16 = 0
    for byte in line.prefix(digits) {
      guard let digit = hexadecimalDigit(byte) else { return nil }
      number = number << 4 | UInt16(digit)
    }
    let rest = line.dropFirst(digits)
    guard rest.starts(with: [UInt8(ascii: " "), UInt8(ascii: " ")]) else { return nil }
    return (number, rest.dropFirst(2))
  }

  /// A name that is safe to print on a terminal; `nil` for any other name, and for one of unlikely
  /// length.
  private static func text(_ name: Line) -> String? {
    guard name.count <= 256, let text = String(validating: name, as: UTF8.self),
      text.unicodeScalars.allSatisfy(PlainText.isSafe)
    else { return nil }
    return text
  }

  private static func key(_ vendor: UInt16, _ device: UInt16) -> UInt32 {
    UInt32(vendor) << 16 | UInt32(device)
  }

  private static func baseKey(_ base: UInt8) -> UInt16 { UInt16(base) << 8 | 0xff }
}

extension HostHardware {
  /// The names of these functions, from the host's own `pci.ids`; no names when the host lacks the
  /// file.
  public func names(of functions: [PCIFunction]) -> PCINames {
    let text = PCINames.files.lazy.compactMap {
      sysfs.bytes($0, limit: PCINames.largestFile)
    }.first
    return PCINames(of: functions, in: text ?? [])
  }
}
