// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import DMABuf
import LinuxSystem
public import VGPUDisplay

/// The frames of a vGPU that a bridge holds (`vgpu bridge`): for viewers that may not have the
/// device.
///
/// A poll asks the bridge and waits 2 ms at most for the answer; without an answer the last frame
/// stays. When the bridge has gone, the source looks for it and chooses the vGPU again. The source
/// believes nothing that a bridge says: it checks buffers against their true size, like a driver's.
public final class BridgeSource: FrameSource {
  private let path: String
  private let vGPU: VGPUIdentifier
  private let retryInterval: UInt64
  private let closing = ForeignDescriptors()
  private var connection: BridgeConnection?
  private var buffers: BufferTable?
  private var opened: OpenedVGPU?
  /// The serial number of the LOOK that has no answer yet.
  private var look: UInt32?
  private var state: DisplayState
  private var lostAt: MonotonicInstant?
  private var connectsAgainAt = MonotonicInstant(nanoseconds: 0)
  private var lastFlip: (wire: UInt64, buffer: UInt64)?

  /// Looks that were answered and buffers that were received so far.
  public private(set) var counters = SourceCounters()

  /// Why the guest did not get the size of the last `resize`; `nil` when it did.
  public private(set) var resizeProblem: BridgeError?

  /// Whether the vGPU has a guest, as far as the bridge can tell; `nil` before its answer, and while there is
  /// no connection.
  package private(set) var hasGuest: Bool?

  private var wantedSize: (width: UInt32, height: UInt32)?

  /// How long a poll waits for an answer, in nanoseconds. A bridge needs a tenth of a millisecond,
  /// and a viewer must go on drawing.
  private static let patience: UInt64 = 2_000_000
  /// How long the first answers may take, in nanoseconds.
  private static let firstPatience: UInt64 = 10_000_000_000
  /// The time between two attempts to connect, in nanoseconds.
  static let retryInterval: UInt64 = 250_000_000
  /// The most messages that a poll reads; an answer has three. A bridge that sends without end must
  /// not keep the viewer from drawing.
  static let mostInPoll = 32
  /// How long the last frame stays after the bridge is gone, in seconds; a restart takes less.
  private static let grace = 1.0

  /// Connects to a bridge and chooses a vGPU. Waits for the bridge's first answers, 10 s at most;
  /// `poll` does not.
  ///
  /// - Parameters:
  ///   - path: the bridge's socket.
  ///   - vGPU: which vGPU; by default the only one.
  ///   - waiting: `true` to wait for a bridge that does not exist yet, instead of throwing an
  ///     error.
  /// - Throws: `BridgeError`.
  public convenience init(
    path: String, vGPU: VGPUIdentifier = .only, waiting: Bool = false
  ) throws(BridgeError) {
    try self.init(path: path, vGPU: vGPU, waiting: waiting, patience: Self.firstPatience)
  }

  /// The same.
  ///
  /// - Parameter patience: how long the bridge may take to accept, and again to answer, in nanoseconds.
  package convenience init(
    path: String, vGPU: VGPUIdentifier, waiting: Bool = false, patience: UInt64
  ) throws(BridgeError) {
    self.init(awaiting: path, vGPU: vGPU)
    do throws(BridgeError) {
      try connect(patience: patience)
      // The bridge sends two answers, or one refusal.
      var turn = Turn(patience: patience)
      while opened == nil {
        guard try takeNext(&turn) else { throw .silent(path: path) }
      }
    } catch {
      disconnect(error)
      guard waiting, case .unreachable = error else { throw error }
    }
  }

  /// Connects at the first poll.
  package init(
    awaiting path: String, vGPU: VGPUIdentifier,
    retryInterval: UInt64 = BridgeSource.retryInterval
  ) {
    self.path = path
    self.vGPU = vGPU
    self.retryInterval = retryInterval
    state = .noPicture(.waiting("Waiting for the bridge at \(path)."))
  }

  /// The vGPU's name at the bridge.
  public var name: String { opened?.name ?? "bridge:\(path)" }

