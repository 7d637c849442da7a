// SPDX-License-Identifier: Apache-2.0

import GuestSound

/// The object that QEMU calls with a guest's sound. Every call is answered at once, whatever becomes of the
/// sound: QEMU's processors wait for what is recorded.
enum SoundListener {
  /// One direction of sound, and whoever takes or gives it.
  enum Direction: Sendable {
    case out(any SoundOutput)
    case `in`(any SoundInput)

    var streams: any SoundStreams {
      switch self {
      case .out(let output): output
      case .in(let input): input
      }
    }

    /// The call that registers a listener.
    var registration: String {
      switch self {
      case .out: "RegisterOutListener"
      case .in: "RegisterInListener"
      }
    }

    /// What it is, for people.
    var title: String {
      switch self {
      case .out: "sound"
      case .in: "the microphone"
      }
    }
  }

  /// Answers one message on a listener's connection.
  static func answer(_ message: PeerConnection.Incoming, _ direction: Direction) {
    if message.isSignal { return }
    if message.interface == DisplayName.properties {
      // QEMU asks for all of them before it goes on, and needs none.
      if message.member == "GetAll" {
        message.reply.send([.dictionary([:])])
      } else {
        message.reply.refuse(DisplayName.unknownMethod, "no such property")
      }
      return
    }
    do throws(DisplayDefect) {
      message.reply.send(try carryOut(try SoundCall(message.member, message.body), direction))
    } catch {
      let isUnknown = if case .unknownCall = error { true } else { false }
      message.reply.refuse(
        isUnknown ? DisplayName.unknownMethod : DisplayName.invalidArguments, "\(error)")
    }
  }

  /// Carries a call out.
  ///
  /// - Returns: the results for the answer.
  /// - Throws: `DisplayDefect.unknownCall` for a call of the other direction.
  static func carryOut(
    _ call: SoundCall, _ direction: Direction
  ) throws(DisplayDefect) -> [Variant] {
    let streams = direction.streams
    switch (call, direction) {
    case (.begin(let id, let format), _): streams.begin(id, format)
    case (.end(let id), _): streams.end(id)
    case (.enable(let id, let isEnabled), _): streams.setEnabled(id, isEnabled)
    case (.volume(let id, let volume), _): streams.setVolume(id, volume)
    case (.write(let id, let bytes), .out(let output)):
      bytes.withBytes { output.write($0, to: id) }
    case (.read(let id, let size), .in(let input)):
      return [.bytes(input.read(size, from: id))]
    case (.write, .in): throw .unknownCall("Write")
    case (.read, .out): throw .unknownCall("Read")
    }
    return []
  }
}
