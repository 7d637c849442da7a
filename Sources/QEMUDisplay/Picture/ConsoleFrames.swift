// SPDX-License-Identifier: Apache-2.0

import CLinux
import DMABuf
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import VGPUDisplay

/// Makes frames of a console's picture, on the thread that polls.
///
/// Pixels that came in messages, or lie in a file that QEMU draws into, are copied into one of three
/// buffers, so that nobody writes into the buffer that is on the screen. Only what has changed is
/// copied. A buffer of QEMU's is handed on as it is.
struct ConsoleFrames {
  /// As many as a compositor and a renderer hold at a time.
  private static let slots = 3
  /// A guest flips among two or three buffers.
  private static let mostBuffers = 8

  private var contents: UInt64?
  private var revision: UInt64 = 0
  private var last = DisplayState.noPicture(.waiting(""))
  private var flips: UInt64 = 0
  private var ring: [Slot] = []
  private var turn = 0
  private var buffers = RecencyTable<BufferKey, PlaneBuffer>(capacity: Self.mostBuffers)
  private var pointer: (shape: PointerShape, buffer: PlaneBuffer)?
  private var damage = Damage()
  private var isAllDamaged = true
  /// Whether the last look found a picture that could not be had.
  private var hasFailed = false
  private(set) var counters = SourceCounters()

  private struct Slot {
    let plane: PlaneBuffer
    let mapping: Mapping
    /// What it lacks of the present picture.
    var stale: Damage
  }

  private final class Mapping {
    let memory: DMABuffer.Mapping
    init(_ memory: consuming DMABuffer.Mapping) { self.memory = memory }
  }

  private struct BufferKey: Equatable {
    let identity: FileIdentity
    let info: PlaneInfo
  }

  /// The console's picture now. It does not block, but for the lock of a call that is being carried
  /// out.
  mutating func poll(_ picture: ConsolePicture) -> DisplayState {
    let held = picture.state.withLock { state -> Reply? in
      picture.willBeSeen(&state)
      guard contents == nil || state.revision != revision || hasFailed else { return nil }
      counters.queries += 1
      do throws(SystemCallError) {
        last = try look(&state)
        hasFailed = false
      } catch {
        hasFailed = true
        // All of the picture is missing then.
        ring = []
        isAllDamaged = true
        last = .noPicture(.unavailable(error))
        picture.tellLater(&state)
      }
      contents = state.contents
      revision = state.revision
      return state.held.take()
    }
    held?.send()
    return last
  }

  /// What has changed since the last call; see `FrameSource`.
  mutating func takeDamage() -> Damage? {
    defer {
      damage = Damage()
      isAllDamaged = false
    }
    return isAllDamaged ? nil : damage
  }

  private mutating func look(
    _ state: inout ConsolePicture.State
  ) throws(SystemCallError) -> DisplayState {
    let isNew = contents != state.contents
    if isNew { isAllDamaged = true }
    let new = state.damage
    state.damage = Damage()
    damage.add(new)
    let plane: PlaneBuffer
    switch state.content {
    case .none(let reason):
      ring = []
      buffers.removeAll()
      pointer = nil
      return .noPicture(reason.isEmpty ? .planeOff : .waiting(reason))
    case .canvas(let canvas):
      buffers.removeAll()
      plane = try fill(canvas.size, new) { part, bytes in canvas.copy(part, to: bytes) }
    case .map(let map):
      buffers.removeAll()
      plane = try fill(map.identity.size, new) { (part, bytes) throws(SystemCallError) in
        try map.copy(part, to: bytes)
      }
    case .buffer(let shared):
      ring = []
      let key = BufferKey(identity: shared.identity, info: shared.info)
      if let index = buffers.use(key) {
        plane = buffers.entries[index].value
      } else {
        counters.gets += 1
        do {
          plane = try PlaneBuffer(shared.info, buffer: shared.buffer)
        } catch {
          return .noPicture(.defective(error))
        }
        buffers.insert(plane, for: key)
      }
    }
    if isNew || !new.isEmpty {
      flips &+= 1
      counters.flips += 1
    }
    return .frame(
      Frame(
        primary: plane, cursor: cursor(state.pointer), flip: flips, detectedAt: .now,
        revision: state.revision &- state.pointerChanges))
  }

  /// Brings the next buffer up to date.
  private mutating func fill(
    _ size: PixelSize, _ new: Damage,
    _ copy: (PixelRectangle, UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Void
  ) throws(SystemCallError) -> PlaneBuffer {
    if let old = ring.first, old.plane.size != size { ring = [] }
    for index in ring.indices { ring[index].stale.add(new) }
    // Only the pointer has moved.
    if new.isEmpty, ring.indices.contains(turn), ring[turn].stale.isEmpty {
      return ring[turn].plane
    }
    if ring.count < Self.slots {
      turn = ring.count
      ring.append(try Self.slot(size))
    } else {
      turn = (turn + 1) % ring.count
    }
    let stale = ring[turn].stale
    try ring[turn].mapping.memory.write { (bytes) throws(SystemCallError) in
      for index in 0..<stale.count { try copy(stale[index], bytes) }
    }
    ring[turn].stale = Damage()
    return ring[turn].plane
  }

  private static func slot(_ size: PixelSize) throws(SystemCallError) -> Slot {
    do {
      let (info, buffer) = try PictureBuffer.make(size, .xrgb8888, name: "QEMU's picture")
      return Slot(
        plane: try PlaneBuffer(info, buffer: buffer),
        mapping: Mapping(try buffer.map(.readWrite)),
        stale: Damage(size.whole))
    } catch let error as SystemCallError {
      throw error
    } catch {
      throw SystemCallError(call: "memfd_create", object: "QEMU's picture", errno: .noMemory)
    }
  }

  private mutating func cursor(_ new: ConsolePicture.Pointer) -> Cursor? {
    guard new.isVisible, let shape = new.shape ?? .arrow else { return nil }
    if pointer?.shape !== shape {
      pointer = (try? PlaneBuffer(shape.info, buffer: shape.buffer)).map { (shape, $0) }
    }
    return pointer.map { Cursor(buffer: $0.buffer, x: new.x, y: new.y, hotspot: shape.hotspot) }
  }
}
