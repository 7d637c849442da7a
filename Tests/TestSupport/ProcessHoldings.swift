// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a process has of the kernel's: its descriptors by what they are, and its memory.
public struct ProcessHoldings: Equatable {
  /// How many descriptors there are of each kind, such as `socket` or `/dmabuf`.
  public private(set) var descriptors: [String: Int] = [:]
  /// Memory of its own that is in use (RssAnon), in KiB.
  public private(set) var memory = 0
  /// Memory of files and shared memory that is in use (RssShmem), in KiB.
  public private(set) var sharedMemory = 0
  /// How many threads it has.
  public private(set) var threads = 0

  /// - Returns: `nil` when the process has ended.
  public init?(of process: Int32) {
    let folder = "/proc/\(process)"
    guard let numbers = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd"),
      let status = try? String(contentsOfFile: "\(folder)/status", encoding: .utf8)
    else { return nil }
    func number(_ name: String) -> Int? {
      status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        .flatMap { Int($0.filter(\.isNumber)) }
    }
    // A process that has ended, and was not waited for, has none of these.
    guard let memory = number("RssAnon"), let sharedMemory = number("RssShmem"),
      let threads = number("Threads")
    else { return nil }
    for number in numbers {
      // One that was closed meanwhile has no name.
      guard
        let link = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "\(folder)/fd/\(number)")
      else { continue }
      // What comes after the colon is the one it is.
      let kind = link.hasPrefix("anon_inode:") ? link : String(link.prefix { $0 != ":" })
      descriptors[kind, default: 0] += 1
    }
    (self.memory, self.sharedMemory, self.threads) = (memory, sharedMemory, threads)
  }

  /// How many descriptors there are.
  public var count: Int { descriptors.values.reduce(0, +) }

  /// Of which kinds there are more than these allow.
  public func excess(over limits: [String: Int]) -> [String: Int] {
    descriptors.filter { $0.value > limits[$0.key, default: 0] }
  }
}
