// SPDX-License-Identifier: Apache-2.0

import DMABuf
public import LinuxSystem
import SystemPackage
import VFIO

/// The frames of one vGPU: asks the vGPU's driver, checks the answers, and keeps the buffers that
/// the guest flips among.
public final class DisplaySource<Provider: PlaneProvider & ~Copyable>: FrameSource {
  private let provider: Provider
  private let now: () -> MonotonicInstant
  private var screen = GuestScreen()

  /// What the source has done so far.
  public var counters: SourceCounters { screen.counters }

  /// The time that a driver may answer with transient errors before the last frame is taken away. A
  /// mode set takes a few frames.
  public static var patience: Duration { .nanoseconds(GuestScreen.patience) }

  /// Makes a source from a device.
  ///
  /// - Parameters:
  ///   - provider: the device; the source owns it from now on.
  ///   - now: the clock, for tests that cannot wait.
  public init(
    _ provider: consuming Provider, now: @escaping () -> MonotonicInstant = { .now }
  ) {
    self.provider = provider
    self.now = now
  }

  /// The device's name.
  public var name: String { provider.name }

  /// A descriptor that becomes readable when the guest shows something new, if the provider has
  /// one.
  public var eventDescriptor: Int32? { provider.eventDescriptor }

  /// The changed parts of the picture since the last call, when the provider can tell.
  public func takeDamage() -> Damage? { provider.takeDamage() }

  /// Looks at the guest's screen now; see `FrameSource`.
  public func poll() -> DisplayState { screen.poll(provider, now) }
}

/// A source's knowledge of its guest's screen.
///
/// It is a struct, so that a look takes exclusive access to all members at once. If the members
/// were variables of the source, each access would be checked by itself, which costs a look
/// hundreds of instructions.
private struct GuestScreen {
  private var transport: PlaneTransport?
  // The cursor and the picture have a cache each, so that neither throws the other out, whatever
  // ids a driver gives them.
  private var primaryBuffers = PlaneCache()
  private var cursorBuffers = PlaneCache()
  private var lastFrame: Frame?
  private var troubleSince: MonotonicInstant?
  private(set) var counters = SourceCounters()

  /// Nanoseconds.
  static let patience = 1_000_000_000

  mutating func poll<Provider: PlaneProvider & ~Copyable>(
    _ provider: borrowing Provider, _ now: () -> MonotonicInstant
  ) -> DisplayState {
    do {
      guard let transport = try findTransport(provider) else {
        return .noPicture(.noDisplay(device: provider.name))
      }
      let frame = try look(provider, transport, now)
      troubleSince = nil
      lastFrame = frame
      return .frame(frame)
    } catch {
      return state(after: error, now)
    }
  }

  private mutating func findTransport<Provider: PlaneProvider & ~Copyable>(
    _ provider: borrowing Provider
  ) throws(NoPicture) -> PlaneTransport? {
    if let transport { return transport }
    do {
      transport = try provider.transport()
    } catch {
      throw .failed(error)
    }
    return transport
  }

  private mutating func look<Provider: PlaneProvider & ~Copyable>(
    _ provider: borrowing Provider, _ transport: PlaneTransport, _ now: () -> MonotonicInstant
  ) throws(NoPicture) -> Frame {
    let plane = try query(provider, .primary, transport)
    guard !plane.isOff else { throw .planeOff }
    let buffer: PlaneBuffer
    if let known = primaryBuffers.buffer(of: plane) {
      buffer = known
    } else {
      buffer = try fetch(provider, plane, transport)
      primaryBuffers.insert(buffer, for: plane)
    }
    let cursor = cursor(provider, transport)
    let revision = provider.revision
    if let lastFrame, lastFrame.primary === buffer {
      return Frame(
        primary: buffer, cursor: cursor, flip: lastFrame.flip, detectedAt: lastFrame.detectedAt,
        revision: revision)
    }
    counters.flips += 1
    return Frame(
      primary: buffer, cursor: cursor, flip: UInt64(counters.flips), detectedAt: now(),
      revision: revision)
  }

  private mutating func query<Provider: PlaneProvider & ~Copyable>(
    _ provider: borrowing Provider, _ type: PlaneType, _ transport: PlaneTransport
  ) throws(NoPicture) -> GraphicsPlane {
    counters.queries += 1
    do {
      return try provider.query(type, transport)
    } catch {
      throw error.isModeSet ? .settingMode(error) : .failed(error)
    }
  }

