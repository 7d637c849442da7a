// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// The calls that walk the kernel's file trees (sysfs, procfs): the names in a folder, a link's
/// target, a name's existence.
public enum FileTree {
  /// opendir(3), readdir(3): the names in a folder, without `.` and `..`, in no order. Names that
  /// are not UTF-8 are left out: the kernel makes none.
  ///
  /// - Throws: `SystemCallError` on `path`.
  public static func names(in path: String) throws(SystemCallError) -> [String] {
    let answer = vgpu_opendir(path)
    guard let directory = answer.directory else {
      throw SystemCallError(call: "opendir", object: path, errno: Errno(rawValue: answer.error))
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let name, name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// readlink(2): the text of a symbolic link, uninterpreted; `nil` when the path is no link or
  /// cannot be read.
  public static func linkTarget(of path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
      guard let start = buffer.baseAddress else { return nil }
      let count = readlink(path, start, buffer.count)
      guard count > 0 else { return nil }
      return String(
        validating: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
        as: UTF8.self)
    }
  }

  /// unlink(2): removes a file's name.
  ///
  /// - Throws: `SystemCallError` on `path`.
  public static func remove(_ path: String) throws(SystemCallError) {
    try SystemCall.make("unlink", on: path) { vgpu_result(Int(unlink(path))) }
  }

  /// realpath(3): the path without links, `.` and `..`; `nil` when nothing is there, when the links
  /// go in a circle, or when they may not be followed.
  public static func realPath(of path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(validatingCString: resolved)
  }

  /// stat(2): whether a file exists at the end of all links. access(2) would not do, because it
  /// refuses a device's node that exists when a control group keeps this process from the device.
  public static func exists(_ path: String) -> Bool {
    (try? Stat(path)) != nil
  }
}
