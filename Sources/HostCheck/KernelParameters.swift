// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What the kernel and its modules were told: `/proc/cmdline`, `modprobe.d`, and what they made of it
/// in `/sys/module`.
struct KernelParameters: Sendable {
  /// A module's parameter.
  enum Value: Equatable {
    /// As the module has it.
    case actual(String)
    /// The module does not show it to this user; this is what it was told, if anything.
    case told(String?)
    /// The module has no such parameter.
    case missing
    /// The module is not loaded; this is what it would be told.
    case notLoaded(String?)

    /// The value in force or to be.
    var text: String? {
      switch self {
      case .actual(let text): text
      case .told(let text), .notLoaded(let text): text
      case .missing: nil
      }
    }
  }

  let words: [Substring]
  private let files: Sysfs

  init(files: Sysfs) {
    self.files = files
    words = files.lines("/proc/cmdline").first?.split(separator: " ") ?? []
  }

  /// The value of the last word `name=value` of the command line.
  func word(_ name: String) -> String? {
    words.last { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
  }

  func value(_ parameter: String, of module: String) -> Value {
    let told = told(parameter, of: module)
    let folder = "/sys/module/\(Self.spelled(module))"
    guard files.exists(folder) else { return .notLoaded(told) }
    let path = "\(folder)/parameters/\(parameter)"
    guard files.exists(path) else { return .missing }
    return files.text(path).map { .actual($0) } ?? .told(told)
  }

  /// What the command line says, or else the last line in `modprobe.d`.
  func told(_ parameter: String, of module: String) -> String? {
    let module = Self.spelled(module)
    let prefix = { (word: Substring) -> Bool in
      guard let dot = word.firstIndex(of: ".") else { return false }
      return Self.spelled(String(word[..<dot])) == module
    }
    let inCommandLine = words.last {
      prefix($0)
        && $0[$0.index(after: $0.firstIndex(of: ".") ?? $0.startIndex)...]
          .hasPrefix("\(parameter)=")
    }
    if let inCommandLine, let sign = inCommandLine.firstIndex(of: "=") {
      return String(inCommandLine[inCommandLine.index(after: sign)...])
    }
    return modprobeOptions(of: module).last { $0.hasPrefix("\(parameter)=") }
      .map { String($0.dropFirst(parameter.utf8.count + 1)) }
  }

  /// The words after `options MODULE` in modprobe.d(5).
  private func modprobeOptions(of module: String) -> [Substring] {
    ["/usr/lib/modprobe.d", "/lib/modprobe.d", "/run/modprobe.d", "/etc/modprobe.d"].flatMap {
      folder in
      files.readableNames(in: folder).filter { $0.hasSuffix(".conf") }.flatMap { name in
        files.lines("\(folder)/\(name)").flatMap { line -> [Substring] in
          let words = line.split { $0 == " " || $0 == "\t" }
          guard words.count > 2, words[0] == "options", Self.spelled(String(words[1])) == module
          else { return [] }
          return Array(words[2...])
        }
      }
    }
  }

  /// The kernel takes a hyphen for an underscore in a module's name.
  private static func spelled(_ module: String) -> String {
    String(module.map { $0 == "-" ? "_" : $0 })
  }
}
