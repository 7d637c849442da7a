// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import DMABuf
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing
import VGPUDisplay

@testable import EGLPresenter

/// Serialised: buffers' descriptors are counted, and the counts are the process's.
@Suite(.serialized, .needs(Machine.egl, if: Machine.hasEGL))
struct RendererTests {
  static let rgb = PixelFormat.all.filter { $0.model == .rgb }.map(\.fourCC)
  static let sizes = [
    PixelSize(width: 1, height: 1), PixelSize(width: 63, height: 65),
    PixelSize(width: 1023, height: 767),
  ]

  let renderer: FrameRenderer

  init() throws {
    renderer = try FrameRenderer(RenderContext(.surfaceless))
  }

  private func expectExact(
    _ picture: Picture, path: PresentationPath?, location: SourceLocation = #_sourceLocation
  ) throws {
    let seen = try renderer.pixels(of: picture.frame())
    let difference = difference(
      seen.rgba, picture.expected, width: seen.width, tolerance: picture.tolerance)
    #expect(difference == nil, "\(picture.layout)", sourceLocation: location)
    if let path { #expect(renderer.path == path, sourceLocation: location) }
  }

  @Test(arguments: rgb, sizes)
  func copiesExactly(format: FourCC, size: PixelSize) throws {
    for padding in size.width > 1000 ? [61] : [0, 4, 61, 192] {
      try expectExact(
        Picture(format, size.width, size.height, padding: padding, asRegion: true),
        path: .upload)
    }
  }

  @Test(
    .needs(Machine.imports, if: Machine.importsMemory), arguments: rgb, sizes)
  func importsExactly(format: FourCC, size: PixelSize) throws {
    let layouts = renderer.context.capabilities.layouts
    let isKnown = layouts[format] != nil
    for padding in size.width > 1000 ? [64] : [0, 4, 61, 192] {
      try expectExact(
        Picture(format, size.width, size.height, padding: padding),
        path: isKnown ? .import : .upload)
    }
    // Of the formats here, llvmpipe lacks only that of 24 bits.
    #expect(isKnown || format == .rgb888)
  }

  /// Parts of images, upside down or not, with the rest of the image around them.
  static let margins: [Picture.Margins] = [
    Picture.Margins(), Picture.Margins(left: 3, top: 5, right: 1, bottom: 2),
    Picture.Margins(left: 1), Picture.Margins(bottom: 7),
  ]

  @Test(arguments: [FourCC.xrgb8888, .rgb888, .rgb565, .xbgr2101010], margins)
  func copiesPartsExactly(format: FourCC, margins: Picture.Margins) throws {
    for isUpsideDown in [false, true] {
      for asRegion in [false, true] {
        let renderer = try FrameRenderer(RenderContext(.surfaceless), alwaysUploads: true)
        let picture = try Picture(
          format, 63, 37, padding: 5, asRegion: asRegion, margins: margins, offset: 8,
          isUpsideDown: isUpsideDown)
        let seen = try renderer.pixels(of: picture.frame())
        #expect(renderer.path == .upload)
        #expect(
          difference(seen.rgba, picture.expected, width: 63, tolerance: picture.tolerance) == nil,
          "\(picture.layout), \(margins), upside down: \(isUpsideDown)")
      }
    }
  }

  @Test(
    .needs(Machine.imports, if: Machine.importsMemory),
    arguments: [FourCC.xrgb8888, .rgb565, .xbgr2101010], margins)
  func importsPartsExactly(format: FourCC, margins: Picture.Margins) throws {
    for isUpsideDown in [false, true] {
      for modifier in [FormatModifier.linear, .invalid] {
        try expectExact(
          Picture(
            format, 63, 37, padding: 64, modifier: modifier, margins: margins, offset: 64,
            isUpsideDown: isUpsideDown), path: .import)
      }
    }
  }

