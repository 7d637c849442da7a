// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import TestSupport
import Testing
import VFIO
import VGPUDisplay

func plane(
  _ format: FourCC = .xrgb8888, modifier: FormatModifier = .linear, width: UInt32 = 64,
  height: UInt32 = 48, stride: UInt32 = 256, size: UInt32? = nil, x: UInt32 = 0, y: UInt32 = 0,
  hotspotX: UInt32 = .max, hotspotY: UInt32 = .max, handle: UInt32 = 1
) -> GraphicsPlane {
  GraphicsPlane(
    format: format.rawValue, modifier: modifier.rawValue, width: width, height: height,
    stride: stride, size: size ?? stride &* height, x: x, y: y, hotspotX: hotspotX,
    hotspotY: hotspotY, handle: handle)
}

@Suite struct PlaneInfoTests {
  @Test func soundPlanesPass() throws {
    let info = try PlaneInfo(checking: plane())
    #expect(info.layout.width == 64)
    #expect(info.layout.height == 48)
    #expect(info.layout.stride == 256)
    #expect(info.end == 47 * 256 + 256)
    #expect(try PlaneInfo(checking: plane(stride: 300)).end == 47 * 300 + 256)
    #expect(try PlaneInfo(checking: plane(modifier: .i915XTiled, stride: 512)).end == 48 * 512)
  }

  private static let malformed: [(GraphicsPlane, PlaneDefect)] = [
    (plane(width: 0), .absurdSize(width: 0, height: 48)),
    (plane(height: 0), .absurdSize(width: 64, height: 0)),
    (plane(width: .max), .absurdSize(width: .max, height: 48)),
    (plane(height: .max), .absurdSize(width: 64, height: .max)),
    (plane(width: 16385, stride: 1 << 17), .absurdSize(width: 16385, height: 48)),
    (plane(FourCC(rawValue: 0)), .unknownFormat(FourCC(rawValue: 0))),
    (plane(FourCC(rawValue: .max)), .unknownFormat(FourCC(rawValue: .max))),
    (plane(stride: 0), .shortStride(stride: 0, needed: 256)),
    (plane(stride: 255), .shortStride(stride: 255, needed: 256)),
    (plane(.rgb565, stride: 127), .shortStride(stride: 127, needed: 128)),
    // Linux writes the width before the stride as a guest sets a mode.
    (
      plane(width: 1920, height: 1200, stride: 4096),
      .shortStride(stride: 4096, needed: 7680)
    ),
  ]

  @Test(arguments: malformed)
  func malformedPlanesAreRefused(plane: GraphicsPlane, defect: PlaneDefect) {
    #expect(throws: defect) { try PlaneInfo(checking: plane) }
    #expect(!defect.description.isEmpty && !defect.description.contains("\n"))
  }

