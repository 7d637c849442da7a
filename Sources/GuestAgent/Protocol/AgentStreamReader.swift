// SPDX-License-Identifier: Apache-2.0

/// Makes messages of the bytes that come from an agent's port: chunks, which carry messages.
///
/// It believes nothing: a length is only a number until so many bytes have come. A stream that lies or
/// that has lost its place is a defect, and the connection is made anew.
struct AgentStreamReader {
  /// Something that has come whole.
  enum Item: Equatable {
    /// A message. Its body was kept.
    case message(AgentWire.Kind, [UInt8])
    /// A message whose bytes were dropped.
    case dropped(AgentWire.Kind, size: Int)
  }

  /// Why the bytes are no messages.
  enum Defect: Error, Hashable {
    /// A chunk of a port that does not exist.
    case port(UInt32)
    /// Another protocol than the agent's.
    case version(UInt32)
    /// A kind of message that does not exist.
    case kind(UInt32)
    /// A message longer than its kind can be.
    case tooLong(kind: UInt32, size: UInt32)
    /// A chunk that goes on after its message.
    case chunkAfterMessage
  }

  private var chunkHeader: [UInt8] = []
  private var messageHeader: [UInt8] = []
  /// The bytes of the current chunk that have not come.
  private var chunkRest = 0
  private var isServers = false
  private var current: Current?

  private struct Current {
    let kind: AgentWire.Kind
    let size: Int
    let isKept: Bool
    var received = 0
    var body: [UInt8] = []
  }

  /// Whether a message has begun and not ended.
  var isWithinMessage: Bool { current != nil || !messageHeader.isEmpty }

  /// How far the content of a clipboard has come; `nil` when none is coming.
  var content: (received: Int, size: Int)? {
    guard let current, current.kind == .clipboard, current.isKept else { return nil }
    return (current.received, current.size)
  }

  /// Takes bytes from the front of `input` until an item is complete or none is left.
  ///
  /// - Parameter keeps: whether a message of this kind and size in bytes is wanted. The bytes of others
  ///   are dropped as they come.
  /// - Returns: `nil` when more bytes are needed.
  mutating func next(
    _ input: inout ArraySlice<UInt8>, keeps: (AgentWire.Kind, Int) -> Bool
  ) throws(Defect) -> Item? {
    while !input.isEmpty {
      if chunkRest == 0 {
        try readChunkHeader(&input)
        continue
      }
      if isServers {
        let count = min(chunkRest, input.count)
        input.removeFirst(count)
        chunkRest -= count
        continue
      }
      if current == nil { try readMessageHeader(&input, keeps) }
      if let item = readBody(&input) {
        guard chunkRest == 0 else { throw .chunkAfterMessage }
        return item
      }
    }
    return nil
  }

  private mutating func readChunkHeader(_ input: inout ArraySlice<UInt8>) throws(Defect) {
    Self.move(from: &input, to: &chunkHeader, upTo: AgentWire.chunkHeader)
    guard chunkHeader.count == AgentWire.chunkHeader else { return }
    var reader = LittleEndianReader(chunkHeader[...])
    chunkHeader.removeAll(keepingCapacity: true)
    let port = reader.u32() ?? 0
    guard port == AgentWire.clientPort || port == AgentWire.serverPort else { throw .port(port) }
    isServers = port == AgentWire.serverPort
    chunkRest = Int(reader.u32() ?? 0)
  }

  private mutating func readMessageHeader(
    _ input: inout ArraySlice<UInt8>, _ keeps: (AgentWire.Kind, Int) -> Bool
  ) throws(Defect) {
    let before = messageHeader.count
    Self.move(
      from: &input, to: &messageHeader,
      upTo: min(AgentWire.messageHeader, before + chunkRest))
    chunkRest -= messageHeader.count - before
    guard messageHeader.count == AgentWire.messageHeader else { return }
    var reader = LittleEndianReader(messageHeader[...])
    messageHeader.removeAll(keepingCapacity: true)
    let version = reader.u32() ?? 0
    guard version == AgentWire.version else { throw .version(version) }
    let number = reader.u32() ?? 0
    guard let kind = AgentWire.Kind(rawValue: number) else { throw .kind(number) }
    _ = reader.u64()
    let size = reader.u32() ?? 0
    guard Int(size) <= kind.most else { throw .tooLong(kind: number, size: size) }
    current = Current(kind: kind, size: Int(size), isKept: keeps(kind, Int(size)))
  }

  private mutating func readBody(_ input: inout ArraySlice<UInt8>) -> Item? {
    guard var message = current.take() else { return nil }
    let count = min(message.size - message.received, chunkRest, input.count)
    if message.isKept { message.body.append(contentsOf: input.prefix(count)) }
    input.removeFirst(count)
    message.received += count
    chunkRest -= count
    guard message.received == message.size else {
      current = message
      return nil
    }
    return message.isKept
      ? .message(message.kind, message.body) : .dropped(message.kind, size: message.size)
  }

  private static func move(
    from input: inout ArraySlice<UInt8>, to header: inout [UInt8], upTo count: Int
  ) {
    let taken = input.prefix(count - header.count)
    header.append(contentsOf: taken)
    input.removeFirst(taken.count)
  }
}

extension AgentStreamReader.Defect: CustomStringConvertible {
  var description: String {
    switch self {
    case .port(let number): "a chunk of port \(number)"
    case .version(let number): "version \(number) of the protocol"
    case .kind(let number): "a message of kind \(number)"
    case .tooLong(let kind, let size): "a message of kind \(kind) with \(size) bytes"
    case .chunkAfterMessage: "a chunk that goes on after its message"
    }
  }
}