  /// What lies beside the picture takes no part in its colours, also where pixels are mixed.
  @Test(.needs(Machine.imports, if: Machine.importsMemory), arguments: [false, true])
  func partsHaveSharpEdges(isUpsideDown: Bool) throws {
    let part = try Picture(
      .xrgb8888, 31, 17, margins: Picture.Margins(left: 2, top: 3, right: 4, bottom: 5),
      isUpsideDown: isUpsideDown)
    let whole = try Picture(.xrgb8888, 31, 17)
    let area = PixelSize(width: 77, height: 51)
    let seen = try renderer.pixels(of: part.frame(), area: area, mode: .fit)
    #expect(renderer.path == .import)
    let expected = try renderer.pixels(of: whole.frame(), area: area, mode: .fit)
    // Coordinates in a larger texture round otherwise.
    #expect(difference(seen.rgba, expected.rgba, width: area.width, tolerance: 3) == nil)
  }

  @Test(.needs(Machine.imports, if: Machine.importsMemory))
  func cursorsMayBeUpsideDown() throws {
    let background = try Picture(.xrgb8888, 64, 48)
    let pointer = try Picture(
      .argb8888, 15, 17, margins: Picture.Margins(left: 1, top: 2), isUpsideDown: true)
    try pointer.fill(
      (0..<15 * 17).map { 0xFF00_0000 | UInt32($0) << 8 | UInt32(255 - $0) })
    let seen = try renderer.pixels(
      of: background.frame(cursor: Cursor(buffer: pointer.buffer, x: 5, y: 6, hotspot: nil)))
    for (x, y) in [(0, 0), (14, 0), (0, 16), (14, 16), (7, 3)] {
      let start = ((y + 6) * 64 + x + 5) * 4
      #expect(Array(seen.rgba[start..<start + 4]) == pointer.expected(x, y), "\(x), \(y)")
    }
  }

  @Test(.needs(Machine.imports, if: Machine.importsMemory))
  func importsOnce() throws {
    let pictures = try (1...3).map { try Picture(.xrgb8888, 64, 48, seed: $0) }
    for round in 0..<30 { try expectExact(pictures[round % 3], path: .import) }
    #expect(renderer.counters.imports == 3)
    #expect(renderer.counters.uploads == 0)
    #expect(renderer.counters.draws == 30)
  }

  @Test(.needs(Machine.imports, if: Machine.importsMemory))
  func importsImplicitly() throws {
    let picture = try Picture(.xrgb8888, 64, 48, modifier: .invalid)
    try expectExact(picture, path: .import)
  }

