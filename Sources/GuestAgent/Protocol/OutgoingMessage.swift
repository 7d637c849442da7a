// SPDX-License-Identifier: Apache-2.0

/// A message on its way to the agent. It is cut into chunks only as the socket takes them, because a
/// content can be long.
struct OutgoingMessage {
  /// VDAgentMessage and the message's fields.
  private let head: [UInt8]
  private let content: [UInt8]
  /// The bytes of `head` and `content` that have been written.
  private var position = 0
  /// The file that the content belongs to, with its bytes.
  let file: UInt32?
  /// Whether it answers the guest's request for a clipboard.
  let isAnswer: Bool
  /// The pointer's buttons, in a message of where it is.
  let buttons: UInt32?
  /// Whether it tells of a place alone: the buttons are as in the message before.
  var isMotion = false

  init(
    _ message: AgentMessage, _ layout: AgentLayout, file: UInt32? = nil, isAnswer: Bool = false
  ) {
    let (kind, fields, content) = message.encoded(layout)
    var head = LittleEndianWriter()
    head.u32(AgentWire.version)
    head.u32(kind)
    head.u64(0)
    head.u32(UInt32(clamping: fields.count + content.count))
    self.head = head.bytes + fields
    self.content = content
    self.file = file
    self.isAnswer = isAnswer
    if case .mouse(_, _, let buttons, _) = message {
      self.buttons = buttons
    } else {
      buttons = nil
    }
  }

  var contentSize: Int { content.count }
  var hasBegun: Bool { position > 0 }
  private var size: Int { head.count + content.count }
  var isWritten: Bool { position == size }

  /// Appends chunks to a buffer, until the message ends or the buffer has `limit` bytes.
  mutating func write(to buffer: inout [UInt8], limit: Int) {
    while !isWritten, buffer.count + AgentWire.chunkHeader < limit {
      let room = limit - buffer.count - AgentWire.chunkHeader
      let count = min(size - position, AgentWire.mostChunkData, room)
      var header = LittleEndianWriter()
      header.u32(AgentWire.clientPort)
      header.u32(UInt32(count))
      buffer += header.bytes
      let end = position + count
      if position < head.count { buffer += head[position..<min(end, head.count)] }
      if end > head.count {
        buffer += content[max(0, position - head.count)..<(end - head.count)]
      }
      position = end
    }
  }
}

/// The messages that wait for the socket. What is short goes before what is long; a message that has
/// begun goes on, because the protocol cannot interrupt it.
struct OutgoingQueue {
  private var current: OutgoingMessage?
  private var short: [OutgoingMessage] = []
  private var long: [OutgoingMessage] = []
  /// The buttons in the last message of where the pointer is.
  private var lastButtons: UInt32? = 0

  /// The most short messages that wait. When so many wait, the agent does not read, and nothing more is
  /// read from it.
  static let mostShort = 256

  var isEmpty: Bool { current == nil && short.isEmpty && long.isEmpty }
  var isFull: Bool { short.count >= Self.mostShort }
  /// Whether a message is written in part.
  var isWithinMessage: Bool { current?.hasBegun == true }
  /// The long messages that wait or are being written.
  var longCount: Int { long.count + (current.map { $0.contentSize > 0 } == true ? 1 : 0) }

  mutating func append(_ message: OutgoingMessage) {
    if message.contentSize > AgentWire.mostChunkData || message.file != nil {
      long.append(message)
    } else if message.buttons != nil {
      append(pointer: message)
    } else {
      short.append(message)
    }
  }

  /// Of places that follow each other only the last one counts, so that a guest that reads slowly is not told of
  /// old ones. A press or a release stays where it was. Whoever reads nothing gets the last word.
  private mutating func append(pointer message: OutgoingMessage) {
    var message = message
    message.isMotion = message.buttons == lastButtons
    lastButtons = message.buttons
    if message.isMotion, short.last?.isMotion == true {
      short[short.count - 1] = message
    } else if !isFull {
      short.append(message)
    } else if let index = short.lastIndex(where: { $0.buttons != nil }) {
      short[index] = message
    } else if !message.isMotion {
      short.append(message)
    }
  }

  /// Takes back what waits of a file.
  mutating func drop(file: UInt32) {
    long.removeAll { $0.file == file }
  }

  /// Takes back all long messages that have not begun.
  mutating func dropLong() { long = [] }

  /// Fills a buffer.
  ///
  /// - Returns: the messages that are now wholly in the buffers so far.
  mutating func fill(_ buffer: inout [UInt8], limit: Int) -> [OutgoingMessage] {
    var written: [OutgoingMessage] = []
    while buffer.count + AgentWire.chunkHeader < limit {
      if current == nil {
        current = !short.isEmpty ? short.removeFirst() : long.isEmpty ? nil : long.removeFirst()
      }
      guard var message = current.take() else { break }
      message.write(to: &buffer, limit: limit)
      if message.isWritten { written.append(message) } else { current = message }
    }
    return written
  }
}
