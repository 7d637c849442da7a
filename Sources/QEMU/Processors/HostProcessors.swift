// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// The host's processors, grouped by core (`/sys/devices/system/cpu`).
public struct HostProcessors: Hashable, Sendable {
  /// A core and its logical processors (threads).
  struct Core: Hashable, Sendable {
    /// The properties that are equal for cores of the same kind near the same memory.
    struct Kind: Hashable, Sendable {
      let package: Int
      let node: Int
      let threads: Int
      /// Whether the core is a slow one, in a processor with two kinds of cores.
      let isEfficient: Bool
    }
    let kind: Kind
    /// The logical processors, by number.
    let processors: [Int]
  }

  /// The cores, by the number of their first processor.
  let cores: [Core]
  /// Whether the processors are AMD's. An AMD processor tells a guest about threads by a special
  /// feature (topoext).
  let areAMD: Bool

  /// Reads the processors that are online.
  ///
  /// - Parameters:
  ///   - root: the folder that contains `sys` and `proc`.
  ///   - allowed: the processors that may be used; `nil` for all.
  public init(root: String = "", allowed: Set<Int>? = nil) {
    let folder = "\(root)/sys/devices/system/cpu"
    func text(_ path: String) -> String? {
      guard let bytes = try? SmallFile.read(path, limit: 1 << 16) else { return nil }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
    func list(_ path: String) -> [Int] { text(path).flatMap(Self.list) ?? [] }
    let efficient = Set(list("\(root)/sys/devices/cpu_atom/cpus"))
    let usable = Set(list("\(folder)/online")).intersection(allowed ?? Set(0..<Self.most))
    var cores: [Core] = []
    var seen: Set<Int> = []
    for processor in usable.sorted() where seen.insert(processor).inserted {
      let own = "\(folder)/cpu\(processor)"
      // The older name of the file, because every kernel has it.
      let siblings = list("\(own)/topology/thread_siblings_list")
      let threads = Set(siblings).union([processor]).intersection(usable).sorted()
      seen.formUnion(threads)
      let node = ((try? FileTree.names(in: own)) ?? []).lazy
        .compactMap { $0.hasPrefix("node") ? Int($0.dropFirst(4)) : nil }.first
      cores.append(
        Core(
          kind: .init(
            package: text("\(own)/topology/physical_package_id").flatMap { Int($0) } ?? 0,
            node: node ?? 0, threads: threads.count, isEfficient: efficient.contains(processor)),
          processors: threads))
    }
    self.cores = cores
    let information = (try? SmallFile.read("\(root)/proc/cpuinfo", limit: 1 << 23)) ?? []
    areAMD = String(decoding: information.prefix(512), as: UTF8.self).contains("AuthenticAMD")
  }

  /// The processors that this process may use: sched_getaffinity(2); `nil` when that fails.
  public static func allowed() -> Set<Int>? {
    var mask = [UInt8](repeating: 0, count: most / 8)
    let count = mask.withUnsafeMutableBytes { vgpu_get_affinity(0, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    return Set((0..<most).filter { mask[$0 / 8] & 1 << UInt8($0 % 8) != 0 })
  }

  /// The number of processors.
  public var count: Int { cores.reduce(0) { $0 + $1.processors.count } }

  /// The most processors: C's own type for sched_setaffinity(2) (cpu_set_t) holds no more.
  static let most = 1024

  /// A list as the kernel writes it, such as `0-3,8`; `nil` for anything else.
  static func list(_ text: String) -> [Int]? {
    var numbers: [Int] = []
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        .map { UInt16($0).map(Int.init) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
        first <= last, last < most
      else { return nil }
      numbers += first...last
    }
    return numbers
  }
}
