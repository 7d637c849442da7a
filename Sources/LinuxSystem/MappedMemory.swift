// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
import Synchronization
import SystemPackage

/// Pages of a file, a dma-buf or a device region in this process's address space, unmapped when
/// this value ends. A mapping outlives the descriptor that it was made of.
///
/// Such memory can go while it is looked at: a device's region during a reset or while the guest has
/// its memory disabled, a file that its owner cuts short. The kernel then raises SIGBUS. `read` and
/// `write` turn that into an error; whoever goes by `bytes` must rule over the memory.
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
  private let object: String
  private let hasGone = Atomic(false)
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
    self.object = object
    self.count = count
    self.access = access
  }

  deinit {
    _ = kernel.unmap(address, length: count)
  }

  /// Whether the memory went while it was read or written. It is not there again: what is mapped are
  /// empty pages, and every further `read` fails.
  public var isGone: Bool { hasGone.load(ordering: .relaxed) }

  /// Lets somebody read the bytes. A device or a guest may change them at any time, and may take the
  /// memory away: `body` then finds zeros, and its result is dropped.
  ///
  /// Meanwhile a handler for SIGBUS is in force that leaves alone all but this memory.
  ///
  /// - Throws: `SystemCallError` with EFAULT when the memory is gone, EAGAIN when 64 threads read at
  ///   once; or what `body` throws.
  public func read<Result: ~Copyable>(
    _ body: (UnsafeRawBufferPointer) throws(SystemCallError) -> Result
  ) throws(SystemCallError) -> Result {
    // Why a handler. Of a linear picture of 1920x1080, read whole (8.3 MB; C, -O2, EPYC, memory
    // files): memcmp takes 0.20 ms, memcpy 0.25, and a guard 0.001 more. Where the kernel copies,
    // and so answers EFAULT itself, it is 1.2 ms by pwrite(2) into a memory file and memcmp there,
    // 2.5 by a pipe, 1.4 by process_vm_readv(2), which besides refuses all pages that are no memory
    // of the host's (VM_PFNMAP), as a BAR's are. pread(2) of a region is up to the driver: mdpy's
    // gives other bytes, vfio-pci's reads a few at a time.
    let number = try SystemCall.make("sigaction", on: object) {
      vgpu_guard(address, count, access.protection)
    }
    defer { vgpu_unguard(number) }
    // Asked only now: whoever noticed it first has noted it before its own guard ended.
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

  /// The same for memory that is mapped for writing. What was written into memory that goes is lost.
  ///
  /// - Throws: as `read` does; EACCES when mapped for reading only.
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

  /// The bytes, valid as long as this value. A device or a guest may change them at any time. They
  /// are not guarded: see `read`.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: count) }

  /// The bytes for writing, not guarded either; `nil` when mapped for reading only.
  public var mutableBytes: UnsafeMutableRawBufferPointer? {
    access == .readWrite ? UnsafeMutableRawBufferPointer(start: address, count: count) : nil
  }
}
