// SPDX-License-Identifier: Apache-2.0

/// What a bridge says of itself.
public struct Welcome: Hashable, Sendable {
  /// The version that both sides speak from now on.
  public var version: UInt16
  /// How many buffers a client may hold.
  public var buffers: UInt32
  /// How many messages of a client are answered in a second; more are left waiting.
  public var messagesPerSecond: UInt32
  /// How many bytes those buffers may have together.
  public var bytes: UInt64

  /// Makes a welcome of its parts.
  public init(version: UInt16, buffers: UInt32, messagesPerSecond: UInt32, bytes: UInt64) {
    self.version = version
    self.buffers = buffers
    self.messagesPerSecond = messagesPerSecond
    self.bytes = bytes
  }

  init(_ reader: inout WireReader) throws(ProtocolError) {
    guard reader.read() == WireConstants.magic else { throw .invalid(field: "magic") }
    version = reader.read()
    guard version > 0 else { throw .invalid(field: "version") }
    try reader.readZero(UInt16.self)
    buffers = reader.read()
    messagesPerSecond = reader.read()
    bytes = reader.read()
    guard buffers > 1, messagesPerSecond > 0, bytes > 0 else { throw .invalid(field: "limit") }
  }

  func write(to writer: inout WireWriter) {
    writer.write(WireConstants.magic)
    writer.write(version)
    writer.write(UInt16(0))
    writer.write(buffers)
    writer.write(messagesPerSecond)
    writer.write(bytes)
  }
}

/// One vGPU of those that a client may see.
public struct ListedVGPU: Hashable, Sendable {
  /// Its place in the list, from 0.
  public var index: UInt32
  /// How many there are.
  public var count: UInt32
  /// Which it is.
  public var identifier: VGPUIdentifier
  /// Clients that have opened it.
  public var viewers: UInt32
  /// Whether the client may ask for another size.
  public var canResize: Bool
  /// LOOKs that were answered.
  public var looks: UInt64
  /// Times that the guest was looked at for them.
  public var polls: UInt64
  /// Times that it showed another buffer than before.
  public var flips: UInt64
  /// Buffers sent.
  public var buffers: UInt64
  /// What it is called, 64 bytes at most.
  public var name: String

  /// Makes an entry of its parts.
  public init(
    index: UInt32, count: UInt32, identifier: VGPUIdentifier, viewers: UInt32, canResize: Bool,
    looks: UInt64, polls: UInt64, flips: UInt64, buffers: UInt64, name: String
  ) {
    self.index = index
    self.count = count
    self.identifier = identifier
    self.viewers = viewers
    self.canResize = canResize
    self.looks = looks
    self.polls = polls
    self.flips = flips
    self.buffers = buffers
    self.name = name
  }

  init(_ reader: inout WireReader) throws(ProtocolError) {
    index = reader.read()
    count = reader.read()
    guard index < count else { throw .invalid(field: "index") }
    identifier = reader.readIdentifier()
    viewers = reader.read()
    canResize = try Flags.read(&reader)
    looks = reader.read()
    polls = reader.read()
    flips = reader.read()
    buffers = reader.read()
    name = try reader.readText(length: WireConstants.nameLength, "name")
  }

  func write(to writer: inout WireWriter) {
    writer.write(index)
    writer.write(count)
    writer.write(identifier)
    writer.write(viewers)
    Flags.write(canResize, to: &writer)
    writer.write(looks)
    writer.write(polls)
    writer.write(flips)
    writer.write(buffers)
    writer.write(name, length: WireConstants.nameLength)
  }
}

/// The vGPU that a client has chosen.
public struct OpenedVGPU: Hashable, Sendable {
  /// Which it is.
  public var identifier: VGPUIdentifier
  /// Whether the client may ask for another size.
  public var canResize: Bool
  /// The widest picture that can be asked for, in pixels; 0 where nobody knows.
  public var maximumWidth: UInt32
  /// The highest picture that can be asked for, in pixels; 0 where nobody knows.
  public var maximumHeight: UInt32
  /// What it is called, 64 bytes at most.
  public var name: String

