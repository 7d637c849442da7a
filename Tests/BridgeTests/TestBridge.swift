// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import BridgeServer
import Foundation
import LinuxSystem
import Logging
import Synchronization
import TestPattern
import VGPUDisplay

/// A real bridge on a real socket, in a thread of this process, that shows synthetic guests.
final class TestBridge: Sendable {
  static let pattern = TestPattern(width: 64, height: 64)
  static let identifiers = (1...16).map { VGPUIdentifier(high: 0xB1D6E, low: UInt64($0)) }

  let path: String
  private let handle: BridgeHandle
  private let ended: DispatchSemaphore

  /// What the thread tells of its start.
  private final class Start: Sendable {
    let result = Mutex<Result<BridgeHandle, SystemCallError>?>(nil)
    let isSettled = DispatchSemaphore(value: 0)

    func settle(_ result: Result<BridgeHandle, SystemCallError>) {
      self.result.withLock { $0 = result }
      isSettled.signal()
    }

    func wait() throws -> BridgeHandle {
      isSettled.wait()
      guard let result = result.withLock(\.self) else { throw CocoaError(.featureUnsupported) }
      return try result.get()
    }
  }

  static func path() -> String { "/tmp/bridge-\(UUID().uuidString.prefix(8)).sock" }

  /// - Parameters:
  ///   - guests: how many.
  ///   - framesPerSecond: of each; 0 holds still.
  ///   - sizes: sizes of its monitor that were asked for go there.
  ///   - lines: lines of its log are counted there.
  init(
    path: String = TestBridge.path(), guests: Int = 1, framesPerSecond: Double = 0,
    limits: BridgeLimits = BridgeLimits(), sizes: SizeBox? = nil, lines: LineCounter? = nil
  ) throws {
    self.path = path
    let start = Start()
    let ended = DispatchSemaphore(value: 0)
    self.ended = ended
    Thread.detachNewThread {
      do throws(SystemCallError) {
        let vGPUs = Self.vGPUs(guests, framesPerSecond, sizes)
        let server = try BridgeServer(
          BridgeListener(path: path), limits: limits,
          logger: Logger(label: "bridge") { _ -> any LogHandler in
            if let lines { return lines }
            return SwiftLogNoOpLogHandler()
          }, catalogue: { vGPUs })
        start.settle(.success(server.handle))
        try server.run()
      } catch {
        start.settle(.failure(error))
      }
      ended.signal()
    }
    handle = try start.wait()
  }

  private static func vGPUs(
    _ count: Int, _ framesPerSecond: Double, _ sizes: SizeBox?
  ) -> [BridgedVGPU] {
    identifiers.prefix(count).map { identifier in
      BridgedVGPU(
        identifier: identifier, title: "guest \(identifier.low)",
        policy: AccessPolicy(allowed: []),
        source: {
          DisplaySource(
            try SyntheticGuest(
              name: "guest \(identifier.low)", pattern: pattern, framesPerSecond: framesPerSecond))
        },
        monitor: {
          sizes.map { sizes in
            BridgedVGPU.Monitor(maximum: (4095, 4095)) { width, height in
              guard width >= 640 else { throw SizeBox.TooSmall() }
              sizes.last.withLock { $0 = [width, height] }
            }
          }
        })
    }
  }

  /// Ends it and waits until its socket and its buffers are gone.
  func stop() {
    handle.stop()
    ended.wait()
    ended.signal()
  }

  deinit { stop() }
}

/// The last size that was asked for.
final class SizeBox: Sendable {
  struct TooSmall: Error, CustomStringConvertible {
    let description = "too small"
  }

  let last = Mutex<[Int]>([])
}

/// Counts lines of a log instead of writing them.
final class LineCounter: LogHandler {
  private let lines = Mutex(0)

  var count: Int { lines.withLock(\.self) }

  func log(event: LogEvent) { lines.withLock { $0 += 1 } }

  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }

  var logLevel: Logger.Level {
    get { .info }
    set {}
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }
}
