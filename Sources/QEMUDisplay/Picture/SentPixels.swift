// SPDX-License-Identifier: Apache-2.0

import CLinux
import DMABuf
import LinuxSystem
import VGPUDisplay

/// Pixels whose bytes came in a message. It is checked that the bytes hold them.
struct SentPixels {
  let size: PixelSize
  let stride: Int
  let format: PixmanFormat
  private let bytes: Variant

  /// - Throws: `DisplayDefect`.
  init(
    width: Int, height: Int, stride: Int, format: UInt32?, bytes: Variant
  ) throws(DisplayDefect) {
    let geometry = try PixelRun(width: width, height: height, stride: stride, format: format)
    let count = bytes.withBytes { $0.count } ?? 0
    guard geometry.end <= count else { throw .fewBytes(count: count, needed: geometry.end) }
    size = PixelSize(width: width, height: height)
    self.stride = stride
    self.format = geometry.format
    self.bytes = bytes
  }

  /// Writes the pixels as XRGB8888 (or ARGB8888).
  ///
  /// - Parameters:
  ///   - canvas: where to; it has room for all of them.
  ///   - start: the byte of the first pixel in the canvas.
  ///   - distance: bytes from one line to the next in the canvas.
  func write(to canvas: UnsafeMutableRawBufferPointer, at start: Int, distance: Int) {
    bytes.withBytes { bytes in
      guard let from = bytes.baseAddress, let to = canvas.baseAddress else { return }
      for line in 0..<size.height {
        format.copy(from + line * stride, to: to + start + line * distance, count: size.width)
      }
    }
  }
}

/// A memory file that QEMU draws into, as a message names it. It is checked that the file holds the
/// picture.
final class SharedPixels {
  /// What tells two such pictures apart.
  struct Identity: Hashable {
    let file: FileIdentity
    let size: PixelSize
    let stride: Int
    let format: PixmanFormat
    /// The byte of the first pixel.
    let start: Int
  }

  let identity: Identity
  private let descriptor: OwnedFileDescriptor
  /// The end of the last pixel in the file.
  private let end: Int

  /// - Throws: `DisplayDefect`.
  init(
    _ descriptor: consuming OwnedFileDescriptor, offset: Int, width: Int, height: Int, stride: Int,
    format: UInt32?
  ) throws(DisplayDefect) {
    let geometry = try PixelRun(width: width, height: height, stride: stride, format: format)
    // A file of another kind could keep us waiting: its file system's server decides.
    let kernel = descriptor.kernel
    let seals = kernel.fcntl(descriptor.rawValue, command: vgpu_F_GET_SEALS, argument: 0)
    guard seals >= 0 else { throw .noBuffer("it is no memory file") }
    let fileSize = kernel.seekToEnd(descriptor.rawValue)
    let (end, overflows) = offset.addingReportingOverflow(geometry.end)
    guard !overflows, offset >= 0, end <= fileSize else {
      throw .fewBytes(count: max(0, fileSize), needed: end)
    }
    guard let file = FileIdentity(of: descriptor) else { throw .noBuffer("it has no identity") }
    identity = Identity(
      file: file, size: PixelSize(width: width, height: height), stride: stride,
      format: geometry.format, start: offset)
    self.end = end
    self.descriptor = descriptor
  }

  /// Maps the file. It may become shorter at any time unless it is sealed; reading it is guarded.
  ///
  /// - Throws: `DisplayDefect.noBuffer`.
  func mapped() throws(DisplayDefect) -> MappedMemory {
    do {
      return try MappedMemory(descriptor, count: end, access: .read, of: "QEMU's picture")
    } catch {
      throw .noBuffer("\(error)")
    }
  }
}

/// The picture that lies in a buffer of another process. It is checked that it lies inside.
struct SharedBuffer {
  let info: PlaneInfo
  let buffer: DMABuffer
  let identity: FileIdentity

  /// - Throws: `DisplayDefect`.
  init(
    _ descriptor: consuming OwnedFileDescriptor, backing: PixelSize, crop: PixelRectangle,
    planes: [ImageLayout.Plane], fourCC: UInt32?, modifier: UInt64?, isUpsideDown: Bool?
  ) throws(DisplayDefect) {
    guard let identity = FileIdentity(of: descriptor) else { throw .noBuffer("it has no identity") }
    self.identity = identity
    let code = FourCC(rawValue: fourCC ?? 0)
    guard let format = PixelFormat(code) else { throw .plane(.unknownFormat(code)) }
    var layout = ImageLayout(
      width: backing.width, height: backing.height, format: format,
      modifier: FormatModifier(rawValue: modifier ?? 0), stride: 0)
    layout.planes = planes
    do {
      info = try PlaneInfo(checking: layout, crop: crop, isUpsideDown: isUpsideDown ?? false)
    } catch {
      throw .plane(error)
    }
    do {
      buffer = try DMABuffer(owning: descriptor, name: "QEMU's picture")
    } catch {
      throw .noBuffer("\(error)")
    }
    do {
      try info.check(bufferSize: buffer.size)
    } catch {
      throw .plane(error)
    }
  }
}

/// The file of a descriptor, as the kernel tells files apart. As long as somebody holds a descriptor
/// of it, no other file has the same identity.
struct FileIdentity: Hashable {
  private let fileSystem: UInt64
  private let inode: UInt64

  init?(of descriptor: borrowing OwnedFileDescriptor) {
    self.init(ofDescriptor: descriptor.rawValue)
  }

  /// The server of the file's file system is not asked.
  init?(ofDescriptor number: Int32) {
    var status = vgpu_file_status()
    guard vgpu_file_status(number, "", &status) == 0 else { return nil }
    fileSystem = status.file_system
    inode = status.inode
  }
}

/// Lines of pixels, checked.
private struct PixelRun {
  let format: PixmanFormat
  /// The end of the last pixel, in bytes from the first.
  let end: Int

  /// The most pixels of a picture that is copied: twice those of an 8K screen. Copies for the screen take
  /// four times that many bytes, and there are three of them.
  private static let mostPixels = 1 << 26

  init(width: Int, height: Int, stride: Int, format: UInt32?) throws(DisplayDefect) {
    let sides = 1...Int(PlaneInfo.largestSide)
    guard sides.contains(width), sides.contains(height), width * height <= Self.mostPixels else {
      throw .absurdSize(width: width, height: height)
    }
    guard let format = format.flatMap(PixmanFormat.init) else { throw .unknownFormat(format ?? 0) }
    let line = width * format.bytesPerPixel
    // Neither overflows: sides are at most 2^14 and a stride is below 2^32.
    guard stride >= line else { throw .shortStride(stride: stride, needed: line) }
    self.format = format
    end = (height - 1) * stride + line
  }
}
