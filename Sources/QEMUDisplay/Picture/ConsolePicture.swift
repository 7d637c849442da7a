// SPDX-License-Identifier: Apache-2.0

import CLinux
import DMABuf
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import VGPUDisplay

/// The picture of one console, between the thread on which QEMU's calls come and the thread that
/// draws. QEMU's calls change it, `ConsoleFrames` makes frames of it.
final class ConsolePicture: Sendable {
  /// Where the pixels are.
  enum Content {
    /// There is none; the text says why, and is empty when the guest has switched the screen off.
    case none(String)
    /// In this process's memory, because they came in messages.
    case canvas(Canvas)
    /// In a file that QEMU draws into.
    case map(SharedMap)
    /// In a buffer of QEMU's or of the guest's.
    case buffer(SharedBuffer)

    /// The picture's size; `nil` without a picture.
    var size: PixelSize? {
      switch self {
      case .none: nil
      case .canvas(let canvas): canvas.size
      case .map(let map): map.identity.size
      case .buffer(let buffer): buffer.info.size
      }
    }
  }

  /// The pointer's picture and place.
  struct Pointer {
    var shape: PointerShape?
    var x = 0
    var y = 0
    var isVisible = false
  }

  /// `@unchecked Sendable`: it is reached only through the lock below.
  struct State: @unchecked Sendable {
    var content = Content.none("Connecting to QEMU's display.")
    /// The files that QEMU has drawn into lately, with the present picture's size: a guest that flips shows
    /// them in turn.
    var maps = RecencyTable<SharedPixels.Identity, SharedMap>(capacity: 4)
    /// Counts the contents, so that a reader knows a new one from changes in the same one.
    var contents: UInt64 = 0
    /// Counts every change.
    var revision: UInt64 = 0
    /// Counts the changes that were the pointer's alone.
    var pointerChanges: UInt64 = 0
    /// What has changed since the last frame.
    var damage = Damage()
    var pointer = Pointer()
    /// Whether the last picture that QEMU showed was followed by an update of it, as a guest's flips are.
    var isUpdated = false
    /// The answer to the last UpdateDMABUF. QEMU's guest draws on when it gets it.
    var held: Reply?
    /// When that answer goes by itself.
    var heldUntil = MonotonicInstant.now
    /// Whether somebody waits for that time.
    var isHoldLimited = false
    /// Whether `news` has been made readable since the last look.
    var isTold = false
    /// Whether the guest has let go of its picture, and has shown no other since.
    var isDisabled = false
    /// Whether a call was about another picture than the present one.
    var isOutdated = false
    /// Whether QEMU has told of a change in a buffer that it has never sent.
    var lacksBuffer = false
    /// The listener that is heard: the newest that has sent something.
    var listener: UInt64 = 0
    /// The number of the last listener.
    var lastListener: UInt64 = 0
  }

  let state = Mutex(State())
  /// A timerfd: readable while there is something new, and at the time at which `tellLater` wants a look.
  let news: OwnedFileDescriptor

  /// An element for each time that the picture may be out of date; see `isDoubtful`.
  let doubts: AsyncStream<Void>
  private let doubtful: AsyncStream<Void>.Continuation

  /// The longest that the guest waits for its frame to be taken. A hidden window takes none.
  private static let longestHold = Duration.milliseconds(100)

  init() throws(SystemCallError) {
    let fd = try SystemCall.make("timerfd_create", on: "QEMU's display") { vgpu_timerfd() }
    news = OwnedFileDescriptor(owning: Int32(fd))
    (doubts, doubtful) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  }

  /// The number of a new listener.
  func nextListener() -> UInt64 {
    state.withLock { state in
      state.lastListener &+= 1
      return state.lastListener
    }
  }

  /// Hears none of the listeners so far any more.
  func forgetListeners() {
    state.withLock { state in
      state.lastListener &+= 1
      state.listener = state.lastListener
    }
  }

