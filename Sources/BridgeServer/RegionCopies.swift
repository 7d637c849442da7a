// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import DMABuf
import Glibc
import LinuxSystem
import SystemPackage
import VGPUDisplay

/// Copies of a picture that the protocol cannot pass on: in a region of a device, which has no
/// descriptor, or upside down, or a part of its image. Clients get memory files that the bridge copies the
/// picture into.
///
/// A copy is made when a client looks, in pieces if it takes long. A copy that differs from the one
/// before counts as a flip. The files serve all modes of the guest, because a client can keep every
/// file that it ever got.
final class RegionCopies {
  /// The shown copy, the next one, and one for clients that still read the copy before.
  private static let fileCount = 3
  /// The longest time that a look copies.
  private static let slice = Duration.milliseconds(4)
  /// Bytes between two looks at the clock.
  private static let piece = 1 << 16
  /// The part of the bridge's time that all copies may take together: one in this number.
  private static let share = 4

  private let now: () -> MonotonicInstant
  private var files: [CopiedPicture] = []
  /// The region or the other picture to be copied that the guest shows, while it shows one.
  private var region: PlaneBuffer?
  /// The file with the newest whole copy of `region`, and when that was complete.
  private var newest: (file: Int, at: MonotonicInstant)?
  private var next = Progress()
  private var restsUntil = MonotonicInstant(nanoseconds: 0)

  /// How far the next copy is.
  private struct Progress {
    var file = 0
    var count = 0
    /// Whether the copied bytes differ from the newest copy's.
    var differs = false
  }

  /// - Parameter now: the clock, for tests.
  init(now: @escaping () -> MonotonicInstant = { .now }) { self.now = now }

  /// How often a copy differed from the one before.
  private(set) var changes: UInt64 = 0
  /// Whether the guest shows a picture that is copied.
  var isCopying: Bool { region != nil }

  /// A state that can be passed on: a frame that cannot becomes a frame in a memory file.
  ///
  /// - Parameters:
  ///   - state: a source's answer to a look.
  ///   - name: the source's name.
  ///   - sharers: how many guests of the bridge show regions; they share the time for copies. `nil`
  ///     when nobody looks: then nothing is copied.
  func passable(_ state: DisplayState, name: String, sharers: Int?) -> DisplayState {
    switch state {
    case .frame(let frame):
      guard frame.primary.canBeShared else { return copied(frame, name, sharers) }
      show(nil)
      return .frame(frame.counting(changes))
    case .noPicture(let reason):
      show(nil)
      if Absence(reason) == .gone {
        files.removeAll()
        next = Progress()
      }
      return state
    }
  }

  private func copied(_ frame: Frame, _ name: String, _ sharers: Int?) -> DisplayState {
    if frame.primary !== region { show(frame.primary) }
    let object = "\(name), copy of its picture"
    guard let form = CopyForm(of: frame.primary) else {
      return .noPicture(
        .unavailable(
          SystemCallError(
            call: "copy", object: object, errno: .invalidArgument,
            remedy: "only the GPU can read the picture, and it is upside down or a part of an image"
          )))
    }
    do throws(SystemCallError) {
      if let sharers { try copy(frame.primary, form, object, sharers) }
    } catch {
      return .noPicture(.unavailable(error))
    }
    guard let newest else {
      return .noPicture(
        .unavailable(
          SystemCallError(
            call: "copy", object: object, errno: .resourceTemporarilyUnavailable,
            remedy: "the first copy is not complete yet")))
    }
    return .frame(
      Frame(
        primary: files[newest.file].plane, cursor: nil, flip: frame.flip &+ changes,
        detectedAt: max(frame.detectedAt, newest.at)))
  }

  private func show(_ region: PlaneBuffer?) {
    guard self.region !== region else { return }
    // A guest that flips among buffers of one form goes on as if it drew into one.
    let isAlike =
      if let region, let old = self.region, case .dmaBuf = region.storage,
        case .dmaBuf = old.storage
      { CopyForm(of: region) == CopyForm(of: old) } else { false }
    self.region = region
    if isAlike { return }
    newest = nil
    next = Progress(file: next.file)
  }

  /// Copies as much of the region as the time allows.
  private func copy(
    _ region: PlaneBuffer, _ form: CopyForm, _ object: String, _ sharers: Int
  ) throws(SystemCallError) {
    let start = now()
    guard start >= restsUntil else { return }
    defer {
      let end = now()
      let factor = Self.share * max(1, sharers) - 1
      restsUntil = end.advanced(by: start.duration(to: end) * factor)
    }
    try region.withPixels { (pixels) throws(SystemCallError) in
      let size = form.size ?? pixels.count
      let target = try file(next.file, for: form.layout, size: size, object)
      let shown = newest.map { files[$0.file] }
      let first = next.count
      while next.count < size {
        guard next.count == first || start.duration(to: now()) < Self.slice else { return }
        let bytes = next.count..<min(next.count + Self.piece, size)
        if let lines = form.lines {
          target.write(pixels, lines, bytes)
        } else {
          target.write(pixels, bytes)
        }
        if !next.differs { next.differs = shown?.equals(target, in: bytes) != true }
        next.count = bytes.upperBound
      }
    }
    // A copy whose region went away meanwhile has thrown here.
    guard next.count > 0, next.count >= (files[next.file].size) else { return }
    if next.differs {
      if newest != nil { changes &+= 1 }
      newest = (next.file, now())
      next.file = (next.file + 1) % Self.fileCount
    }
    next = Progress(file: next.file)
  }

