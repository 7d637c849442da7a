// SPDX-License-Identifier: Apache-2.0

/// Cuts what is received into lines, however it comes in pieces.
struct LineReader {
  private let limit: Int
  private var buffer: [UInt8] = []
  /// Up to here there is no line feed.
  private var searched = 0
  private var start = 0

  /// - Parameter limit: of a line, in bytes.
  init(limit: Int) { self.limit = limit }

  /// Whether the line that has begun is beyond the limit.
  var isTooLong: Bool { buffer.count - start > limit && searched == buffer.count }

  mutating func append(_ bytes: ArraySlice<UInt8>) {
    // What was handed out goes at once, so that the bytes of a long line are moved only once.
    if start > 0 {
      buffer.removeFirst(start)
      searched -= start
      start = 0
    }
    buffer += bytes
  }

  /// The next whole line without its end, which QEMU writes as CR LF; `nil` until more is there.
  mutating func next() -> [UInt8]? {
    let end = buffer[searched...].firstIndex(of: 0x0A)
    guard let end else {
      searched = buffer.count
      return nil
    }
    var line = buffer[start..<end]
    if line.last == 0x0D { line.removeLast() }
    start = end + 1
    searched = start
    return Array(line)
  }
}
