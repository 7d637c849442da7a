// SPDX-License-Identifier: Apache-2.0

/// `screendump`: writes what a console of QEMU's own shows to a file, as PPM. A vGPU's screen is no
/// such console.
public struct Screendump: QMPCommand {
  public static let name = "screendump"

  /// The file's path as QEMU sees it, which QEMU opens with its own rights, and overwrites.
  public let filename: String

  /// Makes the command of a path.
  public init(filename: String) { self.filename = filename }
}
