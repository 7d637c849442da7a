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
