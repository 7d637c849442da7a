// SPDX-License-Identifier: Apache-2.0

/// A message from QEMU (QMP specification, sections 2.2 to 2.5). What a `return` contains is left for
/// the one who asked, who knows its type.
enum Message {
  case greeting
  case success(id: Int?)
  case failure(id: Int?, Refusal)
  case event(QMPEvent)

  struct Refusal: Decodable {
    let errorClass: String
    let reason: String

    private enum CodingKeys: String, CodingKey {
      case errorClass = "class"
      case reason = "desc"
    }
  }
}

extension Message: Decodable {
  private enum Key: String, CodingKey {
    case greeting = "QMP"
    case success = "return"
    case failure = "error"
    case event
    case id
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    // Ours are whole numbers; one of another kind answers nothing of ours.
    let id = try? container.decode(Int.self, forKey: .id)
    if container.contains(.event) {
      self = .event(try QMPEvent(from: decoder))
    } else if container.contains(.success) {
      self = .success(id: id)
    } else if container.contains(.failure) {
      self = .failure(id: id, try container.decode(Refusal.self, forKey: .failure))
    } else if container.contains(.greeting) {
      self = .greeting
    } else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: [], debugDescription: "neither a greeting, nor an answer, nor an event"))
    }
  }
}

/// What the greeting says.
struct Greeting: Decodable {
  let version: QMPVersion

  private enum Key: String, CodingKey {
    case greeting = "QMP"
    case version
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let greeting = try container.nestedContainer(keyedBy: Key.self, forKey: .greeting)
    version = try greeting.decode(QMPVersion.self, forKey: .version)
  }
}

/// What a `return` contains.
struct Answer<Value: Decodable>: Decodable {
  let value: Value

  private enum CodingKeys: String, CodingKey { case value = "return" }
}

/// A command with its arguments, as it is sent.
struct Request<Arguments: Encodable>: Encodable {
  let execute: String
  let arguments: Arguments?
  /// `nil` where somebody else gives one.
  let id: Int?
}

/// Which QEMU this is: QMP's `VersionInfo`.
public struct QMPVersion: Decodable, Hashable, Sendable {
  /// The first number, 10 of 10.0.2.
  public let major: Int
  /// The second number.
  public let minor: Int
  /// The third number.
  public let micro: Int
  /// What a distribution calls its build; empty for QEMU's own.
  public let package: String

  private enum Key: String, CodingKey { case qemu, package, major, minor, micro }

  /// Reads `{"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": ""}`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    package = try container.decode(String.self, forKey: .package)
    let numbers = try container.nestedContainer(keyedBy: Key.self, forKey: .qemu)
    major = try numbers.decode(Int.self, forKey: .major)
    minor = try numbers.decode(Int.self, forKey: .minor)
    micro = try numbers.decode(Int.self, forKey: .micro)
  }
}

extension QMPVersion: CustomStringConvertible {
  /// `10.0.2`.
  public var description: String { "\(major).\(minor).\(micro)" }
}

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
