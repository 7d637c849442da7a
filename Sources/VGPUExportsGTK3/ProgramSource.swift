// SPDX-License-Identifier: Apache-2.0

import CLinux
import CVGPU
import CVGPUGTK3
import DMABuf
import LinuxSystem
import SystemPackage
import VFIO
import VGPUDisplay
import VGPUExports

/// A frame source of the program's own, which it has given by functions (`VgpuSourceFunctions`). What the
/// functions say of a buffer is checked like a driver's answer.
final class ProgramSource: FrameSource {
  private let functions: VgpuSourceFunctions
  private let source: UnsafeMutableRawPointer?
  /// By the program's numbers; enough for what a guest flips among, and its pointers.
  private var buffers = RecencyTable<UInt64, PlaneBuffer>(capacity: 16)
  private(set) var counters = SourceCounters()

  init(_ functions: VgpuSourceFunctions, _ source: UnsafeMutableRawPointer?) {
    self.functions = functions
    self.source = source
  }

  deinit {
    buffers.removeAll()
    functions.close(source)
  }

  let name = "the program's source"

  func pause() { buffers.removeAll() }

  func poll() -> DisplayState {
    counters.queries += 1
    var told = vgpu_frame()
    let state = functions.poll(source, &told)
    guard state == Int32(VGPU_STATE_FRAME) else {
      buffers.removeAll()
      return .noPicture(reason(state))
    }
    do {
      let primary = try buffer(told.buffer_id, Int32(VGPU_PLANE_PRIMARY))
      counters.flips = Int(clamping: told.flip)
      return .frame(
        Frame(
          primary: primary, cursor: cursor(told), flip: told.flip,
          detectedAt: MonotonicInstant(nanoseconds: told.detected_ns)))
    } catch {
      counters.transients += 1
      return .noPicture(error)
    }
  }

  /// Why there is no picture: `VGPU_STATE_*`.
  private func reason(_ state: Int32) -> NoPicture {
    var text = [CChar](repeating: 0, count: 504)
    let length = functions.message(source, &text, gsize(text.count))
    let message = String(
      decoding: text.prefix(min(Int(clamping: length), text.count - 1))
        .map(UInt8.init(bitPattern:)), as: UTF8.self)
    return switch state {
    case Int32(VGPU_STATE_OFF): .planeOff
    case Int32(VGPU_STATE_WAITING), Int32(VGPU_STATE_TROUBLE): .waiting(message)
    default: .failed(.system(trouble("poll", message)))
    }
  }

  /// The cursor; a defect of the cursor is no error, because the picture is worth showing without it.
  private func cursor(_ told: vgpu_frame) -> Cursor? {
    let places = -Int32(PlaneInfo.largestSide)...Int32(PlaneInfo.largestSide)
    guard told.cursor_id != 0, places.contains(told.cursor_x), places.contains(told.cursor_y),
      let buffer = try? buffer(told.cursor_id, Int32(VGPU_PLANE_CURSOR))
    else { return nil }
    let isInside =
      (0..<Int32(clamping: buffer.size.width)).contains(told.hotspot_x)
      && (0..<Int32(clamping: buffer.size.height)).contains(told.hotspot_y)
    return Cursor(
      buffer: buffer, x: Int(told.cursor_x), y: Int(told.cursor_y),
      hotspot: isInside ? (Int(told.hotspot_x), Int(told.hotspot_y)) : nil)
  }

  private func buffer(_ id: UInt64, _ plane: Int32) throws(NoPicture) -> PlaneBuffer {
    if let index = buffers.use(id) { return buffers.entries[index].value }
    counters.gets += 1
    var error = vgpu_error()
    guard let reference = functions.get_buffer(source, plane, &error) else {
      throw .unavailable(trouble("get_buffer", error))
    }
    defer { functions.release(reference) }
    var info = vgpu_buffer_info()
    guard functions.describe(reference, &info, &error) == Int32(VGPU_OK) else {
      throw .unavailable(trouble("describe", error))
    }
    guard info.storage != Int32(VGPU_STORAGE_REGION) else {
      throw .unavailable(trouble("describe", "a picture without a descriptor"))
    }
    let fd = functions.dup_fd(reference, &error)
    guard fd >= 0 else { throw .unavailable(trouble("dup_fd", error)) }
    let memory: DMABuffer
    do {
      memory = try DMABuffer(
        owning: OwnedFileDescriptor(owning: fd), name: "\(name), buffer \(id)")
    } catch {
      throw .unavailable(error)
    }
    guard let format = PixelFormat(FourCC(rawValue: info.fourcc)) else {
      throw .defective(.unknownFormat(FourCC(rawValue: info.fourcc)))
    }
    let layout = ImageLayout(
      width: Int(info.width), height: Int(info.height), format: format,
      modifier: FormatModifier(rawValue: info.modifier), stride: Int(info.stride),
      offset: Int(info.offset))
    do {
      let buffer = try PlaneBuffer(PlaneInfo(checking: layout), buffer: memory)
      if buffers.isFull, let oldest = buffers.longestUnused { _ = buffers.remove(at: oldest) }
      buffers.append(buffer, for: id)
      return buffer
    } catch {
      throw .defective(error)
    }
  }

  private func trouble(_ call: String, _ error: vgpu_error) -> SystemCallError {
    let message = withUnsafeBytes(of: error.message) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return trouble(call, message)
  }

  private func trouble(_ call: String, _ message: String) -> SystemCallError {
    SystemCallError(call: call, object: name, errno: .invalidArgument, remedy: message)
  }
}
