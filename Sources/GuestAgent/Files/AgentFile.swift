// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import SafeText
import SystemPackage

/// A file of the host's for a guest.
public struct AgentFile: Hashable, Sendable {
  /// The file on the host.
  public let path: String
  /// The folders that it lies in, and its own name, for the guest.
  public let components: [String]

  /// Names a file.
  ///
  /// - Parameters:
  ///   - path: the file on the host. It is opened when its turn comes.
  ///   - components: the folders in the guest, and the name; `nil` for the last part of the path. They are
  ///     cleaned: see `name(forWindows:)`.
  public init(path: String, components: [String]? = nil) {
    self.path = path
    let last = path.split(separator: "/").last.map(String.init) ?? path
    self.components = components ?? [last]
  }

  /// Finds files, and those in folders. A folder's files keep their place below it. A link within a folder
  /// is left out, because it could lead anywhere; a named one is followed.
  ///
  /// - Parameters:
  ///   - paths: files and folders.
  ///   - most: more files are refused.
  /// - Throws: `AgentError.file`.
  public static func gather(
    _ paths: [String], most: Int = 1_000_000
  ) throws(AgentError) -> [AgentFile] {
    var files: [AgentFile] = []
    for path in paths {
      let status: Stat
      do {
        status = try Stat(path)
      } catch {
        throw .system(
          SystemCallError(call: "stat", object: path, errno: error))
      }
      switch status.type {
      case .regular: files.append(AgentFile(path: path, components: [lastName(path)]))
      case .directory: try addFolder(path, [lastName(path)], &files, most)
      default:
        throw .file(path, reason: "neither a file nor a folder; name those")
      }
    }
    return files
  }

  /// The last part of a path, also of `.` and `folder/`.
  private static func lastName(_ path: String) -> String {
    let last = path.split(separator: "/").last.map(String.init) ?? ""
    guard last.isEmpty || last == "." || last == ".." else { return last }
    return FileTree.realPath(of: path)?.split(separator: "/").last.map(String.init) ?? "folder"
  }

  /// The deepest folder; a loop of mounts ends there.
  private static let deepest = 64

  private static func addFolder(
    _ path: String, _ components: [String], _ files: inout [AgentFile], _ most: Int
  ) throws(AgentError) {
    guard components.count <= deepest else {
      throw .file(path, reason: "more than \(deepest) folders deep; pack it, and send the archive")
    }
    let names: [String]
    do {
      names = try FileTree.names(in: path).sorted()
    } catch {
      throw .file(path, reason: "cannot be read: \(error.errno)")
    }
    for name in names {
      let inner = "\(path)/\(name)"
      guard let status = try? Stat(inner, followTargetSymlink: false) else { continue }
      switch status.type {
      case .regular:
        guard files.count < most else {
          throw .file(path, reason: "more than \(most) files; pack them, and send the archive")
        }
        files.append(AgentFile(path: inner, components: components + [name]))
      case .directory: try addFolder(inner, components + [name], &files, most)
      default: break
      }
    }
  }

  /// The name that the guest gets: folders, slashes between them, and the file's name. Nothing in it leads
  /// out of the guest's folder, ends a line, or means something else to a guest than a name.
  ///
  /// - Parameter isWindows: whether the guest is Windows. Its agent takes no folders.
  /// - Returns: `nil` when the guest cannot have it.
  func name(forWindows isWindows: Bool) -> String? {
    if isWindows, components.count > 1 { return nil }
    return components.map { Self.cleaned($0, forWindows: isWindows) }.joined(separator: "/")
  }

  /// The most bytes of a name: Linux has 255, and an agent adds a number to a name that exists.
  private static let longest = 240

  private static func cleaned(_ component: String, forWindows isWindows: Bool) -> String {
    var name = String.UnicodeScalarView()
    for scalar in component.unicodeScalars {
      let isForbidden =
        scalar == "/" || isWindows && "\\:?*<>\"|".unicodeScalars.contains(scalar)
      name.append(isForbidden || !PlainText.isSafe(scalar) ? "_" : scalar)
    }
    var text = String(name)
    if text.isEmpty || text == "." || text == ".." { text = "_" + text.dropFirst() }
    if isWindows {
      // Windows takes no name that ends so, and its agent's parser no blank at the beginning.
      while let last = text.last, last == "." || last == " " { text.removeLast() }
      while text.first == " " { text.removeFirst() }
      let stem = text.prefix { $0 != "." }.uppercased()
      if text.isEmpty || reserved.contains(stem) { text = "_" + text }
    }
    return shortened(text)
  }

  /// Cut between characters, before the ending.
  private static func shortened(_ name: String) -> String {
    guard name.utf8.count > longest else { return name }
    var ending = name.lastIndex(of: ".").map { String(name[$0...]) } ?? ""
    if ending.utf8.count > 32 { ending = "" }
    var stem = ending.isEmpty ? name : String(name.dropLast(ending.count))
    while stem.utf8.count + ending.utf8.count > longest, !stem.isEmpty { stem.removeLast() }
    return stem + ending
  }

  /// Windows' devices, which no file can be called.
  private static let reserved: Set<String> = Set(
    ["CON", "PRN", "AUX", "NUL"] + (1...9).flatMap { ["COM\($0)", "LPT\($0)"] })
}
