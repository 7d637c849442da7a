// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization
import SystemPackage

/// Answers what is written to the attributes of a `SysfsTree`, as the mdev core and its drivers do.
final class MdevKernel: ForwardingKernel {
  /// Gets the path of an attribute that is opened for writing; an errno refuses it.
  typealias Opening = @Sendable (_ path: String) -> Errno?
  /// Gets the path and the text of a write; an errno refuses it, a number is what write(2) returns.
  typealias Writing = @Sendable (_ path: String, _ text: String) throws -> Int

  private let opening: Opening
  private let writing: Writing
  private let open = Mutex<[Int32: String]>([:])
  private let log = Mutex<[(path: String, text: String)]>([])

  init(
    writing: @escaping Writing = { $1.utf8.count }, opening: @escaping Opening = { _ in nil }
  ) {
    self.opening = opening
    self.writing = writing
  }

  /// The answer to a write, without the write.
  func answer(_ path: String, _ text: String) throws -> Int { try writing(path, text) }

  /// The last two parts of the path and the text of every write so far.
  var writes: [String] {
    log.withLock { $0 }.map { write in
      write.path.split(separator: "/").suffix(2).joined(separator: "/") + " " + write.text
    }
  }

  /// The whole paths of every write so far.
  var paths: [String] { log.withLock { $0 }.map(\.path) }

  func open(_ path: String, flags: Int32) -> Int {
    guard flags & 3 != 0 else { return RunningKernel().open(path, flags: flags) }
    if let refusal = opening(path) { return -Int(refusal.rawValue) }
    let answer = RunningKernel().open(path, flags: flags)
    if answer >= 0 { open.withLock { $0[Int32(answer)] = path } }
    return answer
  }

  func pwrite(_ fd: Int32, _ buffer: UnsafeRawBufferPointer, offset: UInt64) -> Int {
    let path = open.withLock { $0[fd] } ?? ""
    let text = String(decoding: buffer, as: UTF8.self)
    log.withLock { $0.append((path, text)) }
    do {
      return try writing(path, text)
    } catch let error as Errno {
      return -Int(error.rawValue)
    } catch {
      return -Int(Errno.ioError.rawValue)
    }
  }
}
