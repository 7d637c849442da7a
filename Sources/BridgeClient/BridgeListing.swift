// SPDX-License-Identifier: Apache-2.0

public import BridgeProtocol
import LinuxSystem

/// The vGPUs and counters of a bridge, for this user.
public struct BridgeListing: Hashable, Sendable {
  /// The vGPUs that this user may see.
  public let vGPUs: [ListedVGPU]
  /// The bridge's work so far.
  public let counters: BridgeCounters

  /// The most vGPUs that are listed; no GPU has as many.
  private static let most: UInt32 = 4096
  /// How long all answers may take, in nanoseconds.
  private static let patience: UInt64 = 30_000_000_000

  /// Asks a bridge, and waits for its answers, for 30 s at most.
  ///
  /// - Throws: `BridgeError`.
  public init(path: String) throws(BridgeError) {
    try self.init(path: path, patience: Self.patience)
  }

  /// The same.
  ///
  /// - Parameter patience: how long all answers may take, in nanoseconds.
  package init(path: String, patience: UInt64) throws(BridgeError) {
    let deadline = MonotonicInstant(nanoseconds: MonotonicInstant.now.nanoseconds + patience)
    let connection = try BridgeConnection(
      path: path, closing: ForeignDescriptors(), patience: patience)
    let versions = WireConstants.versions
    let greeting = try Self.ask(
      .hello(oldest: versions.lowerBound, newest: versions.upperBound), connection, deadline)
    guard case .welcome = greeting else { throw Self.misunderstanding(path) }
    guard case .counters(let counters) = try Self.ask(.count, connection, deadline) else {
      throw Self.misunderstanding(path)
    }
    self.counters = counters
    var vGPUs: [ListedVGPU] = []
    for index in 0..<Self.most {
      do throws(BridgeError) {
        guard
          case .vGPU(let vGPU) = try Self.ask(.list(index: index), connection, deadline),
          vGPU.index == index
        else { throw Self.misunderstanding(path) }
        vGPUs.append(vGPU)
        if vGPU.index + 1 == vGPU.count { break }
      } catch {
        // There is no vGPU, or the last one has gone since the answer before.
        guard case .refused(_, .noSuchVGPU, _) = error else { throw error }
        break
      }
    }
    self.vGPUs = vGPUs
  }

  /// Makes a listing from its parts, for tests.
  package init(vGPUs: [ListedVGPU], counters: BridgeCounters) {
    self.vGPUs = vGPUs
    self.counters = counters
  }

  private static func misunderstanding(_ path: String) -> BridgeError {
    .malformed(path: path, reason: "an answer without a question")
  }

  private static func ask(
    _ question: ClientMessage, _ connection: BridgeConnection, _ deadline: MonotonicInstant
  ) throws(BridgeError) -> BridgeMessage {
    let serial = try connection.send(question)
    while connection.wait(until: deadline) {
      guard let incoming = try connection.receive() else { continue }
      if case .refused(let refusal, let reason) = incoming.message {
        throw .refused(path: connection.path, refusal, reason: reason)
      }
      guard incoming.serial == serial else { throw misunderstanding(connection.path) }
      return incoming.message
    }
    throw .silent(path: connection.path)
  }
}
