// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a message.
public enum ProtocolError: Error, Hashable, Sendable {
  /// No message of that side has this type.
  case unknownType(UInt16)
  /// The datagram is shorter or longer than its type's messages, or than it says itself.
  case wrongLength(type: UInt16, length: Int)
  /// A field has a value that it cannot have.
  case invalid(field: String)
}

extension ProtocolError: CustomStringConvertible {
  /// One line that says what is wrong.
  public var description: String {
    switch self {
    case .unknownType(let type): "a message of the unknown type \(type)"
    case .wrongLength(let type, let length): "a message of type \(type) with \(length) bytes"
    case .invalid(let field): "a message whose \(field) makes no sense"
    }
  }
}
