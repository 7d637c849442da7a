// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import QMP
public import VGPUDisplay

/// QEMU's own picture of a screen that it draws, as it writes it to a file (QMP's `screendump`).
public enum QEMUPicture {
  /// Takes the picture of a console.
  ///
  /// - Parameters:
  ///   - socket: a QMP socket that nobody uses.
  ///   - device: the display device by its id; `nil` for the first console.
  ///   - output: which of the device's outputs.
  public static func take(
    at socket: String, _ device: String? = nil, output: Int = 0
  ) async throws -> Picture {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).ppm").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    var arguments: [String: JSONValue] = ["filename": .string(file)]
    if let device {
      arguments["device"] = .string(device)
      arguments["head"] = .integer(Int64(output))
    }
    let client = try await QMPClient(path: socket)
    try await client.execute("screendump", arguments: .object(arguments))
    await client.close()
    return try SavedFrame(file).picture
  }

  /// The same for who is no task, on a thread of his own (`onOwnThread`).
  public static func taken(at socket: String) throws -> Picture {
    try waiting { () async throws in try await take(at: socket) }
  }

  /// The time until the next look at a screen that is compared with this picture.
  ///
  /// A firmware's text cursor blinks once a second, so two looks one after the other may differ. The time
  /// is never the same, so that looks do not stay in phase with the cursor.
  public static var untilNextLook: Duration { .milliseconds(.random(in: 50...600)) }
}
