// SPDX-License-Identifier: Apache-2.0

@testable import GuestSound
@testable import QEMUDisplay

extension Target {
  /// What QEMU calls a listener of sound with, one call after the other, and the frames that a sound server
  /// takes meanwhile. Each call is a byte for its kind and its direction, two for the length of its
  /// arguments, and the arguments as GVariant has them in memory.
  static let soundCalls = Target(name: "sound-calls") { bytes in
    let output = SoundTable(records: false, isOpen: true) {}
    let input = SoundTable(records: true, isOpen: true) {}
    var rest = bytes[...]
    var samples = [Float](repeating: 0, count: 8 * 512)
    for _ in 0..<64 where rest.count >= 3 {
      let head = Array(rest.prefix(3))
      rest = rest.dropFirst(3)
      let (member, signature) = SoundCall.signatures[
        Int(head[0] & 0x7F) % SoundCall.signatures.count]
      let length = min(rest.count, Int(head[1]) << 8 | Int(head[2]))
      let body = Variant.untrusted(Array(rest.prefix(length)), signature)
      rest = rest.dropFirst(length)
      let direction: SoundListener.Direction = head[0] & 0x80 == 0 ? .out(output) : .in(input)
      guard let call = try? SoundCall(member, body) else { continue }
      _ = try? SoundListener.carryOut(call, direction)
      for stream in output.all {
        let count = stream.format.channels * 256
        samples.withUnsafeMutableBufferPointer {
          stream.take(into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
        }
        precondition(samples[..<count].allSatisfy { (-1...1).contains($0) })
      }
      samples.withUnsafeBufferPointer { samples in
        for stream in input.all { stream.add(samples) }
      }
      precondition(output.all.count <= SoundTable.most)
      precondition(input.all.count <= SoundTable.most)
    }
  }
}