  @Test func theBuffersTrueSizeDecides() throws {
    for size: UInt32 in [1, 48 * 256 - 1, 48 * 256, .max] {
      let info = try PlaneInfo(checking: plane(size: size))
      try info.check(bufferSize: 48 * 256)
      #expect(throws: PlaneDefect.shortBuffer(size: 48 * 256 - 1, needed: 48 * 256)) {
        try info.check(bufferSize: 48 * 256 - 1)
      }
    }
    let longest = try PlaneInfo(checking: plane(stride: .max))
    #expect(longest.end == 47 * Int(UInt32.max) + 256)
  }

  /// Planes as i915's GVT-g tells them (Linux, drivers/gpu/drm/i915/gvt/fb_decoder.c and dmabuf.c), and
  /// the sizes of their buffers.
  @Test(arguments: [
    (
      plane(modifier: .i915XTiled, width: 1400, height: 1050, stride: 5632, size: 5_947_392),
      5_947_392
    ),
    (plane(modifier: .i915XTiled, width: 1366, height: 768, stride: 5632), 4_325_376),
    (plane(.rgb565, width: 1024, height: 768, stride: 2048), 1_572_864),
    (
      plane(
        .xrgb2101010, modifier: .i915YTiled, width: 3840, height: 2160, stride: 15360,
        size: 33_423_360), 33_423_360
    ),
    (plane(.yuyv, width: 1920, height: 1080, stride: 3840), 4_149_248),
    (plane(.c8, width: 640, height: 480, stride: 640), 307_200),
    (plane(width: 16384, height: 4320, stride: 65536), 283_115_520),
    // Linux 4.19 counts in pages, and of 8 times the memory (intel/gvt-linux #85).
    (plane(modifier: .i915XTiled, width: 1920, height: 1200, stride: 7680, size: 9000), 36_864_000),
    (plane(.argb8888, width: 64, height: 64, stride: 256, size: 16), 65_536),
  ])
  func planesOfGVT(plane: GraphicsPlane, bufferSize: Int) throws {
    #expect(!plane.isOff)
    try PlaneInfo(checking: plane).check(bufferSize: bufferSize)
  }

  // MARK: Descriptions of other origins

  private func layout(
    _ width: Int = 64, _ height: Int = 48, stride: Int = 256, offset: Int = 0,
    modifier: FormatModifier = .linear
  ) -> ImageLayout {
    ImageLayout(
      width: width, height: height, format: .xrgb8888, modifier: modifier, stride: stride,
      offset: offset)
  }

  @Test func layoutsArePlanesToo() throws {
    let info = try PlaneInfo(checking: layout(offset: 100))
    #expect(info.end == 100 + 48 * 256 && !info.isUpsideDown)
    #expect(info.crop == PixelRectangle(x: 0, y: 0, width: 64, height: 48))
    #expect(try PlaneInfo(checking: plane()) == PlaneInfo(checking: layout()))
    try info.check(bufferSize: 100 + 48 * 256)
    #expect(throws: PlaneDefect.shortBuffer(size: 48 * 256, needed: 100 + 48 * 256)) {
      try info.check(bufferSize: 48 * 256)
    }
    let part = try PlaneInfo(
      checking: layout(), crop: PixelRectangle(x: 63, y: 47, width: 1, height: 1),
      isUpsideDown: true)
    #expect(part.size == PixelSize(width: 1, height: 1) && part.isUpsideDown)
    #expect(part.end == 48 * 256, "all of the image is in the buffer")
  }

  @Test func furtherMemoryPlanesLieInTheBuffer() throws {
    func planes(_ planes: [ImageLayout.Plane], _ modifier: FormatModifier) throws -> PlaneInfo {
      try PlaneInfo(
        checking: ImageLayout(
          width: 64, height: 48, format: .xrgb8888, modifier: modifier, planes: planes))
    }
    let first = ImageLayout.Plane(offset: 0, stride: 256)
    let compression = ImageLayout.Plane(offset: 1 << 20, stride: 64)
    #expect(try planes([first, compression], .i915YTiledCCS).end == 1 << 20 + 64)
    #expect(throws: PlaneDefect.absurdPlaneCount(2)) { try planes([first, compression], .linear) }
    #expect(throws: PlaneDefect.absurdPlaneCount(2)) { try planes([first, first], .invalid) }
    #expect(throws: PlaneDefect.absurdPlaneCount(0)) { try planes([], .linear) }
    #expect(throws: PlaneDefect.absurdPlaneCount(5)) {
      try planes(Array(repeating: first, count: 5), .i915YTiledCCS)
    }
    #expect(throws: PlaneDefect.absurdPlane(offset: -1, stride: 64)) {
      try planes([first, ImageLayout.Plane(offset: -1, stride: 64)], .i915YTiledCCS)
    }
  }

  private static let outside: [PixelRectangle] = [
    PixelRectangle(x: 0, y: 0, width: 0, height: 48),
    PixelRectangle(x: 0, y: 0, width: 64, height: -1),
    PixelRectangle(x: 1, y: 0, width: 64, height: 48),
    PixelRectangle(x: 0, y: 1, width: 64, height: 48),
    PixelRectangle(x: -1, y: 0, width: 2, height: 2),
    PixelRectangle(x: .max, y: 0, width: 1, height: 1),
    PixelRectangle(x: .max, y: .max, width: .max, height: .max),
    PixelRectangle(x: .min, y: .min, width: .max, height: .max),
    PixelRectangle(x: 0, y: 0, width: .max, height: 1),
  ]

  @Test(arguments: outside) func picturesOutsideTheirImageAreRefused(crop: PixelRectangle) {
    let defect = PlaneDefect.absurdCrop(crop)
    #expect(throws: defect) { try PlaneInfo(checking: layout(), crop: crop) }
    #expect(!defect.description.isEmpty && !defect.description.contains("\n"))
  }

  @Test func absurdLayoutsAreRefused() {
    let numbers = [Int.min, .min + 1, -1, 0, .max - 1, .max, 1 << 32]
    for number in numbers {
      #expect(throws: PlaneDefect.self) { try PlaneInfo(checking: layout(number)) }
      #expect(throws: PlaneDefect.self) { try PlaneInfo(checking: layout(64, number)) }
      #expect(throws: PlaneDefect.self) { try PlaneInfo(checking: layout(stride: number)) }
      guard number != 0 else { continue }
      #expect(throws: PlaneDefect.self) { try PlaneInfo(checking: layout(offset: number)) }
    }
  }

  @Test func randomLayoutsNeverTrapAndNeverLieOutside() {
    var random = SeededGenerator(seed: 11)
    let edges = [Int.min, -1, 0, 1, 16384, 16385, 1 << 31, 1 << 32, .max]
    func number() -> Int {
      switch Int.random(in: 0...5, using: &random) {
      case 0: edges.randomElement(using: &random) ?? 0
      case 1: .random(in: .min...(.max), using: &random)
      default: .random(in: 0...300, using: &random)
      }
    }
    var sound = 0
    for _ in 0..<200_000 {
      func small() -> Int { .random(in: 0...9, using: &random) }
      let format = PixelFormat.all.randomElement(using: &random) ?? .xrgb8888
      let planes = (0..<Int.random(in: 0...2, using: &random)).map { _ in
        ImageLayout.Plane(offset: number(), stride: number())
      }
      let candidate = ImageLayout(
        width: number(), height: number(), format: format,
        modifier: [.linear, .invalid, .i915YTiledCCS].randomElement(using: &random) ?? .linear,
        planes: planes)
      let isSmall = Bool.random(using: &random)
      let crop =
        isSmall
        ? PixelRectangle(x: small(), y: small(), width: small(), height: small())
        : PixelRectangle(x: number(), y: number(), width: number(), height: number())
      guard let info = try? PlaneInfo(checking: candidate, crop: crop, isUpsideDown: .random())
      else { continue }
      sound += 1
      #expect(crop.x + crop.width <= candidate.width && crop.y + crop.height <= candidate.height)
      #expect(planes.allSatisfy { $0.offset + $0.stride <= info.end || candidate.height == 1 })
    }
    #expect(sound > 100, "the generator makes sound layouts too")
  }

  /// As QEMU has it.
  @Test func aPlaneWithoutASizeIsOff() {
    #expect(plane(size: 0).isOff)
    #expect(plane(width: 0).isOff && plane(height: 0).isOff && plane(FourCC(rawValue: 0)).isOff)
  }

  @Test func randomPlanesNeverTrapAndNeverLieOutside() {
    var random = SeededGenerator(seed: 7)
    let formats = PixelFormat.all.map(\.fourCC.rawValue)
    let edges: [UInt32] = [0, 1, 63, 64, 255, 256, 16384, 16385, 1 << 31, .max - 1, .max]
    func number() -> UInt32 {
      switch Int.random(in: 0...3, using: &random) {
      case 0: edges.randomElement(using: &random) ?? 0
      case 1: .random(in: 0...4096, using: &random)
      case 2: UInt32(1) << UInt32.random(in: 0...31, using: &random)
      default: .random(in: 0...(.max), using: &random)
      }
    }
    var sound = 0
    for _ in 0..<200_000 {
      let isKnown = Bool.random(using: &random)
      let candidate = GraphicsPlane(
        format: isKnown ? formats.randomElement(using: &random) ?? 0 : number(),
        modifier: Bool.random(using: &random) ? 0 : UInt64(number()) << 32 | UInt64(number()),
        width: number(), height: number(), stride: number(), size: number(), x: number(),
        y: number(), hotspotX: number(), hotspotY: number(), handle: number())
      guard let info = try? PlaneInfo(checking: candidate) else { continue }
      sound += 1
      // Held against the definition, in arithmetic that cannot overflow.
      let line = (Int(candidate.width) * info.layout.format.bitsPerPixel + 7) / 8
      #expect(line <= Int(candidate.stride))
      #expect((Int(candidate.height) - 1) * Int(candidate.stride) + line <= info.end)
      #expect(throws: PlaneDefect.self) { try info.check(bufferSize: info.end - 1) }
    }
    #expect(sound > 100, "the generator makes sound planes too")
  }
}
