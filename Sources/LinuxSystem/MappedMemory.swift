// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import Synchronization
import SystemPackage

/// Pages of a file, a dma-buf or a device region in this process's address space, unmapped when
/// this value ends. A mapping outlives the descriptor that it was made from.
///
/// Such memory can go away while it is read: a device's region goes during a reset or while the
/// guest has the device's memory disabled, a file's pages go when its owner cuts it short. The
/// kernel then raises SIGBUS. `read` and `write` turn the signal into an error. Use `bytes` only
/// for memory that nobody else can take away.
public struct MappedMemory: ~Copyable, @unchecked Sendable {
  // Sendable: the address and the length never change. A race with the device about the bytes is
  // the reader's or writer's affair, because no lock of ours could exclude it.

  /// The accesses that the pages allow.
  public enum Access: Sendable {
    /// Reading (PROT_READ).
    case read
    /// Reading and writing (PROT_READ, PROT_WRITE).
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
  private let object: String
  private let hasGone = Atomic(false)
  /// The mapped length in bytes, as asked for.
  public let count: Int
  /// The accesses that the pages allow.
  public let access: Access

  /// mmap(2) with MAP_SHARED.
  ///
  /// - Parameters:
  ///   - fd: the descriptor of a file that can be mapped; it may be closed afterwards.
  ///   - offset: bytes into the file; a multiple of the page size.
  ///   - count: bytes, more than zero.
  ///   - access: whether the memory will be written.
  ///   - object: the file's name in errors.
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
    self.object = object
    self.count = count
    self.access = access
  }

  deinit {
    _ = kernel.unmap(address, length: count)
  }

  /// Whether the memory went away during a read or a write. It does not come back: empty pages are
  /// mapped in its place, and every further `read` fails.
  public var isGone: Bool { hasGone.load(ordering: .relaxed) }

  /// Calls `body` to read the bytes. A device or a guest may change them at any time, and may take
  /// the memory away: `body` then finds zeros, and its result is dropped.
  ///
  /// During the call a handler for SIGBUS is in force, which acts for this memory alone.
  ///
  /// - Throws: `SystemCallError` with EFAULT when the memory is gone, EAGAIN when 64 threads read
  ///   at once; or the error of `body`.
  public func read<Result: ~Copyable>(
    _ body: (UnsafeRawBufferPointer) throws(SystemCallError) -> Result
  ) throws(SystemCallError) -> Result {
    // A handler costs the least. For a linear picture of 1920x1080, read whole (8.3 MB; C, -O2,
    // EPYC, memory files): memcmp takes 0.20 ms, memcpy 0.25, and a guard 0.001 more. When the
    // kernel copies, and so answers EFAULT itself, the copy takes 1.2 ms by pwrite(2) into a memory
    // file and memcmp there, 2.5 by a pipe, and 1.4 by process_vm_readv(2). The last also refuses
    // all pages that are not the host's memory (VM_PFNMAP), such as those of a BAR. pread(2) of a
    // region depends on the driver: mdpy's gives other bytes, vfio-pci's reads a few at a time.
    let number = try SystemCall.make("sigaction", on: object) {
      vgpu_guard(address, count, access.protection)
    }
    defer { vgpu_unguard(number) }
    // The flag is read only now: another thread that noticed the loss first has set it before its
    // own guard ended.
    guard !isGone else { throw gone() }
    let result: Result
    do {
      result = try body(bytes)
    } catch {
      try check(number)
      throw error
    }
    try check(number)
    return result
  }

  /// Calls `body` to write the bytes, as `read` does to read them. Bytes that were written into
  /// memory that goes away are lost.
  ///
  /// - Throws: as `read` does; EACCES when the memory is mapped for reading only.
  public func write<Result: ~Copyable>(
    _ body: (UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Result
  ) throws(SystemCallError) -> Result {
    guard let mutableBytes else {
      throw SystemCallError(
        call: "write", object: object, errno: .permissionDenied, remedy: "map it for writing")
    }
    return try read { (_) throws(SystemCallError) in try body(mutableBytes) }
  }

  private func check(_ number: Int) throws(SystemCallError) {
    guard vgpu_guard_has_faulted(number) != 0 else { return }
    hasGone.store(true, ordering: .relaxed)
    throw gone()
  }

  private func gone() -> SystemCallError {
    SystemCallError(
      call: "read", object: object, errno: .badAddress,
      remedy: "its memory went while it was read (a reset, a file cut short); map it again")
  }

  /// The bytes, valid as long as this value. A device or a guest may change them at any time. No
  /// guard protects an access to them: see `read`.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: count) }

  /// The bytes for writing, without a guard too; `nil` when the memory is mapped for reading only.
  public var mutableBytes: UnsafeMutableRawBufferPointer? {
    access == .readWrite ? UnsafeMutableRawBufferPointer(start: address, count: count) : nil
  }
}
