// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import SystemPackage

/// The files that wait, and those that are on their way. The thread reads them.
struct FileQueue {
  /// A file that was opened.
  final class Source: Sendable {
    let file: AgentFile
    let size: UInt64
    let descriptor: OwnedFileDescriptor

    init(_ file: AgentFile) throws(AgentError) {
      do throws(SystemCallError) {
        descriptor = try OwnedFileDescriptor.openPlainFile(file.path)
        let fd = descriptor.rawValue
        let kernel = descriptor.kernel
        size = UInt64(try SystemCall.make("lseek", on: file.path) { kernel.seekToEnd(fd) })
      } catch {
        throw .file(file.path, reason: "\(error.call): \(error.errno)")
      }
      self.file = file
    }

    /// pread(2).
    func read(at offset: UInt64, _ count: Int) throws(AgentError) -> [UInt8] {
      do throws(SystemCallError) {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try SystemCall.make("pread", on: file.path) {
          bytes.withUnsafeMutableBytes {
            descriptor.kernel.pread(descriptor.rawValue, $0, offset: offset)
          }
        }
        bytes.removeLast(count - read)
        return bytes
      } catch {
        throw .file(file.path, reason: "\(error.call): \(error.errno)")
      }
    }
  }

  /// A transfer's files that have not begun.
  private struct Waiting {
    let transfer: FileTransfer
    var files: ArraySlice<AgentFile>
    var begun = 0
    var inProgress = 0
    var isCounted = false
    var isCancelled = false
    var lastProgress = MonotonicInstant.now
  }

  private struct InProgress {
    let source: Source
    let transfer: UInt64
    var read: UInt64 = 0
    var maySend = false
    /// Whether all was read; of an empty file, the one piece without bytes.
    var hasEnded = false
  }

  /// The files that are on their way at once. An agent takes 128.
  private static let mostInProgress = 8
  /// The bytes of a file in a message.
  static let piece = 1 << 16

  private var waiting: [Waiting] = []
  private var inProgress: [UInt32: InProgress] = [:]
  /// The order in which files are read.
  private var turns: [UInt32] = []
  private var lastID: UInt32 = 0

  var isEmpty: Bool { waiting.isEmpty }

  mutating func add(_ files: [AgentFile], _ transfer: FileTransfer) {
    waiting.append(Waiting(transfer: transfer, files: files[...]))
  }

  /// A transfer whose bytes nobody has counted.
  func uncounted() -> (FileTransfer, ArraySlice<AgentFile>)? {
    waiting.first { !$0.isCounted }.map { ($0.transfer, $0.files) }
  }

  mutating func wasCounted(_ transfer: UInt64) {
    guard let index = index(of: transfer) else { return }
    waiting[index].isCounted = true
  }

  /// The next file, when another may be on its way.
  mutating func next() -> (AgentFile, FileTransfer, number: (Int, of: Int), id: UInt32)? {
    guard inProgress.count < Self.mostInProgress,
      let index = waiting.firstIndex(where: { $0.isCounted && !$0.files.isEmpty })
    else { return nil }
    guard let file = waiting[index].files.popFirst() else { return nil }
    waiting[index].begun += 1
    waiting[index].inProgress += 1
    repeat { lastID &+= 1 } while lastID == 0 || inProgress[lastID] != nil
    let total = waiting[index].transfer.progress.filesTotal
    return (file, waiting[index].transfer, (waiting[index].begun, total), lastID)
  }

  /// Notes a file that `next` gave and that was opened.
  ///
  /// - Returns: false when its transfer was cancelled meanwhile.
  mutating func begin(_ id: UInt32, _ source: Source, _ transfer: FileTransfer) -> Bool {
    guard let index = index(of: transfer.id), !waiting[index].isCancelled else {
      failed(source.file, transfer.id, .cancelled)
      return false
    }
    inProgress[id] = InProgress(source: source, transfer: transfer.id)
    turns.append(id)
    return true
  }

  /// A file that `next` gave and that was not begun.
  mutating func failed(_ file: AgentFile, _ transfer: UInt64, _ error: AgentError) {
    guard let index = index(of: transfer) else { return }
    waiting[index].inProgress -= 1
    waiting[index].transfer.ended(file, error)
  }

  mutating func maySend(_ id: UInt32) { inProgress[id]?.maySend = true }

  mutating func ended(_ id: UInt32, _ error: AgentError?) {
    guard let file = inProgress.removeValue(forKey: id) else { return }
    turns.removeAll { $0 == id }
    guard let index = index(of: file.transfer) else { return }
    waiting[index].inProgress -= 1
    waiting[index].transfer.ended(file.source.file, error)
  }

  /// The next piece to read. Files take turns.
  mutating func nextPiece() -> (id: UInt32, Source, offset: UInt64, count: Int)? {
    for (place, id) in turns.enumerated() {
      guard let file = inProgress[id], file.maySend, !file.hasEnded else { continue }
      turns.remove(at: place)
      turns.append(id)
      let count = Int(min(UInt64(Self.piece), file.source.size - file.read))
      return (id, file.source, file.read, count)
    }
    return nil
  }

  mutating func wasRead(_ id: UInt32, _ count: Int) {
    guard var file = inProgress[id] else { return }
    file.read += UInt64(count)
    file.hasEnded = file.read >= file.source.size
    inProgress[id] = file
  }

  /// A piece went to the socket.
  func written(_ id: UInt32, _ count: Int) {
    guard let file = inProgress[id], let index = index(of: file.transfer) else { return }
    waiting[index].transfer.sent(count)
  }

  /// The files of a transfer that are on their way. Those that wait are over at once.
  mutating func cancel(_ transfer: UInt64, _ error: AgentError) -> [UInt32] {
    guard let index = index(of: transfer) else { return [] }
    for file in waiting[index].files { waiting[index].transfer.ended(file, error) }
    waiting[index].files = []
    waiting[index].isCounted = true
    waiting[index].isCancelled = true
    return turns.filter { inProgress[$0]?.transfer == transfer }
  }

  var transfers: [UInt64] { waiting.map(\.transfer.id) }

  /// The transfers whose callers should hear something now, and whether each is over.
  mutating func news(now: MonotonicInstant) -> [(FileTransfer, isOver: Bool)] {
    var news: [(FileTransfer, isOver: Bool)] = []
    for index in waiting.indices.reversed() {
      let isOver =
        waiting[index].isCounted && waiting[index].files.isEmpty && waiting[index].inProgress == 0
      guard isOver || waiting[index].lastProgress.advanced(by: .milliseconds(100)) <= now else {
        continue
      }
      waiting[index].lastProgress = now
      news.append((waiting[index].transfer, isOver))
      if isOver { waiting.remove(at: index) }
    }
    return news
  }

  private func index(of transfer: UInt64) -> Int? {
    waiting.firstIndex { $0.transfer.id == transfer }
  }
}
