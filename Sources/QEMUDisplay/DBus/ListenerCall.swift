// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import VGPUDisplay

/// One call of QEMU's to a listener (org.qemu.Display1.Listener and its additions), checked: sizes,
/// strides and formats fit together and fit the bytes that came. Whether they fit the present picture
/// is checked when the call is carried out.
enum ListenerCall {
  /// A whole picture, in bytes.
  case scanout(SentPixels)
  /// The pixels of a part of the picture; its upper left corner.
  case update(x: Int, y: Int, SentPixels)
  /// A picture in a memory file that QEMU goes on to draw into.
  case scanoutMap(SharedPixels)
  /// A part of that picture has changed.
  case updateMap(PixelRectangle)
  /// A picture in a dma-buf.
  case scanoutDMABuf(SharedBuffer)
  /// A part of that picture has changed.
  case updateDMABuf(PixelRectangle)
  /// There is no picture.
  case disable
  /// The pointer's picture is at a place, or hidden.
  case mouseSet(x: Int, y: Int, isVisible: Bool)
  /// The pointer's picture.
  case cursorDefine(SentPixels, hotspot: (x: Int, y: Int)?)

  /// The interfaces beside `org.qemu.Display1.Listener` that a listener of ours has. QEMU before 9.2
  /// asks for none of them.
  static let interfaces = [
    "org.qemu.Display1.Listener.Unix.Map", "org.qemu.Display1.Listener.Unix.ScanoutDMABUF2",
  ]
  /// The object that QEMU calls.
  static let path = "/org/qemu/Display1/Listener"

  /// The calls, with the types of their arguments.
  static let signatures: [(member: String, signature: String)] = [
    ("Scanout", "(uuuuay)"), ("Update", "(iiiiuuay)"), ("ScanoutMap", "(huuuuu)"),
    ("UpdateMap", "(iiii)"), ("ScanoutDMABUF", "(huuuutb)"),
    ("ScanoutDMABUF2", "(ahuuuuauauuuuutb)"), ("UpdateDMABUF", "(iiii)"), ("Disable", "()"),
    ("MouseSet", "(iii)"), ("CursorDefine", "(iiiiay)"),
  ]

  /// Reads a call.
  ///
  /// - Parameters:
  ///   - member: the method's name. Names of all interfaces differ.
  ///   - body: its arguments.
  ///   - descriptors: what came with it.
  /// - Throws: `DisplayDefect`.
  init(
    _ member: String, _ body: Variant?, _ descriptors: ReceivedDescriptors
  ) throws(DisplayDefect) {
    func arguments() throws(DisplayDefect) -> [Variant] {
      let signature = Self.signatures.first { $0.member == member }?.signature ?? ""
      guard let members = body?.members(signature) else {
        throw .signature(member, body?.signature ?? "()")
      }
      return members
    }
    func descriptor(_ handle: Variant) throws(DisplayDefect) -> OwnedFileDescriptor {
      guard let handle = handle.handle, let descriptor = descriptors.take(handle) else {
        throw .noDescriptor(member)
      }
      return descriptor
    }
    switch member {
    case "Scanout":
      let parts = try arguments()
      self = .scanout(
        try SentPixels(
          width: parts[0].number, height: parts[1].number, stride: parts[2].number,
          format: parts[3].uint32, bytes: parts[4]))
    case "Update":
      let parts = try arguments()
      self = .update(
        x: parts[0].number, y: parts[1].number,
        try SentPixels(
          width: parts[2].number, height: parts[3].number, stride: parts[4].number,
          format: parts[5].uint32, bytes: parts[6]))
    case "ScanoutMap":
      let parts = try arguments()
      self = .scanoutMap(
        try SharedPixels(
          try descriptor(parts[0]), offset: parts[1].number, width: parts[2].number,
          height: parts[3].number, stride: parts[4].number, format: parts[5].uint32))
    case "UpdateMap":
      self = .updateMap(PixelRectangle(try arguments()))
    case "ScanoutDMABUF":
      let parts = try arguments()
      let size = PixelSize(width: parts[1].number, height: parts[2].number)
      self = .scanoutDMABuf(
        try SharedBuffer(
          try descriptor(parts[0]), backing: size,
          crop: size.whole,
          planes: [ImageLayout.Plane(offset: 0, stride: parts[3].number)], fourCC: parts[4].uint32,
          modifier: parts[5].uint64, isUpsideDown: parts[6].bool))
    case "ScanoutDMABUF2":
      self = .scanoutDMABuf(try Self.dmaBuf2(try arguments(), descriptors))
    case "UpdateDMABUF":
      self = .updateDMABuf(PixelRectangle(try arguments()))
    case "Disable":
      self = .disable
    case "MouseSet":
      let parts = try arguments()
      self = .mouseSet(
        x: parts[0].number, y: parts[1].number, isVisible: parts[2].number != 0)
    case "CursorDefine":
      let parts = try arguments()
      let width = parts[0].number
      let (stride, overflows) = width.multipliedReportingOverflow(by: 4)
      guard !overflows, max(width, parts[1].number) <= Self.largestCursor else {
        throw .absurdSize(width: width, height: parts[1].number)
      }
      let pixels = try SentPixels(
        width: width, height: parts[1].number, stride: stride, format: PixmanFormat.a8r8g8b8,
        bytes: parts[4])
      let hotspot = (x: parts[2].number, y: parts[3].number)
      // A guest without a hotspot has -1 in some versions.
      let isWithin =
        (0..<pixels.size.width).contains(hotspot.x) && (0..<pixels.size.height).contains(hotspot.y)
      self = .cursorDefine(pixels, hotspot: isWithin ? hotspot : nil)
    default:
      throw .unknownCall(member)
    }
  }

  /// No device of QEMU's has a larger pointer.
  private static let largestCursor = 1024

  /// The arguments are: descriptors, the picture's x, y, width, height, each plane's offset and stride,
  /// the number of planes, fourcc, the backing's width and height, modifier, `y0_top`.
  private static func dmaBuf2(
    _ parts: [Variant], _ descriptors: ReceivedDescriptors
  ) throws(DisplayDefect) -> SharedBuffer {
    guard let offsets = parts[5].uint32s, let strides = parts[6].uint32s,
      let count = parts[7].uint32.map(Int.init), (1...4).contains(count), offsets.count >= count,
      strides.count >= count
    else { throw .planes }
    let handles = parts[0].members.compactMap(\.handle)
    guard let first = handles.first, let descriptor = descriptors.take(first) else {
      throw .noDescriptor("ScanoutDMABUF2")
    }
    // The planes of one picture come as several descriptors of one buffer.
    for handle in handles.prefix(count).dropFirst() where handle != first {
      guard descriptors.identity(handle) == FileIdentity(of: descriptor) else { throw .planes }
    }
    return try SharedBuffer(
      descriptor, backing: PixelSize(width: parts[9].number, height: parts[10].number),
      crop: PixelRectangle(parts[1...4]),
      planes: zip(offsets, strides).prefix(count).map {
        ImageLayout.Plane(offset: Int($0), stride: Int($1))
      }, fourCC: parts[8].uint32, modifier: parts[11].uint64, isUpsideDown: parts[12].bool)
  }
}

extension Variant {
  /// A number of 32 bits; 0 for a value of another type, which the message's signature excludes.
  fileprivate var number: Int { uint32.map(Int.init) ?? int32.map(Int.init) ?? 0 }
}

extension PixelRectangle {
  fileprivate init(_ parts: some RandomAccessCollection<Variant>) {
    let numbers = parts.map(\.number)
    self.init(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3])
  }
}
