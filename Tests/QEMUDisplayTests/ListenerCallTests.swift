// SPDX-License-Identifier: Apache-2.0

import DMABuf
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing
import VGPUDisplay

@testable import QEMUDisplay

/// What a hostile QEMU may call a listener with.
@Suite struct ListenerCallTests {
  private let picture: ConsolePicture
  private var frames = ConsoleFrames()

  init() throws { picture = try ConsolePicture() }

  private func call(_ member: String, _ arguments: [Variant], file size: Int? = nil) throws {
    var descriptors: [Int32] = []
    if let size {
      let file = try DMABuffer.allocate(size: size, name: "test", udmabuf: "/none").duplicate()
      descriptors.append(file.release())
    }
    let call = try ListenerCall(
      member, .tuple(arguments), ReceivedDescriptors(descriptors, closing: ForeignDescriptors()))
    try picture.take(call, nil)
  }

  private mutating func shown() throws -> Picture? {
    guard case .frame(let frame) = frames.poll(picture) else { return nil }
    return try Picture(copying: frame.primary)
  }

  private func numbers(_ values: UInt32...) -> [Variant] { values.map { .uint32($0) } }
  private func part(_ x: Int32, _ y: Int32, _ width: Int32, _ height: Int32) -> [Variant] {
    [x, y, width, height].map { .int32($0) }
  }

  private static let pixel: [UInt8] = [1, 2, 3, 0]

  /// A whole picture, and a part of it; only the part is damaged then.
  @Test mutating func bytesBecomeAPicture() throws {
    let line = Array(repeatElement(Self.pixel, count: 5).joined())
    let bytes = Array(repeatElement(line + [9, 9, 9, 9], count: 3).joined())
    try call("Scanout", numbers(5, 3, 24, PixmanFormat.x8r8g8b8) + [.bytes(bytes)])
    var picture = try #require(try shown())
    #expect((picture.width, picture.height) == (5, 3))
    #expect(picture.color(x: 4, y: 2) == 0x030201)
    #expect(frames.takeDamage() == nil)
    try call(
      "Update",
      part(1, 2, 2, 1) + numbers(8, PixmanFormat.a8r8g8b8) + [.bytes([7, 0, 0, 0, 8, 0, 0, 0])])
    picture = try #require(try shown())
    #expect([0, 1, 2, 3].map { picture.color(x: $0, y: 2) } == [0x030201, 7, 8, 0x030201])
    #expect(frames.takeDamage() == Damage(PixelRectangle(x: 1, y: 2, width: 2, height: 1)))
    // The other buffers get what they have missed, too.
    for value in UInt8(20)..<26 {
      try call(
        "Update",
        part(0, 0, 1, 1) + numbers(4, PixmanFormat.x8r8g8b8) + [.bytes([value, 0, 0, 0])])
      picture = try #require(try shown())
      #expect(picture.color(x: 0, y: 0) == UInt32(value) && picture.color(x: 2, y: 2) == 8)
    }
  }

  @Test(
    arguments: [
      (0x1002_0565, [0x00, 0xF8] as [UInt8], 0xFF0000), (0x1002_0555, [0xE0, 0x03], 0x00FF00),
      (0x2008_0888, [0x00, 0x11, 0x22, 0x33], 0x112233),
      (0x2003_0888, [0x33, 0x22, 0x11, 0], 0x332211),
      (0x1802_0888, [0x11, 0x22, 0x33], 0x332211),
    ] as [(UInt32, [UInt8], UInt32)])
  mutating func formats(code: UInt32, bytes: [UInt8], color: UInt32) throws {
    try call("Scanout", numbers(1, 1, UInt32(bytes.count), code) + [.bytes(bytes)])
    #expect(try shown()?.color(x: 0, y: 0) == color)
  }

  @Test mutating func aFileIsShownAndUpdated() throws {
    try call(
      "ScanoutMap", [.handle(0)] + numbers(16, 8, 4, 40, PixmanFormat.x8r8g8b8), file: 4096)
    #expect(try shown()?.color(x: 7, y: 3) == 0)
    _ = frames.takeDamage()
    // Parts may reach over the edge.
    try call("UpdateMap", part(6, 0, 99, 2))
    #expect(try shown() != nil)
    #expect(frames.takeDamage() == Damage(PixelRectangle(x: 6, y: 0, width: 2, height: 2)))
  }