  /// Carries a call out, and answers it. Calls of listeners before the newest are answered only: they are
  /// of an older picture.
  ///
  /// - Parameter listener: which listener was called.
  /// - Throws: `DisplayDefect` when it does not fit the present picture; it is not answered then.
  func take(_ call: consuming ListenerCall, _ reply: Reply?, from listener: UInt64 = 0)
    throws(DisplayDefect)
  {
    let isHeard = state.withLock { state in
      if listener < state.listener { return false }
      state.listener = listener
      return true
    }
    guard isHeard else {
      reply?.send()
      return
    }
    var isHeld = false
    switch consume call {
    case .scanout(let pixels):
      try draw(pixels)
    case .update(let x, let y, let pixels):
      try draw(pixels, x, y)
    case .scanoutMap(let pixels):
      show(.map(try map(of: pixels)))
    case .updateMap(let part):
      isHeld = try update(part, reply)
    case .updateDMABuf(let part):
      isHeld = try update(part, reply, inBuffer: true)
    case .scanoutDMABuf(let buffer):
      show(.buffer(buffer))
    case .disable:
      // The last picture stays: a guest that exchanges its buffers lets go of one before it shows the
      // next.
      state.withLock { $0.isDisabled = true }
      doubt()
    case .mouseSet(let x, let y, let isVisible):
      changePointer {
        $0.x = x
        $0.y = y
        $0.isVisible = isVisible
      }
    case .cursorDefine(let pixels, let hotspot):
      let shape = try PointerShape(pixels, hotspot)
      changePointer { $0.shape = shape }
    }
    if !isHeld { reply?.send() }
  }

  /// Shows no picture from now on, for this reason; none means that the screen is off.
  func clear(_ reason: String) {
    change { state in
      state.content = .none(reason)
      state.maps.removeAll()
      state.contents &+= 1
      state.pointer = Pointer()
      state.isDisabled = false
      state.isOutdated = false
      state.lacksBuffer = false
    }
    release()
  }

  /// Gives the reason for the lack of a picture, when QEMU tells of changes in one.
  func explainLack(_ reason: String) { explain(reason) { $0.lacksBuffer } }

  /// Gives the reason for the lack of a picture, when there is none.
  func explainSilence(_ reason: String) { explain(reason) { _ in true } }

  private func explain(_ reason: String, if isSo: (State) -> Bool) {
    state.withLock { state in
      guard case .none(let old) = state.content, old != reason, isSo(state) else { return }
      state.content = .none(reason)
      state.contents &+= 1
      state.revision &+= 1
      tell(&state)
    }
  }

  /// Whether the guest has let go of its picture, and has shown no other since.
  var isDisabled: Bool { state.withLock(\.isDisabled) }

  /// Whether QEMU has to be asked for the picture again. QEMU before 9.2 tells no new size when a guest
  /// that has set a mode draws parts of its picture first, as text modes do.
  ///
  /// - Parameter size: the console's size, as QEMU says it beside the picture.
  func isDoubtful(_ size: PixelSize) -> Bool {
    state.withLock { state in
      if state.isDisabled || state.isOutdated { return true }
      // A buffer's picture may be a part of what the console's size is of.
      if case .buffer = state.content { return false }
      return !size.isEmpty && state.content.size.map { $0 != size } == true
    }
  }

  /// Notes that the picture may be out of date.
  func doubt() { doubtful.yield() }

  /// Answers the call that holds the guest up, if any.
  func release() {
    state.withLock { $0.held.take() }?.send()
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { state in
      body(&state)
      state.revision &+= 1
      tell(&state)
    }
  }

  private func changePointer(_ body: (inout Pointer) -> Void) {
    change { state in
      body(&state.pointer)
      state.pointerChanges &+= 1
    }
  }

  /// Notes that somebody looks at the picture now.
  func willBeSeen(_ state: inout State) {
    var expirations: UInt64 = 0
    _ = Glibc.read(news.rawValue, &expirations, MemoryLayout.size(ofValue: expirations))
    state.isTold = false
  }

  /// Has the picture looked at.
  private func tell(_ state: inout State) {
    guard !state.isTold else { return }
    state.isTold = true
    // A time that is over.
    _ = vgpu_timerfd_set(news.rawValue, 1)
  }

  /// Has the picture looked at again, a little later.
  func tellLater(_ state: inout State, in delay: Duration = longestHold) {
    // Whoever looks because he was told already will see this too.
    guard !state.isTold else { return }
    _ = vgpu_timerfd_set(news.rawValue, MonotonicInstant.now.advanced(by: delay).nanoseconds)
  }

