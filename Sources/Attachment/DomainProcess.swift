// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// The QEMU that runs a domain, sought by its command line, which every user may read: libvirt names
/// the process to nobody but in files of its own. Anybody can have such a command line, so that it
/// only decides which error is told.
enum DomainProcess {
  /// The longest command line that is read, in bytes: libvirt's have some thousands.
  private static let longest = 1 << 18

  /// - Parameter uuid: the domain's, as libvirt writes it.
  /// - Returns: those that were started with `-uuid` and it.
  static func candidates(uuid: String) -> [Int32] {
    let pids = ((try? FileTree.names(in: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
    return pids.filter { pid in
      let arguments = commandLine(of: "/proc/\(pid)/cmdline")
      return zip(arguments, arguments.dropFirst()).contains {
        $0.elementsEqual("-uuid".utf8) && $1.elementsEqual(uuid.utf8)
      }
    }
  }

  private static func commandLine(of path: String) -> [ArraySlice<UInt8>] {
    guard let file = try? OwnedFileDescriptor.open(path, flags: O_RDONLY) else { return [] }
    var bytes: [UInt8] = []
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      while bytes.count < longest {
        let offset = UInt64(bytes.count)
        let count = file.kernel.pread(file.rawValue, buffer, offset: offset)
        guard count > 0 else { break }
        bytes += buffer[..<count]
      }
    }
    return bytes.split(separator: 0, omittingEmptySubsequences: false)
  }
}
