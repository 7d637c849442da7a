// SPDX-License-Identifier: Apache-2.0

extension DiskImage {
  /// The image as QEMU's `json:` name, which says how each file is to be opened, down to the last one.
  ///
  /// Not `-blockdev`, which `-snapshot` has no effect on.
  var blockName: String {
    var node = "null"
    for image in backing.reversed() { node = image.node(on: node, isTop: false) }
    return "json:" + self.node(on: node, isTop: true)
  }

  /// - Parameter beneath: the node that it lies on, `null` where nothing may be opened beneath it.
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
    "{\"driver\":\"\(ImageFile.driver(for: path))\",\"filename\":\(quoted(path))}"
  }

  /// A string of JSON (RFC 8259).
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for character in text.unicodeScalars {
      switch character {
      case "\"", "\\": result += "\\\(character)"
      case "\u{0}"..."\u{1F}":
        let digits = String(character.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: result.unicodeScalars.append(character)
      }
    }
    return result + "\""
  }
}