  /// The greatest size that a client can ask for, in pixels, each `nil` when the bridge does not know
  /// it; `nil` as a whole when the bridge allows no other size.
  public var monitorLimits: (width: Int?, height: Int?)? {
    guard let opened, opened.canResize else { return nil }
    func known(_ most: UInt32) -> Int? { most == 0 ? nil : Int(most) }
    return (known(opened.maximumWidth), known(opened.maximumHeight))
  }

  /// Whether the bridge lets this client ask for another size; `nil` before the bridge has answered.
  package var allowsSizes: Bool? { opened?.canResize }

  /// Asks for another size of the guest's monitor, in pixels, now and again after the bridge's
  /// restart. A refusal is in `resizeProblem` some polls later.
  public func resize(width: Int, height: Int) {
    guard let width = UInt32(exactly: width), let height = UInt32(exactly: height) else { return }
    wantedSize = (width, height)
    resizeProblem = nil
    do {
      if opened != nil { try connection?.send(.resize(width: width, height: height)) }
    } catch {
      disconnect(error)
    }
  }

  /// Looks at the guest's screen now; see `FrameSource`.
  public func poll() -> DisplayState {
    let now = MonotonicInstant.now
    do {
      // A bridge whose stray descriptors are not closed yet gets no chance to send more.
      if connection == nil, now >= connectsAgainAt, closing.waiting == 0 { try connect() }
      if connection != nil { try ask() }
    } catch {
      disconnect(error)
    }
    if let lostAt, now.seconds(since: lostAt) > Self.grace, case .frame = state {
      state = .noPicture(
        .waiting("The bridge at \(path) has ended. Waiting for it to come back."))
    }
    return state
  }

  private func connect(patience: UInt64 = 0) throws(BridgeError) {
    let connection = try BridgeConnection(path: path, closing: closing, patience: patience)
    let versions = WireConstants.versions
    try connection.send(.hello(oldest: versions.lowerBound, newest: versions.upperBound))
    try connection.send(.open(vGPU))
    self.connection = connection
  }

  /// How many messages a poll takes, and until when.
  private struct Turn {
    let deadline: MonotonicInstant
    var messagesLeft = BridgeSource.mostInPoll

    init(patience: UInt64) {
      deadline = MonotonicInstant(nanoseconds: MonotonicInstant.now.nanoseconds + patience)
    }

    mutating func hasOne() -> Bool {
      guard messagesLeft > 0, .now < deadline else { return false }
      messagesLeft -= 1
      return true
    }
  }

  private func ask() throws(BridgeError) {
    var turn = Turn(patience: Self.patience)
    // Answers that came after an earlier poll's deadline.
    while turn.hasOne() {
      guard let connection, let incoming = try connection.receive() else { break }
      try take(incoming)
    }
    while opened == nil { guard try takeNext(&turn) else { return } }
    guard let connection else { return }
    if look == nil {
      while let id = buffers?.removeSurplus() { try connection.send(.release(buffer: id)) }
      look = try connection.send(.look)
    }
    while look != nil, try takeNext(&turn) {}
  }

  /// Waits for a message and takes it.
  ///
  /// - Returns: whether there was one in time.
  private func takeNext(_ turn: inout Turn) throws(BridgeError) -> Bool {
    guard let connection, connection.wait(until: turn.deadline), turn.hasOne() else { return false }
    if let incoming = try connection.receive() { try take(incoming) }
    return true
  }

  private func take(
    _ incoming: consuming BridgeConnection.Incoming
  ) throws(BridgeError) {
    let (message, serial) = (incoming.message, incoming.serial)
    var descriptor = incoming.descriptor.take()
    do throws(BridgeError) {
      try take(message, serial, &descriptor)
    } catch {
      if let stray = descriptor.take() { closing.close([stray.release()]) }
      throw error
    }
  }