  private func wasUpdated(_ state: inout State) {
    state.revision &+= 1
    state.isUpdated = true
    tell(&state)
  }

  /// The longest that a picture waits for its update, which QEMU sends at once.
  private static let longestWait = Duration.milliseconds(20)

  /// Carries out that QEMU shows a picture. A guest's flip comes as two calls, the picture and an update of
  /// all of it: whoever was told of each would take it for two flips.
  private func showed(_ body: (inout State) -> Void) {
    state.withLock { state in
      body(&state)
      state.revision &+= 1
      if state.isUpdated {
        tellLater(&state, in: Self.longestWait)
      } else {
        tell(&state)
      }
      state.isUpdated = false
    }
  }

  /// The map of a file; the one that is there when the same picture was shown lately.
  private func map(of pixels: SharedPixels) throws(DisplayDefect) -> SharedMap {
    let known = state.withLock { state in
      state.maps.use(pixels.identity).map { state.maps.entries[$0].value }
    }
    if let known { return known }
    let new = SharedMap(pixels.identity, try pixels.mapped())
    state.withLock { $0.maps.insert(new, for: pixels.identity) }
    return new
  }

  private func show(_ content: Content) {
    showed { state in
      if case .map(let map) = content {
        state.maps.removeAll { identity, _ in identity.size != map.identity.size }
      } else {
        state.maps.removeAll()
      }
      state.content = content
      state.contents &+= 1
      state.damage = Damage()
      if let size = content.size { state.damage.add(size.whole) }
      state.isDisabled = false
      state.isOutdated = false
      state.lacksBuffer = false
    }
  }

  /// A whole picture, into the present canvas when it fits.
  private func draw(_ pixels: SentPixels) throws(DisplayDefect) {
    let fits = state.withLock { state in
      guard case .canvas(let canvas) = state.content, canvas.size == pixels.size else {
        return false
      }
      return true
    }
    if fits {
      return showed { state in
        state.isDisabled = false
        state.isOutdated = false
        guard case .canvas(let canvas) = state.content else { return }
        canvas.draw(pixels, 0, 0)
        state.damage.add(canvas.size.whole)
      }
    }
    let new = try Canvas(pixels.size)
    new.draw(pixels, 0, 0)
    show(.canvas(new))
  }

  private func draw(_ pixels: SentPixels, _ x: Int, _ y: Int) throws(DisplayDefect) {
    let part = PixelRectangle(x: x, y: y, width: pixels.size.width, height: pixels.size.height)
    let isDrawn = state.withLock { state in
      guard case .canvas(let canvas) = state.content, part.liesWithin(canvas.size.whole)
      else {
        return false
      }
      canvas.draw(pixels, x, y)
      state.damage.add(part)
      wasUpdated(&state)
      return true
    }
    guard isDrawn else { throw outside(part) }
  }

  /// - Returns: whether the answer waits until the frame is taken.
  private func update(
    _ part: PixelRectangle, _ reply: Reply?, inBuffer: Bool = false
  ) throws(DisplayDefect) -> Bool {
    enum Outcome { case held, answered, outside }
    let (outcome, old) = state.withLock { state -> (Outcome, Reply?) in
      if case .canvas = state.content { return (.outside, nil) }
      if inBuffer, case .none = state.content { state.lacksBuffer = true }
      guard let size = state.content.size, part.width > 0, part.height > 0 else {
        return (.outside, nil)
      }
      // virgl names parts that reach over the picture's edge. Its edges are sums of 32-bit numbers, so
      // they do not overflow.
      state.damage.add(part.intersection(size.whole))
      wasUpdated(&state)
      guard case .buffer = state.content else { return (.answered, nil) }
      let old = state.held
      state.held = reply
      limitHold(&state)
      return (.held, old)
    }
    old?.send()
    if outcome == .outside { throw outside(part) }
    return outcome == .held
  }

  private func outside(_ part: PixelRectangle) -> DisplayDefect {
    state.withLock { $0.isOutdated = true }
    doubt()
    return .outside(part)
  }

