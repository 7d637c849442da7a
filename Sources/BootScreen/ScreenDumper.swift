// SPDX-License-Identifier: Apache-2.0

import CLinux
import GuestControl
import LinuxSystem
import QMP
import Synchronization
import SystemPackage

/// Takes pictures of QEMU's own screen, five times a second, while somebody wants them.
final class ScreenDumper: Sendable {
  private let control: GuestController
  private let state = Mutex(State())

  private struct State {
    var wantedAt = MonotonicInstant(nanoseconds: 0)
    var task: Task<Void, Never>?
    var latest: ScreenDump?
  }

  private static let interval = Duration.milliseconds(200)
  /// The pause after a refusal: QEMU has no screen of its own, or may not write the file.
  private static let pauseAfterRefusal = Duration.seconds(5)
  /// A hidden window does not ask; after this time no picture is taken for it.
  private static let wantedTime = Duration.seconds(1)

  init(_ control: GuestController) { self.control = control }

  deinit { state.withLock(\.task)?.cancel() }

  /// The last picture. A call makes sure that there will be a newer one.
  func latest() -> ScreenDump? {
    let now = MonotonicInstant.now
    return state.withLock { state in
      state.wantedAt = now
      if state.task == nil {
        state.task = Task { [weak self, control] in
          var work = Work(control: control)
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

  /// Stops taking pictures, and forgets the last.
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
      // After `rest` there is no task, or another task.
      if !Task.isCancelled, state.task != nil { state.latest = dump }
    }
  }

  /// The state of the task.
  private struct Work {
    let control: GuestController
    var folder: PrivateFolder?
    var ring = ScreenDumpRing()
    var last: [UInt8] = []

    /// - Returns: whether QEMU gave a picture, also when it did not change.
    mutating func take(_ publish: (ScreenDump) -> Void) async -> Bool {
      do {
        let file = try folder?.file ?? makeFolder().file
        try await control.execute(Screendump(filename: file))
        let bytes = try OwnedFileDescriptor.open(file, flags: Self.flags)
          .readAll(limit: PortablePixmap.longestFile, of: file)
        if bytes == last { return true }
        guard let picture = PortablePixmap(bytes) else { return false }
        last = bytes
        publish(try ring.write(picture))
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

    /// QEMU made the file, which may be of any kind: open(2) must not wait, and must not follow a
    /// link.
    private static let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
  }
}

/// A folder in memory that only this user can enter, with one file in it. It is removed with this
/// object.
final class PrivateFolder: Sendable {
  private let path: String
  /// The path of the file, which may not exist yet.
  let file: String

  /// mkdtemp(3) in `XDG_RUNTIME_DIR`, or in `/dev/shm` when that is unset.
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
