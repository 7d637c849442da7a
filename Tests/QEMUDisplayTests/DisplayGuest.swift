// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import QEMUDisplay
import QMP
import TestSupport
import Testing
import VGPUDisplay

/// A QEMU under TCG with a display on D-Bus, ended with this object.
final class DisplayGuest {
  let process = Process()
  let folder: URL
  let qmp: String
  private let output = Pipe()

  struct Missing: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  init(
    _ program: String, _ arguments: [String] = ["-vga", "std"], display: String = "dbus,p2p=yes",
    at folder: URL? = nil
  ) throws {
    self.folder = folder ?? FileManager.default.temporaryDirectory.appending(path: "vgpu-\(UUID())")
    let folder = self.folder
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    qmp = folder.appending(path: "qmp").path
    try? FileManager.default.removeItem(atPath: qmp)
    process.executableURL = URL(filePath: program)
    process.arguments =
      [
        "-M", "pc,accel=tcg", "-nodefaults", "-display", display, "-qmp",
        "unix:\(qmp),server=on,wait=off",
      ] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = output
    try process.run()
    while !isListening(on: qmp) {
      guard process.isRunning else {
        throw Missing(
          String(decoding: output.fileHandleForReading.availableData, as: UTF8.self))
      }
      usleep(10_000)
    }
  }

  deinit { end() }

  func end() {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  var connector: QMPDisplayConnector { QMPDisplayConnector(.socket(qmp), guest: "the guest") }

  /// A connected source.
  func source(head: Int = 0) async throws -> QEMUDisplaySource {
    let source = try QEMUDisplaySource(connector, guest: "the guest", head: head) { [qmp] in
      GuestController(.socket(qmp))
    }
    try await source.firstConnection()
    return source
  }

  /// Waits until QEMU's own picture stands still, and is the frame's, to the pixel.
  ///
  /// - Returns: the frame's picture.
  @discardableResult
  func expectSamePicture(
    _ source: QEMUDisplaySource, device: String? = nil, output: Int = 0,
    until isWanted: (Picture) -> Bool = { _ in true }, location: SourceLocation = #_sourceLocation
  ) async throws -> Picture {
    let deadline = Date(timeIntervalSinceNow: 60)
    var reason = "nothing was polled"
    while Date() < deadline {
      let before = try await QEMUPicture.take(at: qmp, device, output: output)
      switch source.poll() {
      case .noPicture(let why): reason = "\(why)"
      case .frame(let frame):
        let picture = try Picture(copying: frame.primary)
        let after = try await QEMUPicture.take(at: qmp, device, output: output)
        if before == after, isWanted(picture) {
          let differences = picture.differences(from: after)
          if differences == 0 { return picture }
          reason = "\(picture.width)x\(picture.height): \(differences) samples differ"
        } else {
          reason = "not the wanted picture, or it moves"
        }
      }
      try await Task.sleep(for: QEMUPicture.untilNextLook)
    }
    Issue.record("no such picture: \(reason)", sourceLocation: location)
    throw Missing(reason)
  }
}

extension Picture {
  /// The samples that differ from another picture's; a count beyond all of them when the sizes differ.
  func differences(from other: Picture) -> Int {
    guard width == other.width, height == other.height else { return .max }
    return zip(other.rgb, rgb).count { $0 != $1 }
  }
}
