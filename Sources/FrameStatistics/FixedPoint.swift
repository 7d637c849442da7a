// SPDX-License-Identifier: Apache-2.0

extension Double {
  /// The number with so many decimals, rounded; `-` for what is none. Without Foundation.
  package func fixed(_ decimals: Int) -> String {
    guard isFinite, magnitude < 1e15 else { return "-" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (magnitude * scale).rounded()
    guard scaled < 9e18 else { return "-" }
    let sign = self < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + "\(UInt64(scaled))" }
    let digits = "\(UInt64(scaled))"
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }
}
