// SPDX-License-Identifier: Apache-2.0

import CPulse
import LinuxSystem
import SafeText
import Synchronization

/// Plays a guest's sound at the desktop's sound server, and records for the guest: PipeWire with
/// pipewire-pulse, or PulseAudio.
///
/// One thread has everything of the server. It connects when the guest has a stream, and again, after a
/// pause, when the server has ended. Neither the guest nor a window ever waits for it.
public final class DesktopSound: Sendable {
  /// Takes what the guest plays. It goes on to take it when this object is gone, and plays nothing.
  public let output: any SoundOutput
  /// Gives the guest what the microphone hears, and silence while that is off. Hand it to the guest in any
  /// case: QEMU without a listener gives its guest whatever lies in its buffers.
  public let microphone: any SoundInput
  private let shared: SharedSound

  /// Loads the client library (libpulse), and begins to wait for the guest's streams.
  ///
  /// - Parameters:
  ///   - guest: the guest's name, which the desktop's mixer shows. It is asked for on a thread of the sound's
  ///     own when the guest plays or records, because it may become known later.
  ///   - server: the server in libpulse's notation, such as `unix:PATH`; `nil` for the user's own.
  /// - Throws: `SoundError.notInstalled`, `.system`.
  public init(
    guest: @autoclosure @escaping @Sendable () -> String, server: String? = nil
  ) throws(SoundError) {
    var reason = [CChar](repeating: 0, count: 512)
    guard vgpu_pulse_load(&reason, reason.count) else {
      throw .notInstalled(
        reason: PlainText.line(
          String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)))
    }
    guard let loop = SoundLoop() else {
      throw .server(reason: "no descriptors or no memory for its connection")
    }
    let shared = SharedSound(loop)
    self.shared = shared
    output = shared.output
    microphone = shared.input
    do {
      try SystemThread.detach(for: "the guest's sound") {
        ServerThread(shared, guest: guest, server: server).run()
      }
    } catch {
      throw .system(error)
    }
  }

  deinit { shared.stop() }

  /// Whether the guest hears the microphone; `false` at first. The desktop's microphone is in use only while
  /// this is so and the guest records.
  public var isMicrophoneOn: Bool {
    get { shared.input.isOpen }
    set { shared.input.setOpen(newValue) }
  }

  /// Whether the guest is not heard; `false` at first. The guest does not notice.
  public var isMuted: Bool {
    get { !shared.output.isOpen }
    set { shared.output.setOpen(!newValue) }
  }

  /// Why nothing is played or recorded now; `nil` when nothing is wrong, and before the guest has a stream.
  public var problem: SoundError? { shared.problem }

  /// Tells when one of the guest's streams begins, goes on after a rest, or ends, from now on. Each call
  /// makes a sequence of its own, which ends with this object.
  public func changes() -> AsyncStream<Void> { shared.news.stream() }

  /// How each of the guest's streams fares.
  public var reports: [SoundReport] {
    (shared.output.all + shared.input.all).map(\.report)
  }
}

/// What the guest's threads and the server's share.
final class SharedSound: Sendable {
  let loop: SoundLoop
  let news = Broadcast<Void>()
  let output: SoundTable
  let input: SoundTable
  private let isOver = Atomic(false)
  private let trouble = Mutex<SoundError?>(nil)

  init(_ loop: SoundLoop) {
    self.loop = loop
    let wake = { @Sendable [news] in
      loop.wake()
      news.tell()
    }
    output = SoundTable(records: false, isOpen: true, wake: wake)
    input = SoundTable(records: true, isOpen: false, wake: wake)
  }

  var problem: SoundError? {
    get { trouble.withLock(\.self) }
    set { trouble.withLock { $0 = newValue } }
  }

  var hasStopped: Bool { isOver.load(ordering: .acquiring) }

  func stop() {
    isOver.store(true, ordering: .releasing)
    loop.wake()
    news.finish()
  }
}

/// The loop of the server's thread. It ends with the last reference, so that whoever wakes it finds it.
///
/// `@unchecked Sendable`: other threads only call `wake`, which libpulse allows; everything else belongs to
/// the server's thread.
final class SoundLoop: @unchecked Sendable {
  let raw: OpaquePointer

  init?() {
    guard let raw = vgpu_pulse_new() else { return nil }
    self.raw = raw
  }

  deinit { vgpu_pulse_free(raw) }

  func wake() { vgpu_pulse_wake(raw) }
}
