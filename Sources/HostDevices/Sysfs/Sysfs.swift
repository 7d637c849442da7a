// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SafeText
import SystemPackage

/// The file tree that holds `sys` and `dev`. It is read with suspicion, because the kernel makes
/// and removes folders during a read, and a captured tree may hold anything.
///
/// Arguments and results are the host's own paths (`/sys/...`), whatever the root.
package struct Sysfs: Sendable {
  let kernel: any Kernel
  /// Without a trailing slash, so that a path can be appended: empty for `/`.
  private let prefix: String

  init(root: FilePath, kernel: any Kernel) {
    self.kernel = kernel
    let path = FileTree.realPath(of: root.string) ?? root.string
    prefix = path == "/" ? "" : path
  }

  /// The path on this machine for a path of the host.
  package func location(_ path: String) -> String { prefix + path }

  /// The sorted names in a folder; none when the folder is missing, because sysfs means "none" by
  /// that.
  func names(in path: String) throws(HostDevicesError) -> [String] {
    do {
      return try FileTree.names(in: location(path)).filter(Self.isName).sorted()
    } catch {
      switch error.errno {
      case .noSuchFileOrDirectory, .notDirectory, .noSuchProcess, .tooManySymbolicLinkLevels:
        return []
      default:
        throw .system(error.advising("run as a user who may read sysfs"))
      }
    }
  }

  /// The sorted names in a folder; none also when the folder cannot be read.
  package func readableNames(in path: String) -> [String] { (try? names(in: path)) ?? [] }

  /// An attribute's text without blanks at its ends; `nil` when there is no such file, when it
  /// cannot be read or is no plain text, and when it is empty.
  package func text(_ path: String) -> String? {
    // An attribute is at most a page long; 64 KiB is the largest page of Linux.
    let limit = 65_536
    // O_NOFOLLOW, because attributes are plain files. O_NONBLOCK, because any other file in their
    // place must not hang the read.
    guard
      let file = try? OwnedFileDescriptor.open(
        location(path), flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK, kernel: kernel)
    else { return nil }
    let fd = file.rawValue
    return withUnsafeTemporaryAllocation(byteCount: limit + 1, alignment: 1) { buffer in
      let count = SystemCall.uninterrupted { kernel.pread(fd, buffer, offset: 0) }
      guard count > 0, count <= limit else { return nil }
      let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
      guard let text = String(validating: bytes, as: UTF8.self),
        text.unicodeScalars.allSatisfy({ PlainText.isSafe($0) || $0 == "\n" || $0 == "\t" })
      else { return nil }
      let trimmed = text.trimmed
      return trimmed.isEmpty ? nil : String(trimmed)
    }
  }

  /// A file's bytes, unchecked, at the end of all links; `nil` when there is no such file in the
  /// tree, when it cannot be read, and when it is longer than `limit`.
  package func bytes(_ path: String, limit: Int) -> [UInt8]? {
    guard let real = resolve(path),
      let file = try? OwnedFileDescriptor.open(
        location(real), flags: O_RDONLY | O_NONBLOCK, kernel: kernel),
      let bytes = try? file.readAll(limit: limit + 1, of: path), bytes.count <= limit
    else { return nil }
    return bytes
  }

  /// The lines of a text that a person or the kernel wrote, without those that are not UTF-8; none
  /// when `bytes` is empty.
  package func lines(_ path: String, limit: Int = 1 << 20) -> [Substring] {
    guard let bytes = bytes(path, limit: limit) else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap {
      String(validating: $0, as: UTF8.self)?[...]
    }
  }

  /// A number of decimal digits; `nil` for anything else.
  package func number(_ path: String) -> Int? { text(path).flatMap { decimalNumber($0) } }

  /// The path at the end of all links; `nil` when nothing exists there or when it lies outside of
  /// the tree.
  package func resolve(_ path: String) -> String? {
    guard let real = FileTree.realPath(of: location(path)), real.hasPrefix(prefix + "/") else {
      return nil
    }
    return String(real.dropFirst(prefix.count))
  }

  /// The name that a link such as `driver` ends in.
  package func linkedName(_ path: String) -> String? {
    guard let name = resolve(path)?.split(separator: "/").last.map(String.init),
      Self.isName(name)
    else { return nil }
    return name
  }

  /// Whether a file, a folder or a node exists at a path.
  package func exists(_ path: String) -> Bool { FileTree.exists(location(path)) }

  /// Writes an attribute whose folder may lie behind links, such as `driver/unbind`. Attributes are opened
  /// without following links, so the folder is resolved first.
  ///
  /// - Parameter remedy: what to do when the folder is gone.
  func write(
    _ text: String, toAttribute path: String, whenGone remedy: String
  ) throws(SystemCallError) {
    guard let slash = path.lastIndex(of: "/"), let folder = resolve(String(path[..<slash])) else {
      throw SystemCallError(
        call: "open", object: path, errno: .noSuchFileOrDirectory, remedy: remedy)
    }
    try write(text, to: folder + path[slash...])
  }

  /// Writes an attribute in one call, as sysfs demands.
  func write(_ text: String, to path: String) throws(SystemCallError) {
    let file = try OwnedFileDescriptor.open(
      location(path), flags: O_WRONLY | O_NOFOLLOW | O_NONBLOCK, kernel: kernel)
    let fd = file.rawValue
    let bytes = Array(text.utf8)
    let written = try SystemCall.make("write", on: location(path)) {
      bytes.withUnsafeBytes { kernel.pwrite(fd, $0, offset: 0) }
    }
    guard written == bytes.count else {
      throw SystemCallError(call: "write", object: location(path), errno: .ioError)
    }
  }

  /// Whether a text can be the name of a device, a type or a driver: printable ASCII, which is safe
  /// in an error's one line and on a terminal.
  package static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { (0x20...0x7e).contains($0) }
  }
}

extension String {
  /// The text without white space at its ends.
  fileprivate var trimmed: Substring {
    var text = self[...]
    while text.last?.isWhitespace == true { text.removeLast() }
    return text.drop { $0.isWhitespace }
  }
}

/// Asks every 5 ms until the answer is yes; at least once, and for no longer than `timeout`. sysfs
/// tells nobody when a folder comes or goes (inotify does not work there).
func waitUntil(_ timeout: Duration, _ condition: () -> Bool) -> Bool {
  let start = MonotonicInstant.now
  while true {
    if condition() { return true }
    if start.duration(to: .now) >= timeout { return false }
    SystemThread.sleep(for: .milliseconds(5))
  }
}
