// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Large pages of the host for a guest's memory. They save the processor work in address
/// translation. The administrator reserves them.
public struct HugePages: Hashable, Sendable {
  /// How large a page is.
  public enum Size: String, CaseIterable, Sendable, CustomStringConvertible {
    /// 2 MiB. These pages can be reserved at any time.
    case twoMiB = "2M"
    /// 1 GiB. Reserve these pages when the host starts.
    case oneGiB = "1G"

    /// The size as users write it.
    public var description: String { rawValue }
    /// The size in MiB.
    public var mebibytes: Int { self == .twoMiB ? 2 : 1024 }
    fileprivate var folder: String {
      "/sys/kernel/mm/hugepages/hugepages-\(mebibytes * 1024)kB"
    }
    /// The folder where systems mount these pages.
    fileprivate var usualFolder: String {
      self == .twoMiB ? "/dev/hugepages" : "/dev/hugepages1G"
    }
  }

  /// How large a page is.
  public let size: Size
  /// A folder in a hugetlbfs with pages of this size.
  public let folder: String

  /// Makes huge pages of a size, by default in the folder where systems mount them.
  public init(size: Size, folder: String? = nil) {
    self.size = size
    self.folder = folder ?? size.usualFolder
  }

  /// Finds the folder where pages of a size are mounted.
  ///
  /// - Parameters:
  ///   - size: the size of one page.
  ///   - root: the folder that contains `proc`.
  /// - Throws: `QEMUError.host` when they are not mounted.
  public static func mounted(_ size: Size, root: String = "") throws(QEMUError) -> HugePages {
    let table = (try? SmallFile.read("\(root)/proc/self/mounts", limit: 1 << 20)) ?? []
    for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 3, words[2] == "hugetlbfs" else { continue }
      let pageSize = words[3].split(separator: ",").first { $0.hasPrefix("pagesize=") }
      // Without the option the pages have the kernel's default size, 2 MiB on x86.
      let mebibytes = pageSize.map { Self.mebibytes($0.dropFirst(9)) } ?? 2
      if mebibytes == size.mebibytes { return HugePages(size: size, folder: unescaped(words[1])) }
    }
    throw .host(
      "huge pages of \(size.rawValue)",
      reason: """
        no hugetlbfs of them is mounted; mount one: mkdir -p \(size.usualFolder) && mount -t \
        hugetlbfs -o pagesize=\(size.rawValue) none \(size.usualFolder)
        """)
  }

  /// Checks that enough pages are free for a guest's memory, and that this user may use them.
  ///
  /// - Parameters:
  ///   - mebibytes: the guest's memory in MiB.
  ///   - root: the folder that contains `sys` and the pages' folder.
  /// - Throws: `QEMUError.host`.
  public func check(mebibytes: Int, root: String = "") throws(QEMUError) {
    let object = "huge pages of \(size.rawValue)"
    guard mebibytes % size.mebibytes == 0 else {
      throw .host(
        object,
        reason: "the guest's memory, \(mebibytes)M, is no multiple of this size; change --memory")
    }
    let needed = mebibytes / size.mebibytes
    func count(_ file: String) -> Int? {
      guard let bytes = try? SmallFile.read("\(root)\(size.folder)/\(file)", limit: 64) else {
        return nil
      }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.flatMap {
        Int($0)
      }
    }
    guard let free = count("free_hugepages"), let total = count("nr_hugepages") else {
      throw .host(object, reason: "this kernel or processor has none; use another size")
    }
    // Subtract reserved pages: `free_hugepages` still counts pages that other processes reserved
    // but did not touch yet.
    let left = max(0, free - (count("resv_hugepages") ?? 0))
    guard left >= needed else {
      let atBoot =
        size == .oneGiB
        ? ", or start the host with hugepagesz=1G hugepages=\(total - left + needed)" : ""
      throw .host(
        object,
        reason: """
          \(left) are free, but the guest needs \(needed); reserve more: echo \
          \(total - left + needed) > \(size.folder)/nr_hugepages\(atBoot)
          """)
    }
    guard access(root + folder, R_OK | W_OK | X_OK) == 0 else {
      throw .noRights(
        folder,
        reason: "you may not write there; run as root, or ask root to mount it for your group")
    }
  }

  private static func mebibytes(_ text: Substring) -> Int? {
    guard let unit = text.last, let number = Int(text.dropLast()), number < 1 << 32 else {
      return nil
    }
    return switch unit {
    case "K": number / 1024
    case "M": number
    case "G": number * 1024
    default: nil
    }
  }

  /// Decodes blanks and backslashes, because the kernel writes them in octal.
  private static func unescaped(_ word: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(word.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(3), as: UTF8.self)
      if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let value = UInt8(digits, radix: 8) {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
