// SPDX-License-Identifier: Apache-2.0

import JSONText

/// A QMP command with a type for its arguments and its answer. The command encodes its arguments.
public protocol QMPCommand: Encodable, Sendable {
  /// The type of QEMU's answer.
  associatedtype Response: Decodable & Sendable = NoResponse

  /// The command's name, such as `query-status`.
  static var name: String { get }
}

/// The answer of a command that only reports success.
public struct NoResponse: Decodable, Hashable, Sendable {
  /// Accepts any value: QEMU's schema says `{}` now, and may say more later.
  public init(from decoder: any Decoder) throws {}
}

extension QMPCommand {
  /// The command as JSON, without an id, for a program that passes commands on to QEMU, such as
  /// libvirt.
  ///
  /// - Throws: `QMPError.invalid` when JSON cannot express it.
  public func request() throws(QMPError) -> [UInt8] {
    do {
      return try JSON.encode(Request(execute: Self.name, arguments: self, id: nil))
    } catch {
      throw .invalid(
        object: Self.name, reason: "JSON cannot express it: \(JSON.reason(error))")
    }
  }

  /// Reads QEMU's answer to `request()`: an object with `return` or `error`.
  ///
  /// - Parameters:
  ///   - answer: the bytes of one JSON text.
  ///   - object: the name of the connection in errors.
  /// - Throws: `QMPError.refused`; `.malformed` when the bytes are no answer, or an answer of
  ///   another type.
  public static func response(
    in answer: [UInt8], from object: String
  ) throws(QMPError) -> Response {
    do {
      let reader = Message.reader(Response.self)
      switch try Message.read(answer, reader: { _ in reader }) {
      case .success(_, let value?):
        if let value = try value.get() as? Response { return value }
      case .failure(_, let refusal):
        throw QMPError.refused(
          object: object, command: name, errorClass: refusal.errorClass, reason: refusal.reason)
      case .success(_, nil), .greeting, .event: break
      }
    } catch let error as QMPError {
      throw error
    } catch {
      throw .malformed(object: object, reason: JSON.reason(error))
    }
    throw .malformed(object: object, reason: "no answer")
  }
}
