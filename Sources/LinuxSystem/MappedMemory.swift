// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// Pages of a file, a dma-buf or a device region in this process's address space, unmapped when
/// this value ends. A mapping outlives the descriptor that it was made of.
public struct MappedMemory: ~Copyable, @unchecked Sendable {
  // Sendable: the address and length never change, and whoever reads or writes the bytes answers
  // for races with the device, which no lock of ours could exclude.

  /// What may be done with the pages.
  public enum Access: Sendable {
    /// They are read (PROT_READ).
    case read
    /// They are read and written (PROT_READ, PROT_WRITE).
    case readWrite

    var protection: Int32 {
      switch self {
      case .read: PROT_READ
      case .readWrite: PROT_READ | PROT_WRITE
      }
    }
  }

  private let address: UnsafeMutableRawPointer
  private let kernel: any Kernel
  /// The mapped length in bytes, as asked for.
  public let count: Int
  /// What may be done with the pages.
  public let access: Access

  /// mmap(2) with MAP_SHARED.
  ///
  /// - Parameters:
  ///   - fd: of a file that can be mapped; it may be closed afterwards.
  ///   - offset: bytes into the file; a multiple of the page size.
  ///   - count: bytes, more than zero.
  ///   - access: whether the memory will be written.
  ///   - object: what is mapped, for the error.
  /// - Throws: `SystemCallError` on `object`.
  public init(
    _ fd: borrowing OwnedFileDescriptor, offset: UInt64 = 0, count: Int, access: Access,
    of object: String
  ) throws(SystemCallError) {
    let kernel = fd.kernel
    let number = fd.rawValue
    let answer = try SystemCall.make("mmap", on: object) {
      kernel.map(number, length: count, protection: access.protection, offset: offset)
    }
    guard let address = UnsafeMutableRawPointer(bitPattern: answer) else {
      throw SystemCallError(call: "mmap", object: object, errno: .badAddress)
    }
    self.address = address
    self.kernel = kernel
    self.count = count
    self.access = access
  }

  deinit {
    _ = kernel.unmap(address, length: count)
  }

  /// The bytes, valid as long as this value. A device or a guest may change them at any time.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: count) }

  /// The bytes for writing; `nil` when mapped for reading only.
  public var mutableBytes: UnsafeMutableRawBufferPointer? {
    access == .readWrite ? UnsafeMutableRawBufferPointer(start: address, count: count) : nil
  }
}