  /// Makes an answer of its parts.
  public init(
    identifier: VGPUIdentifier, canResize: Bool, maximumWidth: UInt32, maximumHeight: UInt32,
    name: String
  ) {
    self.identifier = identifier
    self.canResize = canResize
    self.maximumWidth = maximumWidth
    self.maximumHeight = maximumHeight
    self.name = name
  }

  init(_ reader: inout WireReader) throws(ProtocolError) {
    identifier = reader.readIdentifier()
    canResize = try Flags.read(&reader)
    maximumWidth = reader.read()
    maximumHeight = reader.read()
    try reader.readZero(UInt32.self)
    name = try reader.readText(length: WireConstants.nameLength, "name")
  }

  func write(to writer: inout WireWriter) {
    writer.write(identifier)
    Flags.write(canResize, to: &writer)
    writer.write(maximumWidth)
    writer.write(maximumHeight)
    writer.write(UInt32(0))
    writer.write(name, length: WireConstants.nameLength)
  }
}

/// The one flag that there is.
private enum Flags {
  static func read(_ reader: inout WireReader) throws(ProtocolError) -> Bool {
    let flags: UInt32 = reader.read()
    guard flags & ~1 == 0 else { throw .invalid(field: "flags") }
    return flags == 1
  }

  static func write(_ canResize: Bool, to writer: inout WireWriter) {
    writer.write(UInt32(canResize ? 1 : 0))
  }
}

/// A buffer as a bridge describes it. The receiver compares all of it with the buffer's true size.
public struct SharedBuffer: Hashable, Sendable {
  /// A number that this bridge gives to no other buffer.
  public var id: UInt64
  /// The memory layout, a DRM format modifier.
  public var modifier: UInt64
  /// The pixel format, a DRM fourcc.
  public var format: UInt32
  /// Width in pixels.
  public var width: UInt32
  /// Height in pixels.
  public var height: UInt32
  /// Bytes from one line to the next.
  public var stride: UInt32
  /// The end of the last pixel, in bytes from the buffer's start.
  public var size: UInt32

  /// Makes a description of its parts.
  public init(
    id: UInt64, modifier: UInt64, format: UInt32, width: UInt32, height: UInt32, stride: UInt32,
    size: UInt32
  ) {
    self.id = id
    self.modifier = modifier
    self.format = format
    self.width = width
    self.height = height
    self.stride = stride
    self.size = size
  }

  init(_ reader: inout WireReader) throws(ProtocolError) {
    id = reader.read()
    modifier = reader.read()
    format = reader.read()
    width = reader.read()
    height = reader.read()
    stride = reader.read()
    size = reader.read()
    try reader.readZero(UInt32.self)
    let sides = 1...WireConstants.largestSide
    guard id != 0 else { throw .invalid(field: "buffer") }
    guard sides.contains(width), sides.contains(height), stride > 0, size > 0 else {
      throw .invalid(field: "size")
    }
    guard format != 0 else { throw .invalid(field: "format") }
  }

  func write(to writer: inout WireWriter) {
    writer.write(id)
    writer.write(modifier)
    writer.write(format)
    writer.write(width)
    writer.write(height)
    writer.write(stride)
    writer.write(size)
    writer.write(UInt32(0))
  }
}

/// What a guest shows, by the buffers' numbers.
public struct SharedFrame: Hashable, Sendable {
  /// The mouse pointer on a plane of its own.
  public struct Pointer: Hashable, Sendable {
    /// The buffer with its picture.
    public var buffer: UInt64
    /// The picture's left edge, in pixels from the primary plane's.
    public var x: Int32
    /// The picture's upper edge, in pixels from the primary plane's.
    public var y: Int32
    /// The pixel that points; `nil` where the guest did not say.
    public var hotspot: Hotspot?

    /// Makes a pointer of its parts.
    public init(buffer: UInt64, x: Int32, y: Int32, hotspot: Hotspot?) {
      self.buffer = buffer
      self.x = x
      self.y = y
      self.hotspot = hotspot
    }
  }

  /// A pixel of the pointer's picture.
  public struct Hotspot: Hashable, Sendable {
    /// From the left edge.
    public var x: Int32
    /// From the upper edge.
    public var y: Int32

    /// Makes a pixel's place of its two numbers.
    public init(x: Int32, y: Int32) {
      self.x = x
      self.y = y
    }
  }

