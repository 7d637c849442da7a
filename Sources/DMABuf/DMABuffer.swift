// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// A buffer that drivers and processes share by file descriptor, with one owner: the descriptor is
/// closed when the last reference to this object goes.
///
/// A memory file (memfd) stands in for a dma-buf when the machine cannot make one. It is mapped and
/// read in the same way, and software renderers import it.
public final class DMABuffer: Sendable {
  /// What the descriptor is of.
  @nonexhaustive
  public enum Backing: Hashable, Sendable {
    /// A dma-buf.
    case dmaBuf
    /// A memory file that stands in for a dma-buf. Nobody can make it shorter (F_SEAL_SHRINK).
    case memoryFile
  }

  private let fd: OwnedFileDescriptor
  /// What the descriptor is of.
  public let backing: Backing
  /// The buffer's true size in bytes, as the kernel knows it; no guest can change it.
  public let size: Int
  /// The buffer's name in errors.
  public let name: String

  /// Takes over the descriptor of a dma-buf or a memory file and asks for its size (lseek(2)).
  ///
  /// - Throws: `SystemCallError` when the descriptor belongs to anything else
  ///   (`Backing.init(of:name:)`), or has no size.
  public init(owning fd: consuming OwnedFileDescriptor, name: String) throws(SystemCallError) {
    backing = try Backing(of: fd, name: name)
    let kernel = fd.kernel
    let number = fd.rawValue
    // The size is asked for only now, because the size of another kind of file would be a claim of
    // the server of its file system.
    size = try SystemCall.make("lseek", on: name) { kernel.seekToEnd(number) }
    self.name = name
    self.fd = fd
  }

  /// The descriptor, borrowed for an import or a message. Never close it, and hold this object
  /// while you use it.
  public var rawValue: Int32 { fd.rawValue }

  /// Whether the memory is pages of the CPU's own, which no GPU has arranged: a memory file, or a dma-buf
  /// of the kernel's udmabuf driver. The kernel tells the driver's name in `/proc/self/fdinfo` (since
  /// Linux 5.2). A picture with the modifier `INVALID` lies there line after line.
  public var isPlainMemory: Bool {
    if backing == .memoryFile { return true }
    let path = "/proc/self/fdinfo/\(rawValue)"
    guard let file = try? OwnedFileDescriptor.open(path, flags: O_RDONLY),
      let bytes = try? file.readAll(limit: 1 << 16, of: path)
    else { return false }
    return bytes.split(separator: UInt8(ascii: "\n")).contains { line in
      line.elementsEqual("exp_name:\tudmabuf".utf8)
    }
  }

  /// A second descriptor of the same buffer, close-on-exec, which the caller owns.
  ///
  /// - Throws: `SystemCallError` when this process may have no more descriptors.
  public func duplicate() throws(SystemCallError) -> OwnedFileDescriptor {
    try fd.duplicate(of: name)
  }

  /// mmap(2) of the buffer.
  ///
  /// Not every buffer can be mapped: a driver may refuse it altogether, for writing, or beyond its
  /// last whole page.
  ///
  /// - Parameters:
  ///   - access: whether the CPU will write.
  ///   - count: bytes from the start; all of the buffer when left out.
  /// - Throws: `SystemCallError` when the driver refuses.
  public func map(
    _ access: MappedMemory.Access, count: Int? = nil
  ) throws(SystemCallError) -> Mapping {
    let memory = try MappedMemory(fd, count: count ?? size, access: access, of: name)
    return Mapping(buffer: self, memory: memory)
  }

  /// A mapped buffer. It keeps the buffer alive.
  public struct Mapping: ~Copyable, Sendable {
    private let buffer: DMABuffer
    private let memory: MappedMemory

    fileprivate init(buffer: DMABuffer, memory: consuming MappedMemory) {
      self.buffer = buffer
      self.memory = memory
    }

    /// The mapped length in bytes.
    public var count: Int { memory.count }

    /// Whether the memory went away during a read: the buffer must then be mapped again.
    public var isGone: Bool { memory.isGone }

    /// Lets the CPU read, between DMA_BUF_IOCTL_SYNC's start and end, which make caches coherent
    /// with the device. The bytes are valid only within `body`.
    ///
    /// - Throws: `SystemCallError` of DMA_BUF_IOCTL_SYNC; EFAULT when the memory went away during
    ///   the read; or the error of `body`.
    public func read<Result: ~Copyable>(
      _ body: (UnsafeRawBufferPointer) throws(SystemCallError) -> Result
    ) throws(SystemCallError) -> Result {
      try buffer.sync(start: true, UInt64(DMA_BUF_SYNC_READ))
      let result = try finishing(UInt64(DMA_BUF_SYNC_READ)) { () throws(SystemCallError) in
        try memory.read(body)
      }
      return result
    }

