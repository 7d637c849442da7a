// SPDX-License-Identifier: Apache-2.0

import CWayland
import CWaylandProtocols
import DMABuf
import LinuxSystem
import VGPUDisplay

/// The compositor's objects for the guest's buffers: a `wl_buffer` for each buffer, made once and
/// kept as long as the source has the buffer. The render thread owns them.
///
/// For dma-bufs they are made by `zwp_linux_buffer_params_v1.create`, which a compositor may refuse. After
/// a refused `create_immed` it would end the connection. For memory files they are made by `wl_shm`, without
/// an answer; what a compositor would end the connection for is not asked for.
///
/// When there are too many, none makes room for another one, because the compositor may be showing
/// any of them.
final class CompositorBuffers {
  /// A buffer's state.
  enum Outcome {
    case made(OpaquePointer)
    case asked
    case obstacle(HandoverObstacle)
  }

  /// Buffers that the compositor has taken so far.
  private(set) var taken = 0
  /// Whether the compositor has answered since this was last set to false.
  var hasNews = false

  private enum State {
    case asked(OpaquePointer)
    case made(OpaquePointer)
    case refused
  }

  private struct Known {
    weak var buffer: PlaneBuffer?
    var state: State
  }

  private let handles: HandoverHandles
  /// More than a source keeps.
  private var known = RecencyTable<UInt64, Known>(capacity: 96)

  init(_ handles: HandoverHandles) { self.handles = handles }

  /// The compositor's buffer for a buffer of the guest. It is requested when the guest's buffer is
  /// seen for the first time.
  func outcome(of buffer: PlaneBuffer) -> Outcome {
    guard let index = known.use(buffer.id) else { return ask(for: buffer) }
    switch known.entries[index].value.state {
    case .asked: return .asked
    case .made(let made): return .made(made)
    case .refused: return .obstacle(.refused(buffer.layout))
    }
  }

  private func ask(for buffer: PlaneBuffer) -> Outcome {
    let layout = buffer.layout
    guard case .dmaBuf(let memory) = buffer.storage else { return .obstacle(.noBuffer) }
    if memory.backing == .memoryFile { return share(buffer, memory) }
    guard let plane = layout.planes.first,
      let width = Int32(exactly: layout.width), let height = Int32(exactly: layout.height)
    else { return .obstacle(.noBuffer) }
    // A compositor counts whole lines. It ends the connection (`out_of_bounds`) when the last line
    // ends early, or when the size exceeds 32 bits.
    // What the CPU reads line after line can be named, whatever the source says.
    let modifier = layout.modifier == .invalid && buffer.lines != nil ? .linear : layout.modifier
    let (lines, overflows) = plane.stride.multipliedReportingOverflow(by: layout.height)
    guard !overflows, lines <= memory.size - plane.offset,
      lines <= Int(UInt32.max) - plane.offset,
      let format = handles.formats.format(for: layout, as: modifier)
    else { return .obstacle(.unnamed(layout)) }
    guard !known.isFull else { return .obstacle(.tooMany) }
    guard let parameters = zwp_linux_dmabuf_v1_create_params(handles.dmabuf) else {
      return .obstacle(.tooMany)
    }
    zwp_linux_buffer_params_v1_add_listener(parameters, Self.listener, Unmanaged.borrowed(self))
    for (index, plane) in layout.planes.enumerated() {
      // No number is cut, because `PlaneInfo` has checked them.
      zwp_linux_buffer_params_v1_add(
        parameters, memory.rawValue, UInt32(index), UInt32(clamping: plane.offset),
        UInt32(clamping: plane.stride), UInt32(modifier.rawValue >> 32),
        UInt32(truncatingIfNeeded: modifier.rawValue))
    }
    zwp_linux_buffer_params_v1_create(parameters, width, height, format.rawValue, 0)
    known.append(Known(buffer: buffer, state: .asked(parameters)), for: buffer.id)
    return .asked
  }

  /// The compositor maps the memory file (wl_shm.create_pool). It takes 32-bit RGB of any layout, and
  /// counts whole lines too.
  private func share(_ buffer: PlaneBuffer, _ memory: DMABuffer) -> Outcome {
    let layout = buffer.layout
    guard let sharedMemory = handles.sharedMemory, buffer.lines != nil,
      layout.format.fourCC == .xrgb8888 || layout.format.fourCC == .argb8888,
      let plane = layout.planes.first,
      let width = Int32(exactly: layout.width), let height = Int32(exactly: layout.height),
      let stride = Int32(exactly: plane.stride), let offset = Int32(exactly: plane.offset),
      let size = Int32(exactly: memory.size)
    else { return .obstacle(.unnamed(layout)) }
    // Neither overflows, because both numbers are of 32 bits.
    let end = plane.stride * layout.height + plane.offset
    guard end <= memory.size, plane.offset.isMultiple(of: 4), plane.stride.isMultiple(of: 4) else {
      return .obstacle(.unnamed(layout))
    }
    // A compositor ends the connection when it cannot map the file for writing.
    do throws(SystemCallError) {
      _ = try memory.map(.readWrite, count: 1)
    } catch {
      return .obstacle(.readOnly)
    }
    guard !known.isFull,
      let pool = wl_shm_create_pool(sharedMemory, memory.rawValue, size)
    else { return .obstacle(.tooMany) }
    // The buffer keeps the pool's memory. A screen is opaque, whatever alpha its pixels have.
    let made = wl_shm_pool_create_buffer(
      pool, offset, width, height, stride, WL_SHM_FORMAT_XRGB8888.rawValue)
    wl_shm_pool_destroy(pool)
    guard let made else { return .obstacle(.tooMany) }
    taken += 1
    known.append(Known(buffer: buffer, state: .made(made)), for: buffer.id)
    return .made(made)
  }

