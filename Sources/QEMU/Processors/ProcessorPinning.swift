// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// The host processor for each of a guest's processors, and the number of threads in a core, so
/// that the guest sees the real cores.
public struct ProcessorPinning: Hashable, Sendable {
  /// The number of the guest's processors that are threads of one core.
  public let threads: Int
  /// The host's processor for each of the guest's, in order.
  public let processors: [Int]
  /// Whether the processors are AMD's. An AMD processor tells a guest about threads by a special
  /// feature (topoext).
  public let isAMD: Bool

  /// Makes a pinning from its parts.
  public init(threads: Int, processors: [Int], isAMD: Bool = false) {
    self.threads = threads
    self.processors = processors
    self.isAMD = isAMD
  }

  /// Binds the QEMU thread that runs a guest's processor to the host processor for it
  /// (sched_setaffinity(2)).
  ///
  /// - Parameters:
  ///   - thread: the thread's id, from QMP's `query-cpus-fast`.
  ///   - index: the number of the guest's processor, from 0.
  /// - Throws: `QEMUError.system`.
  public func pin(thread: Int32, index: Int) throws(QEMUError) {
    guard processors.indices.contains(index), processors[index] < HostProcessors.most else {
      return
    }
    var mask = [UInt8](repeating: 0, count: HostProcessors.most / 8)
    mask[processors[index] / 8] = 1 << UInt8(processors[index] % 8)
    let answer = mask.withUnsafeBytes { vgpu_set_affinity(thread, $0.baseAddress, $0.count) }
    guard answer >= 0 else {
      throw .system(
        SystemCallError(
          call: "sched_setaffinity", object: "thread \(thread) to processor \(processors[index])",
          errno: SystemCall.errno(answer), remedy: "leave --pin out, or run where it is allowed"))
    }
  }
}

extension HostProcessors {
  /// Chooses processors for a guest: whole cores of one kind, near one memory when there are
  /// enough. It takes the last cores, because the host's own work gathers on the first ones.
  ///
  /// - Parameter count: the number of the guest's processors.
  /// - Throws: `QEMUError.host` when there are not enough.
  public func pinning(count: Int) throws(QEMUError) -> ProcessorPinning {
    let byPlace = Dictionary(grouping: cores, by: \.kind).sorted { Self.isBetter($0.key, $1.key) }
    let byKind = Dictionary(grouping: cores) { core in
      Core.Kind(
        package: 0, node: 0, threads: core.kind.threads, isEfficient: core.kind.isEfficient)
    }.sorted { Self.isBetter($0.key, $1.key) }
    for (kind, cores) in byPlace + byKind {
      if count % kind.threads == 0, count / kind.threads <= cores.count {
        let chosen = cores.suffix(count / kind.threads).flatMap(\.processors)
        return ProcessorPinning(threads: kind.threads, processors: chosen, isAMD: areAMD)
      }
      if count <= cores.count {
        let chosen = cores.suffix(count).compactMap(\.processors.first)
        return ProcessorPinning(threads: 1, processors: chosen, isAMD: areAMD)
      }
    }
    let kinds = byKind.map { kind, cores in
      "\(cores.count) cores of \(kind.threads) thread\(kind.threads == 1 ? "" : "s")"
    }
    throw .host(
      "--pin",
      reason: """
        the guest has \(count) processors, but this host has only \
        \(kinds.joined(separator: " and ")); give the guest fewer with \
        --cpus\(count % 2 == 0 ? "" : ", or an even number")
        """)
  }

  private static func isBetter(_ left: Core.Kind, _ right: Core.Kind) -> Bool {
    if left.isEfficient != right.isEfficient { return right.isEfficient }
    if left.threads != right.threads { return left.threads > right.threads }
    return (left.package, left.node) < (right.package, right.node)
  }
}
