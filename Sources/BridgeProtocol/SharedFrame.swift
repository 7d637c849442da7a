// SPDX-License-Identifier: Apache-2.0

/// A bridge's description of a buffer. The receiver compares each number with the buffer's true size.
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

  /// Makes a description from its parts.
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

  static let blank = SharedBuffer(
    id: 0, modifier: 0, format: 0, width: 0, height: 0, stride: 0, size: 0)

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    try fields.number(&id, "buffer")
    try fields.number(&modifier, "modifier")
    try fields.number(&format, "format")
    try fields.number(&width, "size")
    try fields.number(&height, "size")
    try fields.number(&stride, "size")
    try fields.number(&size, "size")
    try fields.reserved(UInt32.self)
    let sides = 1...WireConstants.largestSide
    try fields.check(id != 0, "buffer")
    try fields.check(
      sides.contains(width) && sides.contains(height) && stride > 0 && size > 0, "size")
    try fields.check(format != 0, "format")
  }
}

/// A guest's picture, by the buffers' numbers.
public struct SharedFrame: Hashable, Sendable {
  /// The mouse pointer on a plane of its own.
  public struct Pointer: Hashable, Sendable {
    /// The buffer with its picture.
    public var buffer: UInt64
    /// The picture's left edge, in pixels from the primary plane's.
    public var x: Int32
    /// The picture's upper edge, in pixels from the primary plane's.
    public var y: Int32
    /// The pixel that points; `nil` when the guest does not say.
    public var hotspot: Hotspot?

    /// Makes a pointer from its parts.
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

    /// Makes a pixel's place from its two numbers.
    public init(x: Int32, y: Int32) {
      self.x = x
      self.y = y
    }
  }

  /// The buffer with the picture.
  public var buffer: UInt64
  /// The mouse pointer; `nil` when the guest has none on a plane of its own.
  public var pointer: Pointer?
  /// Counts how often the guest has shown another buffer than before.
  public var flip: UInt64
  /// When the bridge noticed this flip, in nanoseconds of CLOCK_MONOTONIC.
  public var detectedAt: UInt64
  /// When the bridge's last look ended, in nanoseconds of CLOCK_MONOTONIC; not before `detectedAt`.
  public var lookedAt: UInt64

  /// Makes a frame from its parts.
  public init(
    buffer: UInt64, pointer: Pointer?, flip: UInt64, detectedAt: UInt64, lookedAt: UInt64
  ) {
    self.buffer = buffer
    self.pointer = pointer
    self.flip = flip
    self.detectedAt = detectedAt
    self.lookedAt = lookedAt
  }

  static let blank = SharedFrame(buffer: 0, pointer: nil, flip: 0, detectedAt: 0, lookedAt: 0)

  mutating func pass<Pass: FieldPass>(_ fields: inout Pass) throws(Pass.Problem) {
    var picture = pointer?.buffer ?? 0
    var x = pointer?.x ?? 0
    var y = pointer?.y ?? 0
    var hotX = pointer?.hotspot?.x ?? -1
    var hotY = pointer?.hotspot?.y ?? -1
    try fields.number(&buffer, "buffer")
    try fields.check(buffer != 0, "buffer")
    try fields.number(&picture, "pointer")
    try fields.number(&x, "pointer")
    try fields.number(&y, "pointer")
    try fields.number(&hotX, "hotspot")
    try fields.number(&hotY, "hotspot")
    let most = Int32(WireConstants.largestSide)
    if picture == 0 {
      try fields.check(x == 0 && y == 0 && hotX == -1 && hotY == -1, "pointer")
      pointer = nil
    } else {
      try fields.check((-most...most).contains(x) && (-most...most).contains(y), "pointer")
      var hotspot: Hotspot?
      if hotX != -1 || hotY != -1 {
        try fields.check((0..<most).contains(hotX) && (0..<most).contains(hotY), "hotspot")
        hotspot = Hotspot(x: hotX, y: hotY)
      }
      pointer = Pointer(buffer: picture, x: x, y: y, hotspot: hotspot)
    }
    try fields.number(&flip, "flip")
    try fields.number(&detectedAt, "instant")
    try fields.number(&lookedAt, "instant")
  }
}
