// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Large pages of the host's that a guest's memory is made of, which spare the processor work in
/// translating addresses. The administrator sets them aside.
public struct HugePages: Hashable, Sendable {
  /// How large a page is.
  public enum Size: String, CaseIterable, Sendable, CustomStringConvertible {
    /// 2 MiB, which can be set aside at any time.
    case twoMiB = "2M"
    /// 1 GiB, which are best set aside as the host starts.
    case oneGiB = "1G"

    /// As users write it.
    public var description: String { rawValue }
    /// In MiB.
    public var mebibytes: Int { self == .twoMiB ? 2 : 1024 }
    fileprivate var folder: String {
      "/sys/kernel/mm/hugepages/hugepages-\(mebibytes * 1024)kB"
    }
    /// Where systems have them mounted.
    fileprivate var usualFolder: String {
      self == .twoMiB ? "/dev/hugepages" : "/dev/hugepages1G"
    }
  }

  /// How large a page is.
  public let size: Size
  /// A folder of a hugetlbfs of such pages.
  public let folder: String

  /// Pages of a size, at the place where systems mount them.
  public init(size: Size, folder: String? = nil) {
    self.size = size
    self.folder = folder ?? size.usualFolder
  }

  /// Finds where pages of a size are mounted.
  ///
  /// - Parameters:
  ///   - size: of one page.
  ///   - root: where `proc` is.
  /// - Throws: `QEMUError.host` when they are not.
  public static func mounted(_ size: Size, root: String = "") throws(QEMUError) -> HugePages {
    let table = (try? SmallFile.read("\(root)/proc/self/mounts", limit: 1 << 20)) ?? []
    for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 3, words[2] == "hugetlbfs" else { continue }
      let pageSize = words[3].split(separator: ",").first { $0.hasPrefix("pagesize=") }
      // Without the option it is the kernel's default size, which on x86 is 2 MiB.
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

  /// Whether enough of them are free for a guest's memory, and whether this user may have them.
  ///
  /// - Parameters:
  ///   - mebibytes: the guest's memory.
  ///   - root: where `sys` is, and the pages' folder.
  /// - Throws: `QEMUError.host`.
  public func check(mebibytes: Int, root: String = "") throws(QEMUError) {
    let object = "huge pages of \(size.rawValue)"
    guard mebibytes % size.mebibytes == 0 else {
      throw .host(
        object, reason: "the guest's memory, \(mebibytes)M, is no multiple; change --memory")
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
    // What others have been promised, and not yet touched, counts as free.
    let left = max(0, free - (count("resv_hugepages") ?? 0))
    guard left >= needed else {
      let atBoot =
        size == .oneGiB
        ? ", or start the host with hugepagesz=1G hugepages=\(total - left + needed)" : ""
      throw .host(
        object,
        reason: """
          \(left) are free, and the guest takes \(needed); set more aside: echo \
          \(total - left + needed) > \(size.folder)/nr_hugepages\(atBoot)
          """)
    }
    guard access(root + folder, R_OK | W_OK | X_OK) == 0 else {
      throw .host(
        folder, reason: "you may not write there; run as root, or have it mounted for your group")
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

  /// The kernel writes blanks and backslashes in octal.
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
