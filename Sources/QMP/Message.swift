// SPDX-License-Identifier: Apache-2.0

import JSONText

/// A message from QEMU (QMP specification, sections 2.2 to 2.5).
enum Message {
  case greeting(QMPVersion)
  /// The content of `return`, as the response type of the command; `nil` when no caller waits for
  /// it.
  case success(id: Int?, Result<any Sendable, any Error>?)
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

  /// Reads the content of `return` as the response type of the command.
  typealias Reader = @Sendable (KeyedDecodingContainer<Key>) throws -> any Sendable

  static func reader<Response: Decodable & Sendable>(_: Response.Type) -> Reader {
    { try $0.decode(Response.self, forKey: .success) }
  }

  /// Reads a message. The same pass reads the content of an answer.
  ///
  /// - Parameter reader: gives the reader for the answer with an id; `nil` when no caller waits for
  ///   it.
  static func read(
    _ bytes: [UInt8], reader: @escaping @Sendable (_ id: Int?) -> Reader?
  ) throws -> Message {
    try JSON.decode(Message.self, from: bytes, context: Readers(find: reader))
  }

  fileprivate struct Readers: Sendable {
    let find: @Sendable (Int?) -> Reader?
  }

  enum Key: String, CodingKey {
    case greeting = "QMP"
    case success = "return"
    case failure = "error"
    case event
    case id
    case version
  }
}

extension Message: Decodable {
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    // Our ids are whole numbers, so an answer with another kind of id is not for us.
    let id = try? container.decode(Int.self, forKey: .id)
    if container.contains(.event) {
      self = .event(try QMPEvent(from: decoder))
    } else if container.contains(.success) {
      let readers = JSON.context(of: decoder) as? Readers
      self = .success(
        id: id, readers?.find(id).map { reader in Result { try reader(container) } })
    } else if container.contains(.failure) {
      self = .failure(id: id, try container.decode(Refusal.self, forKey: .failure))
    } else if container.contains(.greeting) {
      let greeting = try container.nestedContainer(keyedBy: Key.self, forKey: .greeting)
      self = .greeting(try greeting.decode(QMPVersion.self, forKey: .version))
    } else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: [], debugDescription: "neither a greeting, nor an answer, nor an event"))
    }
  }
}

/// A command with its arguments, as it is sent.
struct Request<Arguments: Encodable>: Encodable {
  let execute: String
  let arguments: Arguments?
  /// `nil` when another program gives the command its id.
  let id: Int?
}

/// A version of QEMU: QMP's `VersionInfo`.
public struct QMPVersion: Decodable, Hashable, Sendable {
  /// The first number, 10 of 10.0.2.
  public let major: Int
  /// The second number.
  public let minor: Int
  /// The third number.
  public let micro: Int
  /// The name of a distribution's build; empty for an original QEMU.
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

/// A message that QEMU sends without a request, because something happened (QMP specification,
/// section 2.5).
public struct QMPEvent: Hashable, Sendable {
  /// The event's name, such as `SHUTDOWN` or `RESET`.
  public let name: String
  /// The event's data; `.null` when it has none.
  public let data: JSONValue
  /// The time of the event, since 1970 on the host's clock; `nil` when QEMU does not know it.
  public let timestamp: Duration?

  /// Makes an event from its parts, for a connection that gets events in another way.
  public init(name: String, data: JSONValue = .null, timestamp: Duration? = nil) {
    self.name = name
    self.data = data
    self.timestamp = timestamp
  }
}

extension QMPEvent: Decodable {
  private enum Key: String, CodingKey { case event, data, timestamp, seconds, microseconds }

  /// Reads an event message (QMP specification, section 2.5).
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
