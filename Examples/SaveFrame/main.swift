// SPDX-License-Identifier: Apache-2.0
//
// Saves what a guest shows as a PPM picture.
//
//     swift run save-frame demo frame.ppm

import Attachment
import Foundation
import VGPUDisplay

/// What the user reads when it does not work: one line.
struct Failure: Error, CustomStringConvertible {
  let description: String
}

/// Looks at the guest 60 times a second until it shows something.
func firstFrame(of source: AttachedSource) throws -> Frame {
  for _ in 0..<600 {
    switch source.poll() {
    case .frame(let frame):
      return frame
    case .noPicture(let reason):
      guard reason.isTransient else { throw Failure(description: "\(source.name): \(reason)") }
    }
    Thread.sleep(forTimeInterval: 1 / 60)
  }
  throw Failure(description: "\(source.name): no picture within ten seconds")
}

/// The picture as a file: three bytes a pixel behind three lines of text.
func write(_ picture: Picture, to path: String) throws {
  let header = "P6\n\(picture.width) \(picture.height)\n255\n"
  try (Data(header.utf8) + picture.rgb).write(to: URL(fileURLWithPath: path))
}

func save(_ text: String, to path: String) throws {
  guard let target = Target(text) else {
    throw Failure(description: "\(text): give mdev:UUID, pid:N, libvirt:NAME or demo")
  }
  let source = try AttachedSource(target)
  let frame = try firstFrame(of: source)
  // This is the picture's buffer: a dma-buf, with everything that an import needs.
  print(frame.primary.layout)
  try write(try Picture(copying: frame.primary), to: path)
}

func complain(_ text: String) {
  FileHandle.standardError.write(Data("\(text)\n".utf8))
}

guard CommandLine.arguments.count == 3 else {
  complain("usage: save-frame TARGET FILE.ppm")
  exit(64)
}
do {
  try save(CommandLine.arguments[1], to: CommandLine.arguments[2])
} catch {
  complain("save-frame: \(error)")
  exit(1)
}
