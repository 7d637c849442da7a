// SPDX-License-Identifier: Apache-2.0

/// One command and its answer as texts, for whoever has another way to QEMU than a socket, such as
/// libvirt.
public enum QMPExchange {
  /// A command as JSON, without an `id`.
  ///
  /// - Throws: `QMPError.invalid` where JSON cannot express it.
  public static func request<Command: QMPCommand>(
    _ command: Command, object: String
  ) throws(QMPError) -> [UInt8] {
    do {
      return try JSON.encode(Request(execute: Command.name, arguments: command, id: nil))
    } catch {
      throw .invalid(object: object, reason: "JSON cannot express it: \(JSON.reason(error))")
    }
  }

  /// What QEMU answered to a command.
  ///
  /// - Throws: `QMPError.refused` where QEMU says no, `.malformed` where it is no answer to it.
  public static func response<Command: QMPCommand>(
    to command: Command, in line: [UInt8], object: String
  ) throws(QMPError) -> Command.Response {
    do {
      switch try JSON.decode(Message.self, from: line) {
      case .success:
        return try JSON.decode(Answer<Command.Response>.self, from: line).value
      case .failure(_, let refusal):
        throw QMPError.refused(
          object: object, command: Command.name, errorClass: refusal.errorClass,
          reason: refusal.reason)
      case .greeting, .event:
        throw QMPError.malformed(object: object, reason: "neither an answer nor an error")
      }
    } catch let error as QMPError {
      throw error
    } catch {
      throw .malformed(object: object, reason: JSON.reason(error))
    }
  }
}
