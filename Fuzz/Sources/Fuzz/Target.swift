// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A decoder of bytes from outside.
struct Target: Sendable {
  /// As in targets.tsv.
  let name: String
  /// Gives bytes to the decoder, which may refuse them, and uses what it makes of them; ends the
  /// program where something is wrong with that.
  let decode: @Sendable ([UInt8]) -> Void

  static let all: [Target] = [
    .agent, .bridgeMessage, .capabilities, .changeWords, .clientMessage, .commandLine,
    .displayCalls, .domainXML, .edid, .guestAgent, .helperAnswer, .mdevctlList, .modprobe,
    .pciNames, .pixmap, .plane, .qcow2, .qmp, .shell, .soundCalls, .uevent,
  ]

  /// The one that the environment's VGPU_FUZZ_TARGET names: libFuzzer starts its program again by
  /// its own arguments.
  static let chosen: Target? = getenv("VGPU_FUZZ_TARGET").flatMap { name in
    all.first { $0.name == String(cString: name) }
  }

  /// How long inputs are made, in bytes, by the environment's VGPU_FUZZ_STRETCH; `nil` where they
  /// are left as they are.
  static let stretch: Int? = getenv("VGPU_FUZZ_STRETCH").flatMap { Int(String(cString: $0)) }
}

/// libFuzzer's own main function calls it with every input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let target = Target.chosen else {
    print("VGPU_FUZZ_TARGET names none of: \(Target.all.map(\.name).joined(separator: " "))")
    exit(EXIT_FAILURE)
  }
  let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
  guard let length = Target.stretch else {
    target.decode(bytes)
    return 0
  }
  for part in parts(of: bytes) {
    let repetitions = max(1, (length - bytes.count) / part.count)
    let middle = Array(repeatElement(bytes[part], count: repetitions).joined())
    target.decode(Array(bytes[..<part.lowerBound]) + middle + bytes[part.upperBound...])
  }
  return 0
}

/// Parts of an input to be repeated: a byte, a few, and many, here and there.
private func parts(of bytes: [UInt8]) -> [Range<Int>] {
  [1, 6, 64].filter { $0 <= bytes.count }.flatMap { length in
    (0..<3).map { step in
      let start = (bytes.count - length) * step / 2
      return start..<start + length
    }
  }
}
