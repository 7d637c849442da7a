// SPDX-License-Identifier: Apache-2.0

import JSONText

/// A disk image of a known format, and every file that belongs to it. QEMU gets all formats and
/// files and guesses nothing, so the bytes that a guest wrote into its disk never decide how QEMU
/// opens it.
///
/// This type checks nothing. `NamedDisk` makes an image from a user's words, and compares them with
/// the image's header.
public struct DiskImage: Hashable, Sendable {
  /// The format in which a file holds a disk.
  public enum Format: String, CaseIterable, Sendable {
    /// Byte for byte.
    case raw
    /// QEMU's own format.
    case qcow2
  }

  /// The file, or a block device.
  public let path: String
  /// The format of the file.
  public let format: Format
  /// The file with the guest's data, for a qcow2 image that does not keep the data in its own file.
  public let dataFile: String?
  /// The backing images, from the top down. The guest reads them where a qcow2 image holds no data.
  /// The `backing` of each of them is empty.
  public let backing: [DiskImage]

  /// Makes an image from its parts.
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
  /// The image as QEMU's `json:` name. It says how QEMU opens each file, down to the last one.
  ///
  /// It is not a `-blockdev` option, because `-snapshot` has no effect on that.
  var blockName: String {
    var node = "null"
    for image in backing.reversed() { node = image.node(on: node, isTop: false) }
    return "json:" + self.node(on: node, isTop: true)
  }

  /// - Parameter beneath: the node of the backing image; `null` when QEMU may open none.
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