    /// Lets the CPU write, between DMA_BUF_IOCTL_SYNC's start and end. The bytes are valid only
    /// within `body`.
    ///
    /// - Throws: `SystemCallError` with EACCES when mapped for reading only.
    public func write<Result: ~Copyable>(
      _ body: (UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Result
    ) throws(SystemCallError) -> Result {
      let direction = UInt64(DMA_BUF_SYNC_READ) | UInt64(DMA_BUF_SYNC_WRITE)
      try buffer.sync(start: true, direction)
      let result = try finishing(direction) { () throws(SystemCallError) in
        try memory.write(body)
      }
      return result
    }

    private func finishing<Result: ~Copyable>(
      _ direction: UInt64, _ body: () throws(SystemCallError) -> Result
    ) throws(SystemCallError) -> Result {
      let result: Result
      do {
        result = try body()
      } catch {
        // The error of `body` says more than a failed end of access.
        try? buffer.sync(start: false, direction)
        throw error
      }
      try buffer.sync(start: false, direction)
      return result
    }
  }

  private func sync(start: Bool, _ direction: UInt64) throws(SystemCallError) {
    guard backing == .dmaBuf else { return }
    var sync = dma_buf_sync()
    sync.flags = direction | UInt64(start ? DMA_BUF_SYNC_START : DMA_BUF_SYNC_END)
    let kernel = fd.kernel
    let number = fd.rawValue
    // EAGAIN asks to be called again, like EINTR.
    while true {
      let answer = SystemCall.uninterrupted {
        withUnsafeMutablePointer(to: &sync) { kernel.ioctl(number, vgpu_DMA_BUF_IOCTL_SYNC, $0) }
      }
      if answer >= 0 { return }
      let errno = SystemCall.errno(answer)
      if errno == .resourceTemporarilyUnavailable { continue }
      throw SystemCallError(call: "DMA_BUF_IOCTL_SYNC", object: name, errno: errno)
    }
  }
}

extension DMABuffer.Backing {
  /// Identifies a descriptor's file by the kernel's account alone. Neither the sender of the
  /// descriptor nor the file can change the answer, and no file system's server is asked. fcntl(2)
  /// with F_GET_SEALS recognises memory files, statx(2) and fstatfs(2) recognise dma-bufs.
  ///
  /// - Parameters:
  ///   - fd: the descriptor, which stays the caller's.
  ///   - name: its name in errors.
  /// - Throws: `SystemCallError` when the file is neither a dma-buf nor a memory file that is
  ///   sealed against shrinking. A memory file without the seal can shrink, and an access to the
  ///   lost pages raises SIGBUS.
  public init(of fd: borrowing OwnedFileDescriptor, name: String) throws(SystemCallError) {
    let kernel = fd.kernel
    let number = fd.rawValue
    let seals = SystemCall.uninterrupted {
      kernel.fcntl(number, command: vgpu_F_GET_SEALS, argument: 0)
    }
    if seals >= 0 {
      guard seals & Int(vgpu_F_SEAL_SHRINK) != 0 else {
        throw SystemCallError(
          call: "fcntl(F_GET_SEALS)", object: name, errno: .notPermitted,
          remedy: "a memory file that can become shorter: seal it against that (F_SEAL_SHRINK)")
      }
      self = .memoryFile
      return
    }
    // fstatfs(2) of a file asks the server of its file system, which may never answer. No such file
    // system has files of a dma-buf's kind.
    guard try fd.status(of: name) == .anonymous else { throw Self.neither("statx", name) }
    let system = try SystemCall.make("fstatfs", on: name) { kernel.fileSystem(number) }
    guard
      system == Int(vgpu_DMA_BUF_MAGIC)
        || system == Int(vgpu_ANON_INODE_FS_MAGIC) && kernel.knowsSync(number)
    else { throw Self.neither("fstatfs", name) }
    self = .dmaBuf
  }

  private static func neither(_ call: String, _ name: String) -> SystemCallError {
    SystemCallError(
      call: call, object: name, errno: .invalidArgument,
      remedy: "neither a dma-buf nor a memory file")
  }
}

extension Kernel {
  /// Before Linux 5.3 dma-bufs had no file system of their own, but were anonymous files among the
  /// kernel's other ones. Only dma-bufs know DMA_BUF_IOCTL_SYNC and have a size. A call with zero
  /// flags changes nothing: a dma-buf refuses it with EINVAL.
  fileprivate func knowsSync(_ fd: Int32) -> Bool {
    var none = dma_buf_sync()
    let answer = SystemCall.uninterrupted {
      withUnsafeMutablePointer(to: &none) { ioctl(fd, vgpu_DMA_BUF_IOCTL_SYNC, $0) }
    }
    return SystemCall.errno(answer) == .invalidArgument && seekToEnd(fd) > 0
  }
}