  private func take(
    _ message: BridgeMessage, _ serial: UInt32, _ descriptor: inout OwnedFileDescriptor?
  ) throws(BridgeError) {
    switch message {
    case .welcome(let welcome):
      guard buffers == nil, WireConstants.versions.contains(welcome.version) else {
        throw .malformed(path: path, reason: "version \(welcome.version)")
      }
      buffers = BufferTable(welcome)
    case .opened(let vGPU):
      guard buffers != nil, opened == nil else {
        throw .malformed(path: path, reason: "an answer without a question")
      }
      opened = vGPU
      if let wantedSize {
        try connection?.send(.resize(width: wantedSize.width, height: wantedSize.height))
      }
    case .buffer(let buffer):
      guard look != nil, descriptor != nil else {
        throw .malformed(path: path, reason: "a buffer without its descriptor")
      }
      do throws(BufferDefect) {
        try buffers?.add(buffer, &descriptor, name: name)
      } catch {
        throw .malformed(path: path, reason: "\(error)")
      }
      counters.gets += 1
    case .frame(let frame):
      guard look == serial else {
        throw .malformed(path: path, reason: "an answer without a question")
      }
      look = nil
      try show(frame)
    case .noPicture(let absence, let reason):
      guard look == serial else {
        throw .malformed(path: path, reason: "an answer without a question")
      }
      look = nil
      counters.queries += 1
      counters.transients += 1
      lostAt = nil
      hasGuest = absence != .gone
      if absence == .gone { buffers?.removeAll() }
      lastFlip = nil
      state = .noPicture(absence == .planeOff ? .planeOff : .waiting(reason))
    case .refused(.size, let reason):
      resizeProblem = .refused(path: path, .size, reason: reason)
    case .refused(let refusal, let reason):
      throw .refused(path: path, refusal, reason: reason)
    case .done: break
    case .vGPU, .counters:
      throw .malformed(path: path, reason: "an answer without a question")
    }
  }

  private func show(_ frame: SharedFrame) throws(BridgeError) {
    hasGuest = true
    guard let primary = buffers?.use(frame.buffer) else {
      throw .malformed(path: path, reason: "a frame in a buffer that was not sent")
    }
    var cursor: Cursor?
    if let pointer = frame.pointer {
      guard let picture = buffers?.use(pointer.buffer) else {
        throw .malformed(path: path, reason: "a pointer in a buffer that was not sent")
      }
      cursor = Cursor(
        buffer: picture, x: Int(pointer.x), y: Int(pointer.y),
        hotspot: pointer.hotspot.flatMap { hotspot in
          let spot = (x: Int(hotspot.x), y: Int(hotspot.y))
          return spot.x < picture.size.width && spot.y < picture.size.height ? spot : nil
        })
    }
    counters.queries += 1
    // Flips are counted here, so that the number only grows, whatever a bridge sends.
    if lastFlip?.wire != frame.flip || lastFlip?.buffer != frame.buffer {
      lastFlip = (frame.flip, frame.buffer)
      counters.flips += 1
    }
    lostAt = nil
    let now = MonotonicInstant.now
    state = .frame(
      Frame(
        primary: primary, cursor: cursor, flip: UInt64(counters.flips),
        detectedAt: min(now, MonotonicInstant(nanoseconds: frame.detectedAt))))
  }

  /// Forgets a connection. The last frame stays for a moment, because the guest goes on.
  private func disconnect(_ error: BridgeError) {
    connection = nil
    hasGuest = nil
    buffers = nil
    opened = nil
    look = nil
    lastFlip = nil
    let now = MonotonicInstant.now
    connectsAgainAt = MonotonicInstant(nanoseconds: now.nanoseconds + retryInterval)
    switch error {
    case .ended, .unreachable:
      lostAt = lostAt ?? now
      guard case .frame = state else { break }
      return
    case .refused, .silent, .malformed: break
    }
    switch error {
    case .unreachable:
      state = .noPicture(.waiting("Waiting for the bridge: \(error)"))
    default:
      state = .noPicture(.waiting("\(error)"))
    }
  }
}