  /// Destroys the objects of released buffers: the compositor holds the buffers' memory until then.
  ///
  /// - Parameter shown: a buffer that must stay, because the picture of a destroyed buffer is undefined.
  func sweep(but shown: OpaquePointer?) {
    for index in known.indices.reversed() where known.entries[index].value.buffer == nil {
      switch known.entries[index].value.state {
      // Wait for the answer, because it makes an object that would otherwise leak.
      case .asked: continue
      case .made(let made):
        if made == shown { continue }
        wl_buffer_destroy(made)
      case .refused: break
      }
      known.remove(at: index)
    }
  }

  /// Releases everything. No buffer may be attached any more.
  func close(_ handles: WaylandHandles) {
    let isAsked = known.indices.contains {
      if case .asked = known.entries[$0].value.state { true } else { false }
    }
    if isAsked { wl_display_roundtrip_queue(handles.display, handles.queue) }
    for index in known.indices {
      switch known.entries[index].value.state {
      case .asked(let parameters): zwp_linux_buffer_params_v1_destroy(parameters)
      case .made(let made): wl_buffer_destroy(made)
      case .refused: break
      }
    }
    known.removeAll()
  }

  private func answered(_ parameters: OpaquePointer?, _ made: OpaquePointer?) {
    hasNews = true
    if made != nil { taken += 1 }
    for index in known.indices {
      guard case .asked(let asked) = known.entries[index].value.state, asked == parameters else {
        continue
      }
      known.entries[index].value.state = made.map { .made($0) } ?? .refused
    }
    if let parameters { zwp_linux_buffer_params_v1_destroy(parameters) }
  }

  /// It is never moved and never freed, because libwayland keeps its address. `unsafe` is right,
  /// because nobody writes to it.
  nonisolated(unsafe) private static let listener = {
    let listener = UnsafeMutablePointer<zwp_linux_buffer_params_v1_listener>.allocate(capacity: 1)
    listener.initialize(
      to: zwp_linux_buffer_params_v1_listener(
        created: { data, parameters, made in buffers(data)?.answered(parameters, made) },
        failed: { data, parameters in buffers(data)?.answered(parameters, nil) }))
    return listener
  }()

  private static func buffers(_ data: UnsafeMutableRawPointer?) -> CompositorBuffers? {
    data.map { Unmanaged<CompositorBuffers>.fromOpaque($0).takeUnretainedValue() }
  }
}

extension PlaneBuffer {
  /// Whether the pixels are in a memory file, which every compositor can map.
  var isMemoryFile: Bool {
    if case .dmaBuf(let memory) = storage { memory.backing == .memoryFile } else { false }
  }
}

/// The dma-bufs that a compositor takes: formats and, for each, the memory layouts that it names
/// (`zwp_linux_dmabuf_v1.modifier`).
struct CompositorFormats: Sendable {
  private var modifiers: [FourCC: Set<FormatModifier>] = [:]

  var isEmpty: Bool { modifiers.isEmpty }

  /// Adds a pair that the compositor has named. Pairs with an implicit layout are left out, because
  /// drivers guess such layouts wrongly.
  mutating func add(_ format: FourCC, _ modifier: FormatModifier) {
    guard modifier != .invalid else { return }
    modifiers[format, default: []].insert(modifier)
  }

  /// The format and layout under which a compositor takes a picture; `nil` when it does not take
  /// it. A screen is opaque, whatever alpha its pixels have.
  ///
  /// - Parameter modifier: the layout to name; the picture's own one when left out.
  func format(for layout: ImageLayout, as modifier: FormatModifier? = nil) -> FourCC? {
    guard layout.format.model == .rgb else { return nil }
    let format: FourCC
    switch layout.format.fourCC {
    case .argb8888: format = .xrgb8888
    case .abgr8888: format = .xbgr8888
    default: format = layout.format.fourCC
    }
    return modifiers[format]?.contains(modifier ?? layout.modifier) == true ? format : nil
  }
}
