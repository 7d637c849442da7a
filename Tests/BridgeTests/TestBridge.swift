// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import BridgeServer
import Foundation
import HostDevices
import LinuxSystem
import Logging
import Synchronization
import TestPatterns
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
  ///   - watched: what its guests' sources say of holding a device; they are in its catalogue as long
  ///     as that says so.
  ///   - region: shown in the guests' place.
  init(
    path: String = TestBridge.path(), guests: Int = 1, framesPerSecond: Double = 0,
    limits: BridgeLimits = BridgeLimits(), sizes: SizeBox? = nil, lines: LineCounter? = nil,
    watched: WatchedDevice? = nil, region: RegionGuest? = nil
  ) throws {
    self.path = path
    let start = Start()
    let ended = DispatchSemaphore(value: 0)
    self.ended = ended
    Thread.detachNewThread {
      do throws(SystemCallError) {
        let vGPUs = Self.vGPUs(guests, framesPerSecond, sizes, watched, region)
        let server = try Bridge(
          BridgeListener(path: path), limits: limits,
          logger: Logger(label: "bridge") { _ -> any LogHandler in
            if let lines { return lines }
            return SwiftLogNoOpLogHandler()
          }, catalogue: { watched?.state.withLock(\.isListed) == false ? [] : vGPUs })
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
    _ count: Int, _ framesPerSecond: Double, _ sizes: SizeBox?, _ watched: WatchedDevice?,
    _ region: RegionGuest?
  ) -> [BridgedVGPU] {
    identifiers.prefix(count).map { identifier in
      BridgedVGPU(
        identifier: identifier, title: "guest \(identifier.low)",
        policy: AccessPolicy(allowed: []),
        source: {
          if let watched { return WatchedSource(watched) }
          if let region { return DisplaySource(region) }
          return DisplaySource(
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

/// A device of which a test says whether it is held and listed.
final class WatchedDevice: Sendable {
  let state = Mutex((isListed: true, isHeld: true, polls: 0))
}

/// A source without a picture that counts how often it is polled.
private final class WatchedSource: FrameSource {
  private let device: WatchedDevice

  init(_ device: WatchedDevice) { self.device = device }

  var name: String { "watched" }
  var counters: SourceCounters { SourceCounters() }
  var holdsDevice: Bool { device.state.withLock(\.isHeld) }

  func poll() -> DisplayState {
    device.state.withLock { $0.polls += 1 }
    return .noPicture(.planeOff)
  }
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
