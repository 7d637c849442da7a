// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import VGPUDisplay

/// The way in which changes within a buffer are found.
@nonexhaustive
public enum ChangeDetection: String, Hashable, Sendable {
  /// The CPU reads every byte, and compares each line's hash with an earlier one.
  case cpu
  /// The GPU makes a sum of each block of pixels.
  case gpu
  /// Not at all: every frame counts as changed.
  case none
}

/// How much of a picture is searched for a change.
public enum ChangeSearch: Hashable, Sendable {
  /// All of it.
  case whole
  /// Every 16th line, another one at each search: any change that is 16 lines high is found at once,
  /// any other one within 16 searches. The first search that finds a change goes on to all of the
  /// picture. A picture whose lines the CPU cannot tell apart is searched whole.
  case sample
}

/// Finds out whether the pixels of a frame have changed. The context is current whenever this is
/// used.
struct PixelChanges {
  private(set) var detection: ChangeDetection?
  /// Whether the CPU reads the buffers so slowly that the GPU compares them, if it can.
  var isSlowToRead = false
  private let shadow = FrameShadow()
  private var digest: PixelDigest?
  private var digested: PixelsKey?
  private var hasNoDigest = false

  /// In bytes a second. Memory that is read more slowly is not the CPU's own, and is not cached.
  private static let slow = 1e9

  /// Releases the GL objects.
  mutating func removeAll() {
    digest = nil
    digested = nil
  }

  /// - Parameter texture: the picture's texture, when the picture was imported.
  mutating func hasChanged(
    _ frame: Frame, _ search: ChangeSearch, _ texture: Texture?, _ context: RenderContext
  ) throws(GraphicsError) -> Bool {
    // Picture and pointer are both compared every time: a change that one of them misses now would
    // count as a change next time.
    let hasPointerChanged = shadow.hasPointerChanged(frame)
    let hasPictureChanged = try hasPictureChanged(frame, search, texture, context)
    return hasPointerChanged || hasPictureChanged
  }

  private mutating func hasPictureChanged(
    _ frame: Frame, _ search: ChangeSearch, _ texture: Texture?, _ context: RenderContext
  ) throws(GraphicsError) -> Bool {
    let buffer = frame.primary
    let mayAskGPU = texture != nil && !hasNoDigest
    if !(isSlowToRead && mayAskGPU), buffer.isMappable,
      let hasChanged = try? shadow.hasPictureChanged(frame, search)
    {
      detection = .cpu
      // A software renderer is the CPU, and so reads no faster.
      if !context.capabilities.isSoftware, let rate = shadow.rate, rate < Self.slow {
        isSlowToRead = true
      }
      return hasChanged
    }
    guard mayAskGPU, let texture, let digest = try digest(texture, buffer.size, context) else {
      detection = ChangeDetection.none
      return true
    }
    detection = .gpu
    let key = PixelsKey(buffer: buffer.id, epoch: frame.flip)
    let isKnown = digested == key
    let hasChanged = digest.hasChanged(texture, buffer.crop)
    digested = key
    try context.checkGL("summing up pixels")
    if hasChanged || !isKnown { return true }
    // Ask for a reset here, because no drawing does. A lost context would find the same sums for
    // ever.
    try context.checkReset()
    return false
  }

  private mutating func digest(
    _ texture: Texture, _ size: PixelSize, _ context: RenderContext
  ) throws(GraphicsError) -> PixelDigest? {
    if let digest, digest.fits(texture, size) { return digest }
    digest = nil
    digest = try PixelDigest(size, isExternal: texture.isExternal, context)
    hasNoDigest = digest == nil
    return digest
  }
}
