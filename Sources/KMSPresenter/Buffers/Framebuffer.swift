// SPDX-License-Identifier: Apache-2.0

import CDRM
import DMABuf
import LinuxSystem
import SystemPackage
import VGPUDisplay

/// Memory with a layout, as planes show it (DRM_IOCTL_MODE_ADDFB2). It is removed with the last reference:
/// keep one while a plane shows it, because the kernel would switch the plane off.
final class Framebuffer {
  /// Its number.
  let id: UInt32
  private let card: Card

  private init(_ id: UInt32, on card: Card) {
    self.id = id
    self.card = card
  }

  deinit { _ = vgpu_drm_remove_framebuffer(card.fd, id) }

  /// Makes one of a dma-buf: nothing is copied.
  ///
  /// The kernel gives the same handle for the same memory each time, so a handle that two framebuffers
  /// shared could not be closed with either. None outlives this function: a framebuffer keeps the memory
  /// by itself.
  ///
  /// - Throws: `SystemCallError` when the card cannot reach the memory, or its display engine does not
  ///   take the layout.
  static func importing(
    _ buffer: DMABuffer, _ layout: ImageLayout, on card: Card
  ) throws(SystemCallError) -> Framebuffer {
    var handle: UInt32 = 0
    try card.call("DRM_IOCTL_PRIME_FD_TO_HANDLE") {
      vgpu_drm_import(card.fd, buffer.rawValue, &handle)
    }
    defer { _ = vgpu_drm_close_handle(card.fd, handle) }
    return try Framebuffer.make(
      layout, format: layout.format.fourCC.opaque, of: handle, on: card)
  }

  /// - Parameters:
  ///   - format: how the pixels are read, in place of the layout's own format.
  ///   - handle: the memory, which stays the caller's.
  static func make(
    _ layout: ImageLayout, format: FourCC, of handle: UInt32, on card: Card
  ) throws(SystemCallError) -> Framebuffer {
    // A driver that takes no modifier shows lines alone, or what it knows of the buffer by itself.
    guard card.takesModifiers || layout.modifier == .linear || layout.modifier == .invalid else {
      throw SystemCallError(
        call: "DRM_IOCTL_MODE_ADDFB2", object: card.path, errno: .invalidArgument,
        remedy: "the driver takes no modifiers")
    }
    let namesModifier = card.takesModifiers && layout.modifier != .invalid
    var arguments = Arguments()
    for (index, plane) in layout.planes.prefix(4).enumerated() {
      arguments.handles[index] = handle
      arguments.pitches[index] = UInt32(clamping: plane.stride)
      arguments.offsets[index] = UInt32(clamping: plane.offset)
      arguments.modifiers[index] = layout.modifier.rawValue
    }
    var id: UInt32 = 0
    try card.call("DRM_IOCTL_MODE_ADDFB2") {
      vgpu_drm_add_framebuffer(
        card.fd, UInt32(clamping: layout.width), UInt32(clamping: layout.height),
        format.rawValue, arguments.handles, arguments.pitches, arguments.offsets,
        namesModifier ? arguments.modifiers : nil, &id)
    }
    return Framebuffer(id, on: card)
  }

  private struct Arguments {
    var handles = [UInt32](repeating: 0, count: 4)
    var pitches = [UInt32](repeating: 0, count: 4)
    var offsets = [UInt32](repeating: 0, count: 4)
    var modifiers = [UInt64](repeating: 0, count: 4)
  }
}

extension FourCC {
  /// The same layout without alpha: a screen has nothing behind it.
  fileprivate var opaque: FourCC {
    switch self {
    case .argb8888: .xrgb8888
    case .abgr8888: .xbgr8888
    default: self
    }
  }
}
