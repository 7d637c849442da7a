// SPDX-License-Identifier: Apache-2.0

/// A part of a file's name that is made of a path.
package enum FileNamePart {
  /// Tells a person which file the path names, and differs for different paths. Has only ASCII
  /// letters, digits and the characters `-`, `_` and `.`.
  ///
  /// - Parameter limit: how many characters of the file's name it may begin with.
  package static func of(path: String, limit: Int) -> String {
    // FNV-1a.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let plain = path.split(separator: "/").last?.map { character in
      character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
        ? character : "_"
    }
    return "\(String(plain ?? []).prefix(limit))-\(String(hash, radix: 16))"
  }
}
