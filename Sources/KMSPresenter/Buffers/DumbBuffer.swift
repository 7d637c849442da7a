// SPDX-License-Identifier: Apache-2.0

import CDRM
import DMABuf
import LinuxSystem
import VGPUDisplay

/// Memory that the CPU draws into and every display engine shows (DRM_IOCTL_MODE_CREATE_DUMB). It is black
/// at first.
final class DumbBuffer {
  let framebuffer: Framebuffer
  let size: PixelSize
  /// Bytes from one line to the next.
  let stride: Int
  private let memory: MappedMemory

  /// - Parameters:
  ///   - size: in pixels of 32 bits.
  ///   - hasAlpha: whether it is a pointer's picture.
  /// - Throws: `SystemCallError` when the card has no memory left.
  init(_ size: PixelSize, hasAlpha: Bool = false, on card: Card) throws(SystemCallError) {
    var request = drm_mode_create_dumb()
    request.width = UInt32(clamping: size.width)
    request.height = UInt32(clamping: size.height)
    request.bpp = 32
    try card.call("DRM_IOCTL_MODE_CREATE_DUMB") { vgpu_drm_create_dumb(card.fd, &request) }
    let handle = request.handle
    // The framebuffer and the mapping keep the memory.
    defer { _ = vgpu_drm_destroy_dumb(card.fd, handle) }
    var offset: UInt64 = 0
    try card.call("DRM_IOCTL_MODE_MAP_DUMB") { vgpu_drm_map_dumb(card.fd, handle, &offset) }
    memory = try card.map(offset: offset, count: Int(clamping: request.size))
    // Without a modifier, which the kernel's own memory needs on no card.
    framebuffer = try Framebuffer.make(
      ImageLayout(
        width: size.width, height: size.height, format: .xrgb8888, modifier: .invalid,
        stride: Int(request.pitch)),
      format: hasAlpha ? .argb8888 : .xrgb8888, of: handle, on: card)
    self.size = size
    stride = Int(request.pitch)
  }

  /// Lets the CPU draw.
  func draw(
    _ body: (UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Void
  ) throws(SystemCallError) {
    try memory.write(body)
  }
}
