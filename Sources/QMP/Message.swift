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
