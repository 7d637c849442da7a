// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import Glibc

/// A text for the person at the window, in that person's language (gettext).
///
/// `Scripts/translations` reads the calls of this function in the sources, so the texts stand there as
/// literals. A word that two places translate differently has a context in each of them.
///
/// - Parameters:
///   - text: the English text. `%1$s` is the place of the first value.
///   - context: tells it from the same English text elsewhere.
///   - values: the values of its places.
package func translated(_ text: String, context: String? = nil, _ values: String...) -> String {
  TextTemplate(Translation.text(text, context)).filled(values, orAs: TextTemplate(text))
}

/// The same for a text that tells a number of things, which languages count differently.
///
/// - Parameters:
///   - one: the English text for one thing.
///   - many: the English text for another number.
///   - count: the number.
///   - values: the values of the places, which both texts have.
package func translated(
  one: String, many: String, count: Int, _ values: String...
) -> String {
  TextTemplate(Translation.text(one, many, count))
    .filled(values, orAs: TextTemplate(count == 1 ? one : many))
}

extension Viewer {
  /// Has `translated` use the environment's language from now on (setlocale(3)), as GTK's start does, for a
  /// program that writes a window's texts before it opens the window. Call it on the main thread.
  package static func chooseLanguage() { setlocale(LC_ALL, "") }
}

/// The catalogue of the texts (the text domain `vgpu`).
enum Translation {
  private static let domain = "vgpu"

  fileprivate static func text(_ text: String, _ context: String?) -> String {
    _ = isBound
    // gettext may return the pointer that it was given.
    return text.withCString { id in
      guard let context else { return string(g_dgettext(domain, id)) ?? text }
      return context.withCString { string(g_dpgettext2(domain, $0, id)) } ?? text
    }
  }

  fileprivate static func text(_ one: String, _ many: String, _ count: Int) -> String {
    _ = isBound
    return one.withCString { one in
      many.withCString { string(g_dngettext(domain, one, $0, gulong(clamping: count))) }
    } ?? (count == 1 ? one : many)
  }

  private static func string(_ text: UnsafePointer<CChar>?) -> String? {
    text.map(String.init(cString:))
  }

  /// Tells gettext where the catalogue is, once. GTK's start has chosen the language.
  private static let isBound: Void = {
    bind_textdomain_codeset(domain, "UTF-8")
    // Without one of its own, the C library's own place stays.
    if let folder = ownFile.flatMap(folder(besides:)) { bindtextdomain(domain, folder) }
  }()

  /// The path of the program, or of the library, that this code is in.
  private static var ownFile: String? {
    let here: @convention(c) () -> Void = {}
    guard let name = vgpu_library_of(unsafeBitCast(here, to: UnsafeRawPointer.self)) else {
      return nil
    }
    let file = String(cString: name)
    guard let path = realpath(file.isEmpty ? "/proc/self/exe" : file, nil) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }

  /// The folder of catalogues (`share/locale`) below the prefix of `bin/PROGRAM`, `lib/LIBRARY` or
  /// `lib/ARCHITECTURE/LIBRARY`; `nil` when there is none. For a file elsewhere, such as in `/tmp`, that folder
  /// might be anybody's.
  static func folder(besides file: String) -> String? {
    let folders = file.split(separator: "/", omittingEmptySubsequences: true).dropLast()
    for prefix in [folders.dropLast(), folders.dropLast(2)] where prefix.count < folders.count {
      let kind = folders[prefix.endIndex]
      guard kind == "bin" && folders.count - prefix.count == 1 || kind.hasPrefix("lib") else {
        continue
      }
      let folder = prefix.reduce("") { "\($0)/\($1)" } + "/share/locale"
      if g_file_test(folder, G_FILE_TEST_IS_DIR) != 0 { return folder }
    }
    return nil
  }
}

/// A text with places for values: `%1$s` is the place of the first one. Any other `%` stands for itself.
///
/// Translations are data from outside, so no function of C's printf sees them.
struct TextTemplate: Equatable {
  /// Pieces of text, and between them numbers of places.
  enum Part: Equatable {
    case text(String)
    case place(Int)
  }

  private(set) var parts: [Part] = []

  init(_ text: String) {
    let text = text.unicodeScalars
    var (written, rest) = (text.startIndex, text.startIndex)
    while let percent = text[rest...].firstIndex(of: "%") {
      rest = text.index(after: percent)
      let digits = text[rest...].prefix { ("0"..."9").contains($0) }
      guard !digits.isEmpty, text[digits.endIndex...].starts(with: "$s".unicodeScalars) else {
        continue
      }
      add(text[written..<percent])
      // A number that is too large is the number of no value.
      parts.append(.place(Int(String(digits)) ?? .max))
      rest = text.index(digits.endIndex, offsetBy: 2)
      written = rest
    }
    add(text[written...])
  }

  private mutating func add(_ text: Substring.UnicodeScalarView) {
    if !text.isEmpty { parts.append(.text(String(text))) }
  }

  /// The numbers of its places.
  var places: Set<Int> {
    Set(parts.compactMap { if case .place(let number) = $0 { number } else { nil } })
  }

  /// The text with the values in their places. A place without a value stays as it is written.
  ///
  /// - Parameter original: taken in place of this text when the two have different places: a translation
  ///   must not lose a value.
  func filled(_ values: [String], orAs original: TextTemplate) -> String {
    let parts = places == original.places ? parts : original.parts
    return parts.map { part in
      switch part {
      case .text(let text): text
      case .place(let number):
        values.indices.contains(number &- 1) ? values[number - 1] : "%\(number)$s"
      }
    }.joined()
  }
}