  @Test(.needs(Machine.imports, if: Machine.importsMemory))
  func showsYUVByImport() throws {
    // Grey: luma 16 to 235 is black to white, and without colour there is no matrix to differ in.
    let picture = try Picture(.yuyv, 64, 2)
    try picture.fill((0..<128).map { 0x8000 | UInt32(16 + $0 % 64 * 3) })
    let seen = try renderer.pixels(of: picture.frame())
    #expect(renderer.path == .import)
    for x in 0..<64 {
      let grey = Int((Double(x * 3) * 255 / 219).rounded())
      for channel in 0..<3 { #expect(abs(Int(seen.rgba[x * 4 + channel]) - grey) <= 2) }
    }
  }

  @Test(arguments: [false, true])
  func seesChangedContents(asRegion: Bool) throws {
    let picture = try Picture(.xrgb8888, 320, 200, asRegion: asRegion)
    for seed in 1...5 {
      try picture.fill(seed: UInt32(seed))
      try expectExact(picture, path: asRegion ? .upload : nil)
    }
    #expect(renderer.counters.imports <= 1)
  }

  /// Changes one pixel after the other and asks each time, and once more in between.
  private func expectChangesFound(_ picture: Picture, by detection: ChangeDetection) throws {
    let frame = picture.frame()
    _ = try renderer.pixels(of: frame)
    #expect(try renderer.hasChanged(frame), "the first time nothing is known")
    #expect(try !renderer.hasChanged(frame))
    #expect(renderer.changeDetection == detection)
    var words = picture.words
    let (width, height) = (picture.size.width, picture.size.height)
    for (x, y) in [(0, 0), (width - 1, 0), (17, 33), (0, height - 1), (width - 1, height - 1)] {
      words[y * width + x] ^= 1
      try picture.fill(words)
      #expect(try renderer.hasChanged(frame), "one bit of one pixel at \(x), \(y)")
      #expect(try !renderer.hasChanged(frame))
    }
    #expect(try renderer.hasChanged(picture.frame(flip: 2)), "another flip, nothing is known")
    #expect(try !renderer.hasChanged(picture.frame(flip: 2)))
  }

  @Test(arguments: [false, true])
  func findsChangesByTheCPU(asRegion: Bool) throws {
    try expectChangesFound(Picture(.xrgb8888, 319, 201, asRegion: asRegion), by: .cpu)
    try expectChangesFound(
      Picture(
        .xrgb8888, 319, 201, asRegion: asRegion, margins: Self.margins[1], offset: 4,
        isUpsideDown: true), by: .cpu)
  }

  /// Nobody sees what changes beside the picture.
  @Test(.needs(Machine.imports, if: Machine.importsMemory), arguments: [false, true])
  func changesBesideThePictureAreNone(byGPU: Bool) throws {
    if byGPU { renderer.preferGPUForChanges() }
    for margins in Self.margins[1...] {
      let picture = try Picture(.xrgb8888, 63, 37, margins: margins, isUpsideDown: true)
      _ = try renderer.pixels(of: picture.frame())
      #expect(try renderer.hasChanged(picture.frame()))
      let layout = picture.layout
      try picture.memory.map(.readWrite).write { bytes in
        for y in 0..<layout.height {
          for x in 0..<layout.width {
            let isInside =
              (margins.left..<margins.left + 63).contains(x)
              && (margins.top..<margins.top + 37).contains(y)
            if !isInside { bytes[y * layout.stride + x * 4] ^= 0xFF }
          }
        }
      }
      #expect(try !renderer.hasChanged(picture.frame()), "\(margins)")
      #expect(renderer.changeDetection == (byGPU ? .gpu : .cpu))
    }
  }

  @Test(
    .needs(Machine.imports, if: Machine.importsMemory), arguments: [FourCC.xrgb8888, .rgb565])
  func findsChangesByTheGPU(format: FourCC) throws {
    renderer.preferGPUForChanges()
    try expectChangesFound(Picture(format, 320, 201), by: .gpu)
    // A picture of another size comes, and the first again.
    try expectChangesFound(Picture(format, 64, 48), by: .gpu)
    try expectChangesFound(
      Picture(format, 63, 47, margins: Self.margins[1], isUpsideDown: true), by: .gpu)
    #expect(try renderer.pixels(of: Picture(format, 64, 48).frame()).width == 64)
  }

  @Test func findsAChangedPointer() throws {
    let (picture, pointer) = try (
      Picture(.xrgb8888, 64, 48), Picture(.argb8888, 16, 16, asRegion: true)
    )
    let cursor = Cursor(buffer: pointer.buffer, x: 3, y: 4, hotspot: nil)
    _ = try renderer.pixels(of: picture.frame(cursor: cursor))
    _ = try renderer.hasChanged(picture.frame(cursor: cursor))
    #expect(try !renderer.hasChanged(picture.frame(cursor: cursor)))
    try pointer.fill(seed: 4711)
    #expect(try renderer.hasChanged(picture.frame(cursor: cursor)))
    #expect(try !renderer.hasChanged(picture.frame(cursor: cursor)))
  }

  /// Nothing else tells of a lost context: what is drawn goes nowhere, and sums stay the same.
  @Test(.needs(Machine.imports, if: Machine.importsMemory))
  func everyUseAsksOnceForAReset() throws {
    let told = Mutex((askings: 0, reset: GraphicsReset?.none))
    func asked() -> Int {
      told.withLock { told in
        defer { told.askings = 0 }
        return told.askings
      }
    }
    GraphicsReset.seam.withLock { query in
      query = {
        told.withLock { told in
          told.askings += 1
          return told.reset
        }
      }
    }
    defer { GraphicsReset.seam.withLock { $0 = nil } }
    let renderer = try FrameRenderer(try RenderContext(.surfaceless))
    renderer.preferGPUForChanges()
    let frame = try Picture(.xrgb8888, 64, 48).frame()
    _ = try renderer.pixels(of: frame)
    #expect(asked() == 1)
    // What has changed is drawn next, which asks.
    #expect(try renderer.hasChanged(frame) && asked() == 0)
    #expect(try !renderer.hasChanged(frame) && asked() == 1)
    #expect(renderer.changeDetection == .gpu)

    told.withLock { $0.reset = .innocent }
    let lost = #expect(throws: GraphicsError.self) { try renderer.hasChanged(frame) }
    #expect(lost?.kind == .lost)
    let error = #expect(throws: GraphicsError.self) { try renderer.pixels(of: frame) }
    #expect(error?.kind == .lost && error?.cause == "the GPU was reset because of another program")
  }

  @Test(.enabled(if: allocations_are_counted() != 0, "the sanitizers' allocator is not counted"))
  func comparesWithoutAllocating() throws {
    let frame = try Picture(.xrgb8888, 320, 200).frame()
    _ = try renderer.pixels(of: frame)
    _ = try renderer.hasChanged(frame)
    let before = swift_allocation_count()
    for _ in 0..<1000 { _ = try renderer.hasChanged(frame) }
    #expect(swift_allocation_count() - before == 0)
  }

  @Test func forgetsBuffersThatAreGone() throws {
    let before = openDescriptors()
    for seed in 1...200 {
      // A new buffer each time, as of a driver that reuses its ids.
      try expectExact(Picture(.xrgb8888, 33, 17, seed: UInt32(seed)), path: nil)
    }
    let last = try Picture(.xrgb8888, 33, 17)
    try expectExact(last, path: nil)
    #expect(renderer.imagesHeld == 1)
    // One of the last picture's own, and one that an import may hold of it.
    #expect(openDescriptors() <= before + 2)
  }

  @Test func drawsInSteadyStateWithoutImporting() throws {
    let pictures = try (1...3).map { try Picture(.xrgb8888, 64, 48, seed: $0) }
    let frames = pictures.map { $0.frame() }
    for frame in frames { _ = try renderer.pixels(of: frame) }
    let before = renderer.counters
    let descriptors = openDescriptors()
    for round in 0..<10_000 { _ = try renderer.pixels(of: frames[round % 3]) }
    #expect(openDescriptors() == descriptors)
    #expect(renderer.counters.imports == before.imports)
    #expect(renderer.counters.refusals == before.refusals)
    #expect(renderer.counters.draws == before.draws + 10_000)
    #expect(
      renderer.counters.uploads - before.uploads
        == (renderer.path == .upload ? 10_000 : 0))
  }

