// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import HostDevices

/// Random numbers that a seed repeats (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Makes messages from valid ones, as Tests/BridgeTests/ProtocolTests.swift does too.
struct Mutator {
  private let corpus: [[UInt8]]
  var generator: SeededGenerator

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    let questions: [ClientMessage] = [
      .hello(oldest: 1, newest: 0xFFFF), .list(index: 7), .list(index: 0), .open(.only), .look,
      .open(VGPUIdentifier(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)),
      .release(buffer: .max), .resize(width: 1, height: 16384), .count,
    ]
    corpus = questions.map { question in
      [UInt8](unsafeUninitializedCapacity: WireConstants.longestMessage) { buffer, count in
        count = question.encode(serial: 1, into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }

  /// A message of the corpus, with some bits flipped, bytes replaced, cut or made longer.
  mutating func next() -> [UInt8] {
    var bytes = corpus[Int.random(in: 0..<corpus.count, using: &generator)]
    for _ in 0..<Int.random(in: 0...3, using: &generator) {
      let index = Int.random(in: 0..<max(1, bytes.count), using: &generator)
      switch UInt8.random(in: 0..<8, using: &generator) {
      case 0...2 where !bytes.isEmpty:
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 3...4 where !bytes.isEmpty: bytes[index] = UInt8.random(in: 0...255, using: &generator)
      case 5 where bytes.count >= 4:
        let start = min(index, bytes.count - 4)
        let value = [UInt32(0), 1, .max, 1 << 31, 16384].randomElement(using: &generator) ?? 0
        for byte in 0..<4 { bytes[start + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
      case 6 where index > 0: bytes.removeLast(bytes.count - index)
      default: bytes.append(UInt8.random(in: 0...255, using: &generator))
      }
    }
    return bytes
  }
}
