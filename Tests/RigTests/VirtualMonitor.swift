// SPDX-License-Identifier: Apache-2.0

import CDRM
import CZlib
import DMABuf
import Foundation
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

/// The monitor of vkms, the kernel's display engine without hardware, and what the kernel tells of its
/// picture. The rig has no `/dev/dri`, so the card's node lies elsewhere.
final class VirtualMonitor {
  /// The card's path.
  let card: String
  private let folder: String
  private let debug: String

  init() throws {
    let cards = try FileManager.default.contentsOfDirectory(
      atPath: "/sys/devices/platform/vkms/drm")
    let name = try #require(cards.first { $0.hasPrefix("card") })
    let numbers = try String(
      contentsOfFile: "/sys/class/drm/\(name)/dev", encoding: .utf8
    ).trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ":").map(String.init)
    folder = "/dev/shm/monitor-\(UUID().uuidString)"
    card = "\(folder)/\(name)"
    debug = "/sys/kernel/debug/dri/\(try #require(numbers.last))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let made = try Program.run(["mknod", card, "c"] + numbers)
    try #require(made.code == 0, "\(made.text)")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// What the kernel says is shown: CRTC, planes with their framebuffers, connectors; without what
  /// differs from one showing of the same to the next.
  func state() throws -> [String] {
    try String(contentsOfFile: "\(debug)/state", encoding: .utf8).split(separator: "\n")
      .map(String.init).filter { line in
        !["_changed", "vaddr=", "refcount="].contains { line.contains($0) }
      }
  }

  /// Whether the CRTC is on.
  func isOn() throws -> Bool { try state().contains { $0.contains("active=1") } }

  // MARK: The picture, by its checksum

  /// The kernel's checksums of the pictures that the monitor shows, one for each refresh.
  final class Checksums {
    private let data: Int32

    fileprivate init(_ debug: String) throws {
      let folder = "\(debug)/crtc-0/crc"
      try Data("auto".utf8).write(to: URL(fileURLWithPath: "\(folder)/control"))
      // There are none while the CRTC is off.
      let deadline = Date(timeIntervalSinceNow: 60)
      var fd = open("\(folder)/data", O_RDONLY | O_CLOEXEC)
      while fd < 0, Date() < deadline {
        usleep(20_000)
        fd = open("\(folder)/data", O_RDONLY | O_CLOEXEC)
      }
      data = fd
      try #require(fd >= 0, "the monitor shows nothing")
    }

    deinit { close(data) }

    /// The next one; `nil` when none comes for ten seconds.
    func next() -> UInt32? {
      var entry = pollfd(fd: data, events: Int16(POLLIN), revents: 0)
      var line = [UInt8](repeating: 0, count: 256)
      guard poll(&entry, 1, 10_000) > 0 else { return nil }
      let count = read(data, &line, line.count)
      guard count > 0 else { return nil }
      let words = String(decoding: line.prefix(count), as: UTF8.self).split { " \n\0".contains($0) }
      return words.last.flatMap { UInt32($0.dropFirst(2), radix: 16) }
    }

    /// Waits for a picture. A limit, and not the time, decides that it never comes.
    func isSeen(_ checksum: UInt32, within refreshes: Int = 3000) -> Bool {
      for _ in 0..<refreshes {
        guard let next = next() else { return false }
        if next == checksum { return true }
      }
      return false
    }
  }

  /// Begins to read checksums, as soon as the monitor shows something.
  func checksums() throws -> Checksums { try Checksums(debug) }

  /// The checksum of a picture: of each pixel, alpha, red, green and blue with 16 bits.
  ///
  /// - Parameters:
  ///   - width: pixels in a line.
  ///   - height: lines.
  ///   - draw: draws XRGB8888 into memory that is black, `width * 4` bytes a line.
  static func checksum(
    _ width: Int, _ height: Int, _ draw: (UnsafeMutableRawBufferPointer) -> Void
  ) -> UInt32 {
    var picture = [UInt32](repeating: 0, count: width * height)
    picture.withUnsafeMutableBytes { draw($0) }
    var line = [UInt64](repeating: 0, count: width)
    var checksum: UInt32 = 0
    for y in 0..<height {
      picture.withUnsafeBufferPointer { picture in
        line.withUnsafeMutableBufferPointer { line in
          for x in 0..<width {
            let color = UInt64(picture[y * width + x])
            let (red, green, blue) = (color >> 16 & 255, color >> 8 & 255, color & 255)
            line[x] = 0xFFFF | red * 257 << 16 | green * 257 << 32 | blue * 257 << 48
          }
        }
      }
      // The kernel's begins with 0 and ends without a complement.
      checksum = line.withUnsafeBytes {
        ~UInt32(
          truncatingIfNeeded: crc32(
            uLong(~checksum), $0.bindMemory(to: UInt8.self).baseAddress, uInt($0.count)))
      }
    }
    return checksum
  }

  /// The checksum of a guest's frame, pixel for pixel in the middle of the monitor.
  static func checksum(
    _ pattern: TestPattern, frame: UInt32, on monitor: (width: Int, height: Int)? = nil
  ) -> UInt32 {
    let (width, height) = monitor ?? (pattern.width, pattern.height)
    guard width != pattern.width || height != pattern.height else {
      return checksum(width, height) {
        pattern.draw(frame: frame, into: $0, stride: width * 4, everything: true)
      }
    }
    let (left, top) = ((width - pattern.width) >> 1, (height - pattern.height) >> 1)
    return checksum(width, height) { bytes in
      for y in max(0, top)..<min(height, top + pattern.height) {
        for x in max(0, left)..<min(width, left + pattern.width) {
          bytes.storeBytes(
            of: pattern.color(x: x - left, y: y - top, frame: frame),
            toByteOffset: (y * width + x) * 4, as: UInt32.self)
        }
      }
    }
  }
}

/// Another program's picture on the monitor: as if a desktop had shown it, and had then left the card to
/// others.
final class LeftPicture {
  private let fd: Int32
  private var framebuffer: UInt32 = 0

  init(on monitor: VirtualMonitor) throws {
    fd = open(monitor.card, O_RDWR | O_CLOEXEC)
    try #require(fd >= 0)
    let resources = try #require(drmModeGetResources(fd))
    defer { drmModeFreeResources(resources) }
    var connector = resources.pointee.connectors[0]
    let found = try #require(drmModeGetConnector(fd, connector))
    defer { drmModeFreeConnector(found) }
    var mode = found.pointee.modes[0]
    var dumb = drm_mode_create_dumb()
    dumb.width = UInt32(mode.hdisplay)
    dumb.height = UInt32(mode.vdisplay)
    dumb.bpp = 32
    try #require(vgpu_drm_create_dumb(fd, &dumb) == 0)
    try #require(
      vgpu_drm_add_framebuffer(
        fd, dumb.width, dumb.height, FourCC.xrgb8888.rawValue, [dumb.handle, 0, 0, 0],
        [dumb.pitch, 0, 0, 0], [0, 0, 0, 0], nil, &framebuffer) == 0)
    try #require(
      drmModeSetCrtc(
        fd, resources.pointee.crtcs[0], framebuffer, 0, 0, &connector, 1, &mode) == 0)
  }

  /// Leaves the card to others.
  func leave() throws { try #require(drmDropMaster(fd) == 0) }

  deinit { close(fd) }
}