  @Test(.enabled(if: allocations_are_counted() != 0, "the sanitizers' allocator is not counted"))
  func drawsWithoutAllocating() throws {
    let pictures = try (1...3).map { try Picture(.xrgb8888, 64, 48, seed: $0) }
    let frames = pictures.map { $0.frame() }
    for frame in frames { _ = try renderer.pixels(of: frame) }
    let size = PixelSize(width: 64, height: 48)
    let placement = Placement(guest: size, area: size, mode: .oneToOne)
    let target = RenderTarget(size: size, isTopDown: true)
    try renderer.context.makeCurrent()
    let before = swift_allocation_count()
    for round in 0..<3000 { try renderer.draw(frames[round % 3], placement, on: target) }
    let allocations = swift_allocation_count() - before
    #expect(allocations == 0)
    // Not because nothing is counted.
    _ = try renderer.pixels(of: frames[0])
    #expect(swift_allocation_count() > before)
  }

  @Test func releasesEverything() throws {
    // The first context of a process opens what the driver keeps for good.
    _ = try FrameRenderer(RenderContext(.surfaceless)).pixels(of: Picture(.xrgb8888, 9, 9).frame())
    let before = openDescriptors()
    for _ in 0..<5 {
      let renderer = try FrameRenderer(RenderContext(.surfaceless))
      _ = try renderer.pixels(of: Picture(.xrgb8888, 65, 33).frame())
    }
    #expect(openDescriptors() == before)
  }