  /// A guest that flips shows two files in turn: neither the buffers for frames nor the maps are made anew,
  /// and a flip is one piece of news, though it comes as two calls.
  @Test mutating func aFlipIsOnePieceOfNews() async throws {
    let files = try (0..<2).map { _ in
      try DMABuffer.allocate(size: 4096, name: "test", udmabuf: "/none")
    }
    func flip(_ number: Int, value: UInt8) throws {
      try files[number].map(.readWrite).write { $0[0] = value }
      let descriptor = try files[number].duplicate().release()
      try picture.take(
        try ListenerCall(
          "ScanoutMap", .tuple([.handle(0)] + numbers(0, 8, 4, 32, PixmanFormat.x8r8g8b8)),
          ReceivedDescriptors([descriptor], closing: ForeignDescriptors())), nil)
    }
    func hasNews() -> Bool {
      var entry = pollfd(fd: picture.news.rawValue, events: Int16(POLLIN), revents: 0)
      return poll(&entry, 1, 0) > 0
    }
    var buffers: Set<UInt64> = []
    for value in UInt8(1)...12 {
      try flip(Int(value) % 2, value: value)
      // What follows is not known of the first.
      if value > 1 { #expect(!hasNews()) }
      try call("UpdateMap", part(0, 0, 8, 4))
      #expect(hasNews())
      guard case .frame(let frame) = frames.poll(picture) else {
        Issue.record("no picture")
        return
      }
      buffers.insert(frame.primary.id)
      #expect(try Picture(copying: frame.primary).color(x: 0, y: 0) == UInt32(value))
      #expect(frame.flip == UInt64(value))
    }
    #expect(buffers.count == 3)
    #expect(picture.state.withLock(\.maps.count) == 2)
    // A picture that no update follows is told of too.
    try flip(1, value: 77)
    let news = picture.news.rawValue
    try await eventually {
      var entry = pollfd(fd: news, events: Int16(POLLIN), revents: 0)
      return poll(&entry, 1, 0) > 0
    }
    #expect(try shown()?.color(x: 0, y: 0) == 77)
  }

  /// Another picture's part is refused, and the picture is asked for again.
  @Test mutating func partOfAnotherPicture() throws {
    let scanout = numbers(2, 2, 8, PixmanFormat.x8r8g8b8) + [.bytes(Array(repeating: 1, count: 16))]
    try call("Scanout", scanout)
    let size = PixelSize(width: 2, height: 2)
    #expect(!picture.isDoubtful(size) && picture.isDoubtful(PixelSize(width: 3, height: 2)))
    #expect(throws: DisplayDefect.self) {
      try call(
        "Update",
        part(1, 1, 2, 1) + numbers(8, PixmanFormat.x8r8g8b8)
          + [.bytes(Array(repeating: 1, count: 8))])
    }
    #expect(picture.isDoubtful(size))
    try call("Scanout", scanout)
    #expect(!picture.isDoubtful(size))
  }

  /// The last picture stays until another one comes, or the follower gives it up.
  @Test mutating func disableKeepsThePicture() throws {
    try call(
      "Scanout", numbers(1, 1, 4, PixmanFormat.x8r8g8b8) + [.bytes(Self.pixel)])
    try call("Disable", [])
    #expect(try shown() != nil && picture.isDisabled)
    picture.clear("")
    guard case .noPicture(.planeOff) = frames.poll(picture) else {
      Issue.record("a picture")
      return
    }
  }

  @Test mutating func pointer() throws {
    try call("Scanout", numbers(1, 1, 4, PixmanFormat.x8r8g8b8) + [.bytes(Self.pixel)])
    try call("CursorDefine", part(2, 1, -1, -1) + [.bytes(Array(repeating: 255, count: 8))])
    try call("MouseSet", [.int32(-3), .int32(4), .int32(1)])
    guard case .frame(let frame) = frames.poll(picture) else { return #expect(Bool(false)) }
    let cursor = try #require(frame.cursor)
    #expect((cursor.x, cursor.y) == (-3, 4) && cursor.hotspot == nil)
    try call("MouseSet", [.int32(0), .int32(0), .int32(0)])
    guard case .frame(let hidden) = frames.poll(picture) else { return #expect(Bool(false)) }
    #expect(hidden.cursor == nil)
  }

  /// Nothing of this is believed, and nothing of it traps.
  @Test func nonsenseIsRefused() throws {
    let format = PixmanFormat.x8r8g8b8
    let most = UInt32.max
    let few: [Variant] = [.bytes([1, 2, 3])]
    for arguments in [
      [], few, numbers(1, 1, 4, format), numbers(1, 1, 4, format) + few,
      numbers(0, 1, 4, format) + few, numbers(most, most, most, format) + few,
      numbers(16384, 16384, most, format) + few, numbers(2, 1, 4, format) + few,
      numbers(1, 1, 4, 0) + few, numbers(1, 1, 4, most) + few,
    ] {
      #expect(throws: DisplayDefect.self) { try call("Scanout", arguments) }
    }
    for arguments in [
      [.handle(1)] + numbers(0, 1, 1, 4, format), [.handle(0)] + numbers(most, 1, 1, 4, format),
      [.handle(0)] + numbers(0, 33, 32, 128, format), [.handle(-1)] + numbers(0, 1, 1, 4, format),
    ] {
      #expect(throws: DisplayDefect.self) { try call("ScanoutMap", arguments, file: 4096) }
    }
    let linear: [Variant] = [.uint64(0), .bool(false)]
    for arguments in [
      [.handle(0)] + numbers(33, 32, 128, FourCC.xrgb8888.rawValue) + linear,
      [.handle(0)] + numbers(32, 32, 128, 0) + linear,
      [.handle(2)] + numbers(32, 32, 128, FourCC.xrgb8888.rawValue) + linear,
    ] {
      #expect(throws: DisplayDefect.self) { try call("ScanoutDMABUF", arguments, file: 4096) }
    }
    for arguments in [
      part(.max, .max, -1, -1) + few, part(4096, 4096, 0, 0) + few, part(2, 2, 0, 0) + few,
    ] {
      #expect(throws: DisplayDefect.self) { try call("CursorDefine", arguments) }
    }
    #expect(throws: DisplayDefect.self) { try call("UpdateMap", part(0, 0, 1, 1)) }
    #expect(throws: DisplayDefect.self) { try call("UpdateDMABUF", part(.min, .min, .max, .max)) }
    #expect(throws: DisplayDefect.self) { try call("Anything", []) }
  }
}
