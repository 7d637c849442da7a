// SPDX-License-Identifier: Apache-2.0

import CLinux
import GuestControl
import LinuxSystem
import QMP
import Synchronization
import SystemPackage

/// Takes pictures of QEMU's own screen, five times a second, as long as somebody wants them.
final class ScreenDumper: Sendable {
  private let control: GuestController
  private let state = Mutex(State())

  private struct State {
    var wantedAt = MonotonicInstant(nanoseconds: 0)
    var task: Task<Void, Never>?
    var latest: ScreenDump?
  }

  private static let interval = Duration.milliseconds(200)
  /// After a refusal: QEMU has no screen of its own, or may not write to the file.
  private static let pauseAfterRefusal = Duration.seconds(5)
  /// A window that is not seen does not ask, and after this time no picture is taken for it.
  private static let wantedTime = Duration.seconds(1)

  init(_ control: GuestController) { self.control = control }

  deinit { state.withLock(\.task)?.cancel() }

  /// The last picture; asking makes sure that there will be a newer one.
  ///
  /// - Parameter hidesFirst: the first picture is not shown, only what differs from it: it may be
  ///   what was there when the guest's own driver took over, and is of no interest any more.
  func latest(hidesFirst: Bool) -> ScreenDump? {
    let now = MonotonicInstant.now
    return state.withLock { state in
      state.wantedAt = now
      if state.task == nil {
        state.task = Task { [weak self, control] in
          var work = Work(control: control, hidesNext: hidesFirst)
          while !Task.isCancelled {
            let pause: Duration
            if self?.isWanted == true {
              let isTaken = await work.take { self?.publish($0) }
              pause = isTaken ? Self.interval : Self.pauseAfterRefusal
            } else {
              pause = Self.interval
            }
            guard (try? await Task.sleep(for: pause)) != nil else { return }
          }
        }
      }
      return state.latest
    }
  }

  /// Takes no more pictures, and forgets the last.
  func rest() {
    let task = state.withLock { state in
      defer {
        state.task = nil
        state.latest = nil
      }
      return state.task
    }
    task?.cancel()
  }

  private var isWanted: Bool {
    let now = MonotonicInstant.now
    return state.withLock { .nanoseconds(now.nanoseconds(since: $0.wantedAt)) < Self.wantedTime }
  }

  private func publish(_ dump: ScreenDump) {
    state.withLock { state in
      // Who was told to rest in the meantime has no task, or another one.
      if !Task.isCancelled, state.task != nil { state.latest = dump }
    }
  }

  /// What the task has of its own.
  private struct Work {
    let control: GuestController
    var hidesNext: Bool
    var folder: PrivateFolder?
    var ring = ScreenDumpRing()
    var last: [UInt8] = []

    /// - Returns: whether there was a picture, if only the same as before.
    mutating func take(_ publish: (ScreenDump) -> Void) async -> Bool {
      do {
        let file = try folder?.file ?? makeFolder().file
        try await control.execute(Screendump(filename: file))
        let bytes = try OwnedFileDescriptor.open(file, flags: Self.flags)
          .readAll(limit: PortablePixmap.longestFile, of: file)
        if bytes == last { return true }
        guard let picture = PortablePixmap(bytes) else { return false }
        last = bytes
        if hidesNext {
          hidesNext = false
        } else {
          publish(try ring.write(picture))
        }
        return true
      } catch {
        return false
      }
    }

    private mutating func makeFolder() throws(SystemCallError) -> PrivateFolder {
      let folder = try PrivateFolder()
      self.folder = folder
      return folder
    }

    /// QEMU made the file, which may be of any kind: opening it must neither wait nor lead elsewhere.
    private static let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  }
}

/// A folder in memory that only this user can look into, with one file in it; gone with this
/// object.
final class PrivateFolder: Sendable {
  private let path: String
  /// Where the file is, or will be.
  let file: String

  /// mkdtemp(3) in `XDG_RUNTIME_DIR`, or, when there is none, in `/dev/shm`.
  init() throws(SystemCallError) {
    let parent = getenv("XDG_RUNTIME_DIR").flatMap { String(validatingCString: $0) } ?? "/dev/shm"
    var template = "\(parent)/vgpu-XXXXXX".utf8CString
    let name = template.withUnsafeMutableBufferPointer { buffer -> String? in
      guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return nil }
      return String(validatingCString: start)
    }
    guard let name else {
      throw SystemCallError(
        call: "mkdtemp", object: parent, errno: Errno(rawValue: vgpu_last_errno()))
    }
    path = name
    file = "\(name)/screen.ppm"
  }

  deinit {
    unlink(file)
    rmdir(path)
  }
}
