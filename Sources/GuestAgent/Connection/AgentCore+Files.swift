// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization
import SystemPackage

extension AgentCore {
  /// Opens the files that may begin now, and tells the guest of them. Only the thread does, without the lock,
  /// because a disk may be slow.
  private func startFiles() {
    while let (file, transfer, number, id) = shared.withLock({ $0.files.next() }) {
      do throws(AgentError) {
        let isWindows = shared.withLock { $0.session.hasCarriageReturns }
        guard let name = file.name(forWindows: isWindows) else {
          throw .file(
            file.path,
            reason: "this guest's agent takes no folders; pack it, and send the archive")
        }
        let source = try FileQueue.Source(file)
        shared.withLock { shared in
          let now = MonotonicInstant.now
          guard shared.files.begin(id, source, transfer) else { return }
          shared.session.startFile(id, name: name, size: source.size, number: number, now: now)
          carryOut(&shared, now)
        }
      } catch {
        shared.withLock { $0.files.failed(file, transfer.id, error) }
      }
    }
  }

  /// Counts the bytes of new transfers, and reads pieces while the socket's queue is short.
  func pumpFiles() {
    while let (transfer, files) = shared.withLock({ $0.files.uncounted() }) {
      var bytes: UInt64 = 0
      for file in files { bytes &+= (try? Stat(file.path)).map { UInt64(clamping: $0.size) } ?? 0 }
      transfer.counted(bytes)
      shared.withLock { $0.files.wasCounted(transfer.id) }
    }
    startFiles()
    while let (id, source, offset, count) = shared.withLock({ shared in
      shared.queue.longCount < 4 ? shared.files.nextPiece() : nil
    }) {
      do throws(AgentError) {
        let bytes = count == 0 ? [] : try source.read(at: offset, count)
        guard bytes.count == count else {
          throw .file(source.file.path, reason: "has become shorter meanwhile; send it again")
        }
        shared.withLock { shared in
          guard shared.session.files[id] != nil else { return }
          shared.files.wasRead(id, count)
          shared.queue.append(
            OutgoingMessage(.fileData(id: id, bytes), shared.session.layout, file: id))
        }
      } catch {
        shared.withLock { shared in
          shared.session.endFile(id, .failure(error), tellsGuest: true)
          carryOut(&shared, .now)
        }
      }
    }
    tellProgress()
  }

  /// Tells callers how far their files are, and when they are over.
  private func tellProgress() {
    let news = shared.withLock { $0.files.news(now: .now) }
    for (transfer, isOver) in news {
      transfer.onProgress?(transfer.progress)
      if isOver { transfer.isOver() }
    }
  }

  func cancelTransfer(_ id: UInt64) {
    change { shared, _ in
      for file in shared.files.cancel(id, .cancelled) {
        shared.session.endFile(file, .failure(.cancelled), tellsGuest: true)
      }
    }
  }
}
