// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import QEMU
import SafeText
import Synchronization
import SystemPackage

/// The windows that this process has opened: each is `vgpu view TARGET` in a process of its own, which stays
/// when this one ends.
final class ViewerProcesses: Sendable {
  private let open = Mutex<Set<String>>([])
  private let program: String
  private let onError: @Sendable (String) -> Void

  /// - Parameters:
  ///   - program: the command's file.
  ///   - onError: called when a window ends with an error, with the error's line, on any thread.
  init(_ program: String = ownProgram, onError: @escaping @Sendable (String) -> Void) {
    self.program = program
    self.onError = onError
  }

  /// Opens a window.
  ///
  /// - Returns: false when a window that this process has opened shows the target already.
  /// - Throws: `QEMUError.system` or `SystemCallError` when there is no process for it.
  func open(_ target: String) throws -> Bool {
    guard open.withLock({ $0.insert(target).inserted }) else { return false }
    do {
      // A file and not a pipe: a window that outlives this process may still write to it.
      let fd = RunningKernel().createMemoryFile("vgpu-view", flags: UInt32(MFD_CLOEXEC))
      let words = OwnedFileDescriptor(
        owning: Int32(try SystemCall.make("memfd_create", on: "a window's errors") { fd }))
      let process = try GuestProcess(
        program, ["view", target], output: words.rawValue, descriptors: [])
      let watch = Watch(process, words)
      try SystemThread.detach(for: "a window") { self.wait(for: watch, target) }
      return true
    } catch {
      open.withLock { _ = $0.remove(target) }
      throw error
    }
  }

  private final class Watch: Sendable {
    let process: GuestProcess
    let words: OwnedFileDescriptor

    init(_ process: GuestProcess, _ words: consuming OwnedFileDescriptor) {
      self.process = process
      self.words = words
    }
  }

  /// Waits for a window's end, and takes it from the kernel's list of processes.
  private func wait(for watch: Watch, _ target: String) {
    let end = watch.process.waitForEnd()
    open.withLock { _ = $0.remove(target) }
    guard end != .exited(0) else { return }
    let bytes = (try? watch.words.readAll(limit: 1 << 16, of: "a window's errors")) ?? []
    let text = String(decoding: bytes, as: UTF8.self)
    // ArgumentParser's word before an error.
    let word = "Error: "
    let line = text.split(whereSeparator: \.isNewline).last.map {
      PlainText.line($0.hasPrefix(word) ? $0.dropFirst(word.count) : $0)
    }
    onError(line ?? "\(target): \(Self.reason(end))")
  }

  private static func reason(_ end: GuestProcess.End) -> String {
    switch end {
    case .exited(let code): "its window has ended with exit code \(code)"
    case .killed(let signal): "signal \(signal) has ended its window"
    default: "its window has ended"
    }
  }

  /// This program's file. Its name gives windows their class, by which the desktop finds their icon.
  static var ownProgram: String {
    let link = "/proc/self/exe"
    // An update may have taken the file away, or put another one there.
    guard let path = FileTree.linkTarget(of: link), let own = try? Stat(link),
      let file = try? Stat(path), own.inode == file.inode, own.deviceID == file.deviceID
    else { return link }
    return path
  }
}
