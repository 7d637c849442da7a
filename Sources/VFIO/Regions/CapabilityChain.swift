// SPDX-License-Identifier: Apache-2.0

import CLinux

/// One entry of the list that VFIO appends to an answer (`struct vfio_info_cap_header`).
struct Capability {
  let id: UInt16
  let version: UInt16
  /// The bytes after the header, up to the next capability or the end of the answer.
  let payload: ArraySlice<UInt8>

  /// A little-endian integer `offset` bytes into the payload; `nil` when the payload is shorter.
  func load<Integer: FixedWidthInteger & BitwiseCopyable>(
    _: Integer.Type, at offset: Int
  ) -> Integer? {
    guard offset >= 0, offset + MemoryLayout<Integer>.size <= payload.count else { return nil }
    return payload.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Integer.self) }
  }
}

enum CapabilityChain {
  /// Walks the chain that starts `first` bytes into `answer`; 0 is an empty chain.
  ///
  /// The kernel appends, so each link points further on. A link that points back would make a loop:
  /// it is refused, like a link that points outside of the answer.
  static func parse(
    _ answer: [UInt8], first: UInt32, after structure: Int, object: String
  ) throws(VFIOError) -> [Capability] {
    let header = MemoryLayout<vfio_info_cap_header>.size
    var capabilities: [Capability] = []
    var offset = Int(first)
    var previousEnd = structure
    while offset != 0 {
      guard offset >= previousEnd, offset <= answer.count - header else {
        throw .malformed(
          object: object, reason: "a capability at byte \(offset) of \(answer.count)")
      }
      let link = answer.withUnsafeBytes {
        $0.loadUnaligned(fromByteOffset: offset, as: vfio_info_cap_header.self)
      }
      let next = Int(link.next)
      let end = next > offset ? min(next, answer.count) : answer.count
      previousEnd = offset + header
      capabilities.append(
        Capability(
          id: link.id, version: link.version, payload: answer[previousEnd..<max(previousEnd, end)]))
      offset = next
    }
    return capabilities
  }
}
