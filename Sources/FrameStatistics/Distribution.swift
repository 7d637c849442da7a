// SPDX-License-Identifier: Apache-2.0

import Histogram

/// The durations of a step that was taken many times.
///
/// The percentiles are within 1 % of the recorded values, because the histogram keeps two
/// significant digits of each value, like HdrHistogram.
public struct Distribution: Hashable, Sendable {
  /// The number of samples; the other numbers are zero when it is zero.
  public var count = 0
  /// Nanoseconds that half of the samples did not exceed.
  public var p50: UInt64 = 0
  /// Nanoseconds that 95 % of the samples did not exceed.
  public var p95: UInt64 = 0
  /// Nanoseconds that 99 % of the samples did not exceed.
  public var p99: UInt64 = 0
  /// The longest sample, in nanoseconds; at most `Distribution.longest`.
  public var max: UInt64 = 0

  /// Nothing yet.
  public init() {}

  /// The longest duration that counts, 68.7 s; a longer one counts as this.
  public static let longest: UInt64 = 1 << 36 - 1

  init(_ values: borrowing Values) {
    count = Int(clamping: values.totalCount)
    // A percentile is the upper end of its bucket, which may lie above the longest sample.
    max = values.maxRecorded
    p50 = min(values.valueAtPercentile(50), max)
    p95 = min(values.valueAtPercentile(95), max)
    p99 = min(values.valueAtPercentile(99), max)
  }
}

/// A histogram of nanoseconds. It never grows, so recording allocates nothing.
typealias Values = Histogram<UInt32>

extension Values {
  static func ofNanoseconds() -> Values {
    Values(highestTrackableValue: Distribution.longest, numberOfSignificantValueDigits: .two)
  }

  mutating func record(nanoseconds: UInt64) {
    record(Swift.min(nanoseconds, Distribution.longest))
  }
}

extension Distribution: Codable {
  private enum CodingKeys: String, CodingKey {
    case count, p50, p95, p99, max
  }

  /// Reads the output of `encode(to:)`.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func nanoseconds(_ key: CodingKeys) throws -> UInt64 {
      let microseconds = try values.decode(Double.self, forKey: key)
      guard microseconds >= 0, microseconds * 1000 <= Double(Self.longest) else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: values, debugDescription: "\(microseconds) us is out of range")
      }
      return UInt64((microseconds * 1000).rounded())
    }
    count = try values.decode(Int.self, forKey: .count)
    p50 = try nanoseconds(.p50)
    p95 = try nanoseconds(.p95)
    p99 = try nanoseconds(.p99)
    max = try nanoseconds(.max)
  }

  /// Writes microseconds, whose three decimals are the nanoseconds.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(count, forKey: .count)
    try values.encode(Double(p50) / 1000, forKey: .p50)
    try values.encode(Double(p95) / 1000, forKey: .p95)
    try values.encode(Double(p99) / 1000, forKey: .p99)
    try values.encode(Double(max) / 1000, forKey: .max)
  }
}