  /// The buffer with the picture.
  public var buffer: UInt64
  /// The mouse pointer; `nil` where the guest has none on a plane of its own.
  public var pointer: Pointer?
  /// Counts how often the guest has shown another buffer than before.
  public var flip: UInt64
  /// When the bridge saw this buffer for the first time, in nanoseconds of CLOCK_MONOTONIC.
  public var detectedAt: UInt64
  /// When the bridge looked, in nanoseconds of CLOCK_MONOTONIC.
  public var lookedAt: UInt64

  /// Makes a frame of its parts.
  public init(
    buffer: UInt64, pointer: Pointer?, flip: UInt64, detectedAt: UInt64, lookedAt: UInt64
  ) {
    self.buffer = buffer
    self.pointer = pointer
    self.flip = flip
    self.detectedAt = detectedAt
    self.lookedAt = lookedAt
  }

  init(_ reader: inout WireReader) throws(ProtocolError) {
    buffer = reader.read()
    guard buffer != 0 else { throw .invalid(field: "buffer") }
    let picture: UInt64 = reader.read()
    let x: Int32 = reader.read()
    let y: Int32 = reader.read()
    let hotX: Int32 = reader.read()
    let hotY: Int32 = reader.read()
    let most = Int32(WireConstants.largestSide)
    if picture == 0 {
      guard x == 0, y == 0, hotX == -1, hotY == -1 else { throw .invalid(field: "pointer") }
      pointer = nil
    } else {
      guard (-most...most).contains(x), (-most...most).contains(y) else {
        throw .invalid(field: "pointer")
      }
      var hotspot: Hotspot?
      if hotX != -1 || hotY != -1 {
        guard (0..<most).contains(hotX), (0..<most).contains(hotY) else {
          throw .invalid(field: "hotspot")
        }
        hotspot = Hotspot(x: hotX, y: hotY)
      }
      pointer = Pointer(buffer: picture, x: x, y: y, hotspot: hotspot)
    }
    flip = reader.read()
    detectedAt = reader.read()
    lookedAt = reader.read()
  }

  func write(to writer: inout WireWriter) {
    writer.write(buffer)
    writer.write(pointer?.buffer ?? 0)
    writer.write(pointer?.x ?? 0)
    writer.write(pointer?.y ?? 0)
    writer.write(pointer?.hotspot?.x ?? -1)
    writer.write(pointer?.hotspot?.y ?? -1)
    writer.write(flip)
    writer.write(detectedAt)
    writer.write(lookedAt)
  }
}

/// What a bridge has done since it started.
public struct BridgeCounters: Hashable, Sendable {
  /// Clients that are connected.
  public var clients: UInt32 = 0
  /// vGPUs that are looked at.
  public var vGPUs: UInt32 = 0
  /// Connections taken.
  public var connections: UInt64 = 0
  /// Connections that were refused.
  public var refused: UInt64 = 0
  /// Clients that were thrown out: for nonsense, for too much, or as they did not read.
  public var expelled: UInt64 = 0
  /// Messages read.
  public var messages: UInt64 = 0
  /// Messages that made no sense.
  public var malformed: UInt64 = 0
  /// Times that a client sent more than its rate and was left waiting.
  public var throttled: UInt64 = 0
  /// Answers that had to wait, as the client did not read.
  public var postponed: UInt64 = 0
  /// Messages that came with descriptors, none of which was taken.
  public var strayDescriptors: UInt64 = 0

  /// All zero.
  public init() {}

  init(_ reader: inout WireReader) throws(ProtocolError) {
    clients = reader.read()
    vGPUs = reader.read()
    connections = reader.read()
    refused = reader.read()
    expelled = reader.read()
    messages = reader.read()
    malformed = reader.read()
    throttled = reader.read()
    postponed = reader.read()
    strayDescriptors = reader.read()
  }

  func write(to writer: inout WireWriter) {
    writer.write(clients)
    writer.write(vGPUs)
    writer.write(connections)
    writer.write(refused)
    writer.write(expelled)
    writer.write(messages)
    writer.write(malformed)
    writer.write(throttled)
    writer.write(postponed)
    writer.write(strayDescriptors)
  }
}