  @Test(arguments: [
    (0, 0), (10, 20), (-3, -5), (60, 44), (63, 47), (64, 0), (-16, 0), (0, -100),
  ])
  func blendsCursors(x: Int, y: Int) throws {
    for asRegion in [false, true] {
      let picture = try Picture(.xrgb8888, 64, 48, asRegion: asRegion)
      let pointer = try Picture(.argb8888, 16, 16, asRegion: asRegion, seed: 9)
      // Premultiplied: no colour is above its alpha. Every fourth pixel opaque, and transparent.
      try pointer.fill(
        pointer.words.enumerated().map { index, word in
          let alpha = [0, 255, word >> 24, 128][index % 4]
          let colours = (0..<3).map { (word >> ($0 * 8) & 255) * alpha / 255 }
          return alpha << 24 | colours[2] << 16 | colours[1] << 8 | colours[0]
        })
      let seen = try renderer.pixels(
        of: picture.frame(
          cursor: Cursor(buffer: pointer.buffer, x: x, y: y, hotspot: (x: 0, y: 0))))
      var expected = picture.expected
      var exact: Set<Int> = []
      for row in 0..<16 {
        for column in 0..<16 {
          let (left, top) = (x + column, y + row)
          guard (0..<64).contains(left), (0..<48).contains(top) else { continue }
          let source = pointer.expected(column, row)
          let alpha = Int(source[3])
          for channel in 0..<3 {
            let index = (top * 64 + left) * 4 + channel
            let behind = Int(expected[index]) * (255 - alpha)
            expected[index] = UInt8(min(255, Int(source[channel]) + (behind + 127) / 255))
            if alpha != 0, alpha != 255 { exact.insert(index) }
          }
        }
      }
      // GL may round a blend either way; where nothing is blended there is nothing to round.
      for index in expected.indices {
        let error = abs(Int(seen.rgba[index]) - Int(expected[index]))
        #expect(error <= (exact.contains(index) ? 1 : 0), "byte \(index)")
      }
    }
  }

  @Test func drawsCursorsWithoutAlphaOpaquely() throws {
    let picture = try Picture(.xrgb8888, 32, 32)
    let pointer = try Picture(.xrgb8888, 8, 8, seed: 5)
    let seen = try renderer.pixels(
      of: picture.frame(cursor: Cursor(buffer: pointer.buffer, x: 4, y: 4, hotspot: nil)))
    let index = (5 * 32 + 5) * 4
    #expect(Array(seen.rgba[index..<index + 4]) == pointer.expected(1, 1).prefix(3) + [255])
  }

  @Test(arguments: [1, 2, 3])
  func scalesByWholeMultiplesExactly(scale: Int) throws {
    let picture = try Picture(.xrgb8888, 41, 23)
    let pointer = try Picture(.argb8888, 5, 5, seed: 3)
    try pointer.fill(pointer.words.map { $0 | 0xFF00_0000 })
    let area = PixelSize(width: 41 * scale + 7, height: 23 * scale + 4)
    let seen = try renderer.pixels(
      of: picture.frame(cursor: Cursor(buffer: pointer.buffer, x: 39, y: -2, hotspot: nil)),
      area: area, mode: .integer)
    for y in 0..<area.height {
      for x in 0..<area.width {
        // Centred: 3 and 2 device pixels of black to the left and above.
        let (inX, inY) = (x - 3, y - 2)
        let expected: [UInt8]
        if inX < 0 || inY < 0 || inX >= 41 * scale || inY >= 23 * scale {
          expected = [0, 0, 0, 255]
        } else if inX / scale >= 39, inY / scale < 3 {
          expected = pointer.expected(inX / scale - 39, inY / scale + 2)
        } else {
          expected = picture.expected(inX / scale, inY / scale)
        }
        let index = (y * area.width + x) * 4
        #expect(Array(seen.rgba[index..<index + 4]) == expected, "x \(x), y \(y)")
      }
    }
  }

