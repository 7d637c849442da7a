// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a process has of the kernel's: its descriptors by what they are, and its memory.
struct ProcessHoldings: Equatable {
  /// How many descriptors there are of each kind, such as `socket` or `/dmabuf`.
  var descriptors: [String: Int] = [:]
  /// Memory of its own that is in use (RssAnon), in KiB.
  var memory = 0

  /// - Returns: `nil` when the process has ended.
  init?(of process: Int32) {
    let folder = "/proc/\(process)"
    guard let numbers = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd"),
      let status = try? String(contentsOfFile: "\(folder)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
      let memory = Int(line.filter(\.isNumber))
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
    self.memory = memory
  }

  /// How many descriptors there are.
  var count: Int { descriptors.values.reduce(0, +) }

  /// Of which kinds there are more than these allow.
  func excess(over limits: [String: Int]) -> [String: Int] {
    descriptors.filter { $0.value > limits[$0.key, default: 0] }
  }
}