  /// Sends the held answer when its time is over. One task does that for all frames of a guest that goes on.
  private func limitHold(_ state: inout State) {
    state.heldUntil = .now.advanced(by: Self.longestHold)
    guard !state.isHoldLimited else { return }
    state.isHoldLimited = true
    Task.detached { [weak self] in
      while let rest = self?.restOfHold() { try? await Task.sleep(for: rest) }
    }
  }

  /// How long the held answer may still wait; `nil` when there is none, or it has just been sent.
  private func restOfHold() -> Duration? {
    let (rest, late) = state.withLock { state -> (Duration?, Reply?) in
      let rest = MonotonicInstant.now.duration(to: state.heldUntil)
      if state.held != nil, rest > .zero { return (rest, nil) }
      state.isHoldLimited = false
      return (nil, state.held.take())
    }
    late?.send()
    return rest
  }
}

/// A picture as XRGB8888 in this process's own memory.
///
/// `@unchecked Sendable`: its pixels are written and read only under the lock of the picture that it
/// belongs to, or before it belongs to one.
final class Canvas: @unchecked Sendable {
  let size: PixelSize
  private let memory: UnsafeMutableRawBufferPointer

  var stride: Int { size.width * 4 }

  init(_ size: PixelSize) throws(DisplayDefect) {
    // The sides were checked, so the product is at most 2^30. The pages come when they are written.
    let count = size.width * size.height * 4
    let address = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      throw .absurdSize(width: size.width, height: size.height)
    }
    self.size = size
    memory = UnsafeMutableRawBufferPointer(start: address, count: count)
  }

  deinit { munmap(memory.baseAddress, memory.count) }

  /// Draws pixels that lie within it.
  func draw(_ pixels: SentPixels, _ x: Int, _ y: Int) {
    pixels.write(to: memory, at: y * stride + x * 4, distance: stride)
  }

  /// Copies a part that lies within it to a picture of the same size and stride.
  func copy(_ part: PixelRectangle, to target: UnsafeMutableRawBufferPointer) {
    guard let from = memory.baseAddress, let to = target.baseAddress,
      target.count >= memory.count
    else { return }
    for line in part.y..<part.y + part.height {
      let start = line * stride + part.x * 4
      memcpy(to + start, from + start, part.width * 4)
    }
  }
}

/// A file that QEMU draws into, kept while it is shown.
///
/// `@unchecked Sendable`: nothing of it changes, but the pixels, which are QEMU's.
final class SharedMap: @unchecked Sendable {
  let identity: SharedPixels.Identity
  private let memory: MappedMemory

  init(_ identity: SharedPixels.Identity, _ memory: consuming MappedMemory) {
    self.identity = identity
    self.memory = memory
  }

  /// Copies a part that lies within it to an XRGB8888 picture of the same size without gaps.
  ///
  /// - Throws: `SystemCallError` with EFAULT when QEMU has cut the file short.
  func copy(
    _ part: PixelRectangle, to target: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) {
    let (size, stride, format) = (identity.size, identity.stride, identity.format)
    let start = identity.start
    guard target.count >= size.width * size.height * 4 else { return }
    try memory.read { (bytes) throws(SystemCallError) in
      guard let from = bytes.baseAddress, let to = target.baseAddress else { return }
      for line in part.y..<part.y + part.height {
        format.copy(
          from + start + line * stride + part.x * format.bytesPerPixel,
          to: to + (line * size.width + part.x) * 4, count: part.width)
      }
    }
  }
}

/// A buffer for one picture without gaps between the lines.
enum PictureBuffer {
  /// - Throws: `DisplayDefect.noBuffer` when this process gets no memory.
  static func make(
    _ size: PixelSize, _ format: FourCC, name: String
  ) throws(DisplayDefect) -> (info: PlaneInfo, buffer: DMABuffer) {
    let stride = size.width * 4
    do {
      guard let format = PixelFormat(format) else { throw PlaneDefect.unknownFormat(format) }
      let info = try PlaneInfo(
        checking: ImageLayout(
          width: size.width, height: size.height, format: format, stride: stride))
      return (info, try DMABuffer.allocate(size: stride * size.height, name: name))
    } catch let defect as PlaneDefect {
      throw .plane(defect)
    } catch {
      throw .noBuffer("\(error)")
    }
  }
}
