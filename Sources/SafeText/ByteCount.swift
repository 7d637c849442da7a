// SPDX-License-Identifier: Apache-2.0

/// A number of bytes, for people.
public enum ByteCount {
  /// Such as `12.4 MiB`, with one digit behind the point; whole bytes below 1024.
  public static func text(_ bytes: UInt64) -> String {
    var value = Double(bytes)
    var units = ["B", "KiB", "MiB", "GiB", "TiB"][...]
    while value >= 1024, units.count > 1 {
      value /= 1024
      units.removeFirst()
    }
    let unit = units.first ?? "B"
    return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)"
  }
}