  @Test func mixesNeighboursBetweenPixels() throws {
    let picture = try Picture(.xrgb8888, 2, 1)
    try picture.fill([0, 0x00FF_FFFF])
    let seen = try renderer.pixels(
      of: picture.frame(), area: PixelSize(width: 3, height: 1), mode: .fill)
    #expect(seen.rgba[0] == 0 && seen.rgba[8] == 255)
    #expect((120...135).contains(seen.rgba[4]))
  }

  @Test func cutsOffAtOneToOne() throws {
    let picture = try Picture(.xrgb8888, 40, 30)
    let seen = try renderer.pixels(
      of: picture.frame(), area: PixelSize(width: 20, height: 10), mode: .oneToOne)
    for y in 0..<10 {
      for x in 0..<20 {
        let index = (y * 20 + x) * 4
        #expect(Array(seen.rgba[index..<index + 4]) == picture.expected(x + 10, y + 10))
      }
    }
  }

  @Test func saysWhatItCannotShow() throws {
    for format in [FourCC.c8, .uyvy] {
      let picture = try Picture(format, 16, 16, asRegion: true)
      for _ in 0..<2 {
        let error = #expect(throws: GraphicsError.self) {
          _ = try renderer.pixels(of: picture.frame())
        }
        #expect(error?.kind == .cannotShow)
        #expect(error?.description.contains("\(format)") == true)
      }
    }
    // Told once, not tried at every frame.
    #expect(renderer.counters.refusals == 2)
    let tiled = try Picture(.xrgb8888, 128, 8, modifier: .i915XTiled)
    let error = #expect(throws: GraphicsError.self) {
      _ = try renderer.pixels(of: tiled.frame())
    }
    #expect(error?.description.contains("I915_X_TILED") == true)
    #expect(error?.description.contains(renderer.context.capabilities.renderer) == true)
  }

  @Test func alwaysUploads() throws {
    let copier = try FrameRenderer(RenderContext(.surfaceless), alwaysUploads: true)
    let picture = try Picture(.xbgr8888, 63, 65)
    let seen = try copier.pixels(of: picture.frame())
    #expect(seen.rgba == picture.expected)
    #expect(copier.path == .upload)
    #expect(copier.counters.uploads == 1)
  }

  @Test func namesDevicesThatAreNotThere() {
    let error = #expect(throws: GraphicsError.self) {
      _ = try RenderContext(.headless(renderNode: "/dev/dri/renderD999"))
    }
    #expect(error?.kind == .unavailable)
    #expect(error?.object == "/dev/dri/renderD999")
  }
}

@Suite struct CapabilitiesTests {
  @Test func knowsSoftware() {
    #expect(Capabilities.isSoftware(renderer: "llvmpipe (LLVM 15.0.6, 256 bits)"))
    #expect(Capabilities.isSoftware(renderer: "softpipe"))
    #expect(!Capabilities.isSoftware(renderer: "Mesa Intel(R) UHD Graphics 620 (KBL GT2)"))
  }

  @Test func knowsWhatCrashes() {
    #expect(Capabilities.crashesOnImport(version: "OpenGL ES 3.2 Mesa 22.3.6"))
    #expect(!Capabilities.crashesOnImport(version: "OpenGL ES 3.2 Mesa 25.0.7-2~bpo12+1"))
    #expect(!Capabilities.crashesOnImport(version: "OpenGL ES 3.0"))
  }

  /// Mesa's software renderer exports a picture as a udmabuf. It has the extension without
  /// /dev/udmabuf too.
  @Test(.needs(Machine.imports, if: Machine.importsMemory)) func triesToShareAPicture() throws {
    let context = try RenderContext(.surfaceless)
    #expect(try context.sharesPictures() == (access("/dev/udmabuf", R_OK | W_OK) == 0))
    #expect(try context.sharesPictures() == context.sharesPictures())
  }
}