  private mutating func fetch<Provider: PlaneProvider & ~Copyable>(
    _ provider: borrowing Provider, _ plane: GraphicsPlane, _ transport: PlaneTransport
  ) throws(NoPicture) -> PlaneBuffer {
    let info: PlaneInfo
    do {
      info = try PlaneInfo(checking: plane)
    } catch {
      throw .defective(error)
    }
    counters.gets += 1
    switch transport {
    case .dmaBuf:
      let fd: OwnedFileDescriptor
      do {
        fd = try provider.dmaBuf(plane.handle)
      } catch {
        // Between the query and this call the guest may have flipped to another buffer, and the
        // queried one may be gone.
        throw error.isModeSet || error.errno == .noSuchFileOrDirectory
          ? .settingMode(error) : .failed(error)
      }
      let buffer: DMABuffer
      do {
        buffer = try DMABuffer(owning: fd, name: "\(provider.name), dma-buf \(plane.handle)")
      } catch {
        throw .unavailable(error)
      }
      return try PlaneBuffer.checked(info, buffer)
    case .region:
      let memory: MappedMemory
      do {
        memory = try provider.mapPixels(inRegion: plane.handle, count: UInt64(info.end))
      } catch {
        throw error.isModeSet ? .settingMode(error) : .failed(error)
      }
      return try PlaneBuffer.checked(info, memory)
    }
  }

  /// The cursor plane, or `nil`. No defect of the cursor is an error, because the picture is worth
  /// showing without a pointer.
  private mutating func cursor<Provider: PlaneProvider & ~Copyable>(
    _ provider: borrowing Provider, _ transport: PlaneTransport
  ) -> Cursor? {
    // A cursor in a region is ignored: no driver has one, but mdpy answers for its cursor as for
    // its picture.
    guard transport == .dmaBuf, let plane = try? query(provider, .cursor, transport), !plane.isOff,
      let x = Self.position(plane.x), let y = Self.position(plane.y)
    else { return nil }
    let buffer: PlaneBuffer
    if let known = cursorBuffers.buffer(of: plane) {
      buffer = known
    } else {
      guard let fetched = try? fetch(provider, plane, transport) else { return nil }
      cursorBuffers.insert(fetched, for: plane)
      buffer = fetched
    }
    let isInside = plane.hotspotX < plane.width && plane.hotspotY < plane.height
    return Cursor(
      buffer: buffer, x: x, y: y,
      hotspot: isInside ? (Int(plane.hotspotX), Int(plane.hotspotY)) : nil)
  }

  /// A position that a driver gives as a signed number in an unsigned field.
  private static func position(_ value: UInt32) -> Int? {
    let position = Int(Int32(bitPattern: value))
    let most = Int(PlaneInfo.largestSide)
    return (-most...most).contains(position) ? position : nil
  }

  private mutating func state(
    after problem: NoPicture, _ now: () -> MonotonicInstant
  ) -> DisplayState {
    switch problem {
    case .settingMode, .defective, .unavailable:
      counters.transients += 1
      let now = now()
      let since = troubleSince ?? now
      troubleSince = since
      if let lastFrame, now.nanoseconds(since: since) < Self.patience { return .frame(lastFrame) }
    case .planeOff, .noDisplay, .waiting, .failed:
      troubleSince = nil
    }
    lastFrame = nil
    if case .failed = problem {
      // The buffers are dropped only now, because a guest that blanks its screen comes back to the
      // same ones, and mbochs must not be asked for a buffer twice.
      primaryBuffers.removeAll()
      cursorBuffers.removeAll()
    }
    return .noPicture(problem)
  }
}

extension PlaneBuffer {
  fileprivate static func checked(
    _ info: PlaneInfo, _ buffer: DMABuffer
  ) throws(NoPicture) -> PlaneBuffer {
    do {
      return try PlaneBuffer(info, buffer: buffer)
    } catch {
      throw .defective(error)
    }
  }

  fileprivate static func checked(
    _ info: PlaneInfo, _ region: consuming MappedMemory
  ) throws(NoPicture) -> PlaneBuffer {
    do {
      return try PlaneBuffer(info, region: region)
    } catch {
      throw .defective(error)
    }
  }
}

extension VFIOError {
  /// Whether an error comes and goes while a guest sets a mode: i915 answers EINVAL or EFAULT,
  /// mbochs ENOMEM.
  var isModeSet: Bool {
    errno == .invalidArgument || errno == .badAddress || errno == .noMemory
  }
}
