// SPDX-License-Identifier: Apache-2.0

import CLinux
public import GuestInput
import LinuxSystem
import Synchronization
public import VGPUDisplay

/// The screen of a guest by QEMU's display on D-Bus (`-display dbus,p2p=yes`): one graphical console,
/// of any display device.
///
/// QEMU tells what changes, so nothing is asked: `eventDescriptor` is readable when there is a new
/// frame. The source connects again when QEMU comes back, also in another process. It holds no QMP
/// socket meanwhile.
///
/// Only one thread at a time may call `poll` and `takeDamage`, as with every source. Any thread may use
/// everything else.
public final class QEMUDisplaySource: FrameSource, Sendable {
  /// The connection, which other heads of the guest may share.
  public let client: QEMUDisplayClient
  private let console: DisplayHead
  /// `@unchecked Sendable`: it is reached only through the lock, and the frames belong to the caller.
  private struct Frames: @unchecked Sendable { var frames = ConsoleFrames() }
  private let frames = Mutex(Frames())

  /// Begins to connect to a guest's display, and goes on until it succeeds. For several heads of one
  /// guest, make the sources of one `QEMUDisplayClient`: a second connection would end the first.
  ///
  /// - Parameters:
  ///   - connector: attaches to the guest's QEMU.
  ///   - guest: the guest, for titles and errors.
  ///   - head: which graphical console, from 0 in QEMU's order.
  ///   - makeOtherInput: see `QEMUDisplayClient`.
  /// - Throws: `QEMUDisplayError.system` when this process may have no more descriptors.
  public convenience init(
    _ connector: any DisplayConnector, guest: String, head: Int = 0,
    makeOtherInput: @escaping @Sendable () -> (any InputSink)? = { nil }
  ) throws(QEMUDisplayError) {
    try self.init(
      QEMUDisplayClient(connector, guest: guest, makeOtherInput: makeOtherInput), head: head)
  }

  /// Shows one head over a client's connection.
  ///
  /// - Parameters:
  ///   - client: the connection. It lives as long as one of its sources does.
  ///   - head: which graphical console, from 0 in QEMU's order. A client has one source of each.
  /// - Throws: `QEMUDisplayError.system` when this process may have no more descriptors; `.shownAlready`.
  public init(_ client: QEMUDisplayClient, head: Int = 0) throws(QEMUDisplayError) {
    do {
      console = try DisplayHead(head, of: client.follower.guest, detour: client.detour)
    } catch {
      throw .system(error)
    }
    self.client = client
    try client.follower.add(console)
    console.start()
  }

  /// Waits until the first attempt to show the head is over.
  ///
  /// - Throws: `QEMUDisplayError`: why it failed; `noConsole` when the guest has no such head. The source
  ///   goes on to connect all the same.
  public func firstConnection() async throws(QEMUDisplayError) { try await console.firstOutcome() }

  deinit {
    client.follower.remove(console)
    console.stop()
  }

  /// Which graphical console it shows, from 0 in QEMU's order.
  public var head: Int { console.number }

  /// The guest's name, as QEMU says it.
  public var name: String { client.name }

  /// The console's picture now; see `FrameSource`.
  public func poll() -> DisplayState {
    frames.withLock { $0.frames.poll(console.picture) }
  }

  /// The parts of the picture that changed since the last call; see `FrameSource`.
  public func takeDamage() -> Damage? { frames.withLock { $0.frames.takeDamage() } }

  /// The frames and buffers so far.
  public var counters: SourceCounters { frames.withLock { $0.frames.counters } }

  /// A timerfd; see `FrameSource`.
  public var eventDescriptor: Int32? { console.picture.news.rawValue }

  /// `false`: no device is kept busy.
  public var holdsDevice: Bool { false }

  /// The guest draws on without anybody who looks.
  public func pause() { console.picture.release() }

  /// The guest's graphical consoles; empty while there is no connection.
  public var consoles: [DisplayConsole] { client.consoles }

  /// Keyboard and pointer of the console.
  public var input: any InputSink { console.input }

  /// Asks the guest for another size (`SetUIInfo`), now and again when it comes back.
  ///
  /// - Parameters:
  ///   - size: in pixels.
  ///   - millimetres: the monitor's size, so that the guest knows its density; zeros when unknown.
  /// - Throws: `QEMUDisplayError.refused` when the console's device cannot ask its guest.
  ///
  /// This call blocks until QEMU answers.
  public func resize(
    to size: PixelSize, millimetres: (width: Int, height: Int) = (0, 0)
  ) throws(QEMUDisplayError) {
    try console.resize(to: size, millimetres: millimetres)
  }
}
