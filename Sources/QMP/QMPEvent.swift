// SPDX-License-Identifier: Apache-2.0

/// Something that happened in QEMU without being asked for (QMP specification, section 2.5).
public struct QMPEvent: Hashable, Sendable {
  /// Its name, such as `SHUTDOWN` or `RESET`.
  public let name: String
  /// What belongs to it; `.null` where nothing does.
  public let data: JSONValue
  /// When it was, since 1970 on the host's clock; `nil` where QEMU could not tell.
  public let timestamp: Duration?
}

extension QMPEvent: Decodable {
  private enum Key: String, CodingKey { case event, data, timestamp, seconds, microseconds }

  /// Reads a message of the section that the type names.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    name = try container.decode(String.self, forKey: .event)
    data = try container.decodeIfPresent(JSONValue.self, forKey: .data) ?? .null
    guard container.contains(.timestamp) else {
      timestamp = nil
      return
    }
    let time = try container.nestedContainer(keyedBy: Key.self, forKey: .timestamp)
    let seconds = try time.decode(Int64.self, forKey: .seconds)
    let microseconds = try time.decode(Int64.self, forKey: .microseconds)
    timestamp =
      seconds < 0 || !(0..<1_000_000).contains(microseconds)
      ? nil : .seconds(seconds) + .microseconds(microseconds)
  }
}
