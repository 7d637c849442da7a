// SPDX-License-Identifier: Apache-2.0

import CLibvirt
import SafeText

/// libvirt's C library, loaded when it is first asked for.
enum LibvirtLibrary {
  /// Why it cannot be used; `nil` when it can.
  private static let problem: LibvirtError? = {
    var reason = [CChar](repeating: 0, count: 512)
    guard !vgpu_libvirt_load(&reason, reason.count) else { return nil }
    return .notInstalled(
      reason: PlainText.line(
        String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)))
  }()

  /// Loads it, once in the life of the process.
  ///
  /// - Throws: `LibvirtError.notInstalled`.
  static func load() throws(LibvirtError) {
    if let problem { throw problem }
  }
}
