// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import VGPUDisplay

@testable import QEMUDisplay

extension Target {
  /// What QEMU's display calls a listener with, one call after the other, and the frames that come of
  /// it. Each call is a byte for its kind, two for the length of its arguments, and the arguments as
  /// GVariant has them in memory; the handle 0 is a memory file.
  static let displayCalls = Target(name: "display-calls") { bytes in
    guard let picture = try? ConsolePicture() else { return }
    var frames = ConsoleFrames()
    let closing = ForeignDescriptors()
    var rest = bytes[...]
    // Every call here makes files of its own, which is slow.
    for _ in 0..<64 where rest.count >= 3 {
      let head = Array(rest.prefix(3))
      rest = rest.dropFirst(3)
      let (member, signature) = ListenerCall.signatures[
        Int(head[0]) % ListenerCall.signatures.count]
      let length = min(rest.count, Int(head[1]) << 8 | Int(head[2]))
      let body = Variant.untrusted(Array(rest.prefix(length)), signature)
      rest = rest.dropFirst(length)
      var numbers: [Int32] = []
      if let buffer = try? DMABuffer.allocate(size: 1 << 16, name: "", udmabuf: "/"),
        let file = try? buffer.duplicate()
      {
        numbers.append(file.release())
      }
      let descriptors = ReceivedDescriptors(numbers, closing: closing)
      guard let call = try? ListenerCall(member, body, descriptors),
        (try? picture.take(call, nil)) != nil, case .frame(let frame) = frames.poll(picture)
      else { continue }
      precondition(frame.primary.crop.width > 0 && frame.primary.crop.height > 0)
      let damage = frames.takeDamage() ?? Damage()
      for index in 0..<damage.count {
        let size = PixelSize(width: frame.primary.crop.width, height: frame.primary.crop.height)
        let whole = PixelRectangle(x: 0, y: 0, width: size.width, height: size.height)
        precondition(damage[index].intersection(whole) == damage[index])
      }
      if frame.primary.crop.width * frame.primary.crop.height < 1 << 16 {
        _ = try? Picture(copying: frame.primary)
      }
    }
  }
}
