// SPDX-License-Identifier: Apache-2.0

/// The value of one hexadecimal digit in ASCII.
package func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

/// A number of at most `digits` hexadecimal digits, and of nothing else: no sign, no blanks, unlike
/// the standard library's initializers.
package func hexadecimalNumber(_ text: some StringProtocol, digits: ClosedRange<Int>) -> UInt64? {
  guard digits.contains(text.utf8.count), digits.upperBound <= 16 else { return nil }
  var number: UInt64 = 0
  for byte in text.utf8 {
    guard let digit = hexadecimalDigit(byte) else { return nil }
    number = number << 4 | UInt64(digit)
  }
  return number
}

/// A decimal number of digits only, as the kernel writes a count or a group's number.
package func decimalNumber(_ text: some StringProtocol) -> Int? {
  guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
  return UInt32(text).map(Int.init)
}

/// Lower-case digits, filled up with zeros to the left.
package func hexadecimal(_ number: some FixedWidthInteger & UnsignedInteger, digits: Int) -> String
{
  let text = String(number, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}

/// The halves of a UUID in the text form of RFC 4122, 8-4-4-4-12 hexadecimal digits in either case; `nil` for
/// anything else. The first byte is the highest of `high`.
package func uuidHalves(_ text: String) -> (high: UInt64, low: UInt64)? {
  let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
  guard groups.map(\.count) == [8, 4, 4, 4, 12] else { return nil }
  var digits: [UInt64] = []
  for byte in groups.joined() {
    guard let digit = hexadecimalDigit(byte) else { return nil }
    digits.append(UInt64(digit))
  }
  return (digits[..<16].reduce(0) { $0 << 4 | $1 }, digits[16...].reduce(0) { $0 << 4 | $1 })
}

/// A UUID's text, in lower case.
package func uuidText(high: UInt64, low: UInt64) -> String {
  let left = hexadecimal(high, digits: 16)
  let right = hexadecimal(low, digits: 16)
  return [
    left.prefix(8), left.dropFirst(8).prefix(4), left.suffix(4), right.prefix(4), right.suffix(12),
  ]
  .joined(separator: "-")
}