  /// The file with a number, for a picture of a layout and a size in bytes.
  private func file(
    _ index: Int, for layout: ImageLayout, size: Int, _ name: String
  ) throws(SystemCallError) -> CopiedPicture {
    guard files.indices.contains(index), files[index].capacity >= size else {
      let file = try CopiedPicture(layout, size: size, name: name)
      if files.indices.contains(index) { files[index] = file } else { files.append(file) }
      return file
    }
    try files[index].describe(layout, size: size)
    return files[index]
  }
}

extension PlaneBuffer {
  /// Whether the protocol can describe the picture, and its memory has a descriptor.
  var canBeShared: Bool {
    if case .region = storage { return false }
    return isWhole && layout.planes.count == 1 && layout.planes.first?.offset == 0
  }
}

/// What a copy of a picture looks like.
private struct CopyForm: Equatable {
  let layout: ImageLayout
  /// Where the picture's lines lie; `nil` when its memory is copied as it is.
  let lines: PictureLines?

  /// `nil` when the protocol cannot describe the picture, and the CPU cannot read it.
  init?(of buffer: PlaneBuffer) {
    if buffer.isWhole, buffer.layout.planes.count == 1, buffer.layout.planes.first?.offset == 0 {
      layout = buffer.layout
      lines = nil
      return
    }
    guard let lines = buffer.lines else { return nil }
    layout = ImageLayout(
      width: buffer.size.width, height: buffer.size.height, format: buffer.layout.format,
      stride: lines.length)
    self.lines = lines
  }

  /// The copy's bytes; `nil` for as many as the memory has.
  var size: Int? { lines.map { $0.length * $0.count } }
}

/// A memory file with a copy of a picture.
private final class CopiedPicture {
  private let file: DMABuffer.WrittenFile
  private let name: String
  /// The picture, for clients.
  private(set) var plane: PlaneBuffer
  /// The picture's bytes.
  private(set) var size: Int

  init(_ layout: ImageLayout, size: Int, name: String) throws(SystemCallError) {
    // Powers of two, so that a guest that sets many modes leaves few files with clients.
    let page = Int(getpagesize())
    var capacity = page
    while capacity < size { capacity *= 2 }
    file = try DMABuffer.allocateForReaders(size: capacity, name: name)
    plane = try Self.plane(layout, file.buffer)
    self.size = size
    self.name = name
  }

  var capacity: Int { file.memory.count }

  /// Makes the file a picture of this layout.
  func describe(_ layout: ImageLayout, size: Int) throws(SystemCallError) {
    guard layout != plane.layout || size != self.size else { return }
    plane = try Self.plane(layout, file.buffer)
    self.size = size
  }

  private static func plane(
    _ layout: ImageLayout, _ buffer: DMABuffer
  ) throws(SystemCallError) -> PlaneBuffer {
    do {
      return try PlaneBuffer(PlaneInfo(checking: layout), buffer: buffer)
    } catch {
      throw SystemCallError(
        call: "copy", object: buffer.name, errno: .invalidArgument, remedy: "\(error)")
    }
  }

  /// Copies bytes of the region to the same place.
  func write(_ pixels: UnsafeRawBufferPointer, _ bytes: Range<Int>) {
    file.memory.mutableBytes?[bytes].copyBytes(from: pixels[bytes])
  }

  /// Copies lines of a picture, without the gaps between them.
  ///
  /// - Parameter bytes: which ones, as if the lines lay one after the other.
  func write(_ pixels: UnsafeRawBufferPointer, _ lines: PictureLines, _ bytes: Range<Int>) {
    guard let memory = file.memory.mutableBytes, bytes.upperBound <= memory.count else { return }
    var place = bytes.lowerBound
    while place < bytes.upperBound {
      let (line, offset) = place.quotientAndRemainder(dividingBy: lines.length)
      let count = min(lines.length - offset, bytes.upperBound - place)
      let start = lines.start(of: line) + offset
      UnsafeMutableRawBufferPointer(rebasing: memory[place..<place + count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: pixels[start..<start + count]))
      place += count
    }
  }

  /// Whether another copy has the same bytes. Both are the bridge's own, so that no guest can change
  /// them meanwhile.
  func equals(_ other: CopiedPicture, in bytes: Range<Int>) -> Bool {
    guard let own = file.memory.bytes.baseAddress, let others = other.file.memory.bytes.baseAddress,
      bytes.upperBound <= capacity, bytes.upperBound <= other.capacity
    else { return false }
    return memcmp(own + bytes.lowerBound, others + bytes.lowerBound, bytes.count) == 0
  }
}

extension Frame {
  fileprivate func counting(_ changes: UInt64) -> Frame {
    Frame(
      primary: primary, cursor: cursor, flip: flip &+ changes, detectedAt: detectedAt,
      revision: revision)
  }
}
