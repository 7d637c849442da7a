// SPDX-License-Identifier: Apache-2.0

import JSONText

/// A disk image of a known format, and every file that belongs to it. QEMU is told all of it and
/// guesses nothing: what a guest has written into its disk never decides how that is opened.
///
/// Nothing is checked here. `NamedDisk` makes one of what a user has said, with the image's header
/// held against it.
public struct DiskImage: Hashable, Sendable {
  /// How a disk lies in its file.
  public enum Format: String, CaseIterable, Sendable {
    /// Byte for byte.
    case raw
    /// QEMU's own format.
    case qcow2
  }

  /// The file, or a block device.
  public let path: String
  /// How the disk lies in it.
  public let format: Format
  /// Where a qcow2 image keeps the guest's data, when not in its own file.
  public let dataFile: String?
  /// The images that show through where a qcow2 image holds nothing, from the top down. None of
  /// them has any of its own here.
  public let backing: [DiskImage]

  /// Makes an image of its parts.
  public init(
    path: String, format: Format, dataFile: String? = nil, backing: [DiskImage] = []
  ) {
    self.path = path
    self.format = format
    self.dataFile = dataFile
    self.backing = backing
  }
}

extension DiskImage {
  /// The image as QEMU's `json:` name, which says how each file is to be opened, down to the last one.
  ///
  /// Not `-blockdev`, which `-snapshot` has no effect on.
  var blockName: String {
    var node = "null"
    for image in backing.reversed() { node = image.node(on: node, isTop: false) }
    return "json:" + self.node(on: node, isTop: true)
  }

  /// - Parameter beneath: the node that it lies on, `null` when nothing may be opened beneath it.
  private func node(on beneath: String, isTop: Bool) -> String {
    var members = ["\"driver\":\"\(format.rawValue)\"", "\"file\":\(Self.file(path))"]
    if !isTop { members.append("\"read-only\":true") }
    if format == .qcow2 {
      members.append("\"backing\":\(beneath)")
      if let dataFile { members.append("\"data-file\":\(Self.file(dataFile))") }
    }
    return "{\(members.joined(separator: ","))}"
  }

  private static func file(_ path: String) -> String {
    "{\"driver\":\"\(ImageFile.driver(for: path))\",\"filename\":\(JSON.quoted(path))}"
  }
}
