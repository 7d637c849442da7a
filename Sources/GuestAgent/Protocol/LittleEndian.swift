// SPDX-License-Identifier: Apache-2.0

/// Reads numbers, least significant byte first, from bytes that may end anywhere.
struct LittleEndianReader {
  private(set) var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  mutating func u8() -> UInt8? { rest.popFirst() }
  mutating func u16() -> UInt16? { number() }
  mutating func u32() -> UInt32? { number() }
  mutating func u64() -> UInt64? { number() }

  private mutating func number<Number: FixedWidthInteger & UnsignedInteger>() -> Number? {
    let size = Number.bitWidth / 8
    guard rest.count >= size else { return nil }
    let value = rest.prefix(size).reversed().reduce(Number.zero) { $0 << 8 | Number($1) }
    rest.removeFirst(size)
    return value
  }

  /// A selection and three bytes of nothing, for an agent that tells selections apart; else CLIPBOARD.
  mutating func selection(_ layout: AgentLayout) -> ClipboardSelection? {
    guard layout.hasSelections else { return .clipboard }
    guard let number = u32() else { return nil }
    return ClipboardSelection(rawValue: UInt8(truncatingIfNeeded: number))
  }
}

/// Writes numbers, least significant byte first.
struct LittleEndianWriter {
  private(set) var bytes: [UInt8] = []

  mutating func u8(_ number: UInt8) { bytes.append(number) }
  mutating func u16(_ number: UInt16) { append(number) }
  mutating func u32(_ number: UInt32) { append(number) }
  mutating func u64(_ number: UInt64) { append(number) }

  private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func selection(_ selection: ClipboardSelection, _ layout: AgentLayout) {
    if layout.hasSelections { u32(UInt32(selection.rawValue)) }
  }

  mutating func monitors(_ monitors: [AgentMonitor], _ flags: UInt32) {
    u32(UInt32(monitors.count))
    u32(flags)
    for monitor in monitors {
      for number in [monitor.height, monitor.width, monitor.depth] { u32(number) }
      u32(UInt32(bitPattern: monitor.x))
      u32(UInt32(bitPattern: monitor.y))
    }
    guard flags & AgentMessage.hasPhysicalSizes != 0 else { return }
    for monitor in monitors {
      u16(monitor.heightMillimetres)
      u16(monitor.widthMillimetres)
    }
  }
}
