// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
import Synchronization
public import SystemPackage

/// A kernel that answers as a test says: for errors and answers that the real one does not give on
/// demand. A call that the test did not expect is answered with ENOSYS.
public final class FakeKernel: Kernel {
  /// One call that was made.
  public struct Call: Sendable, Hashable {
    public var name: String
    public var fd: Int32
    public var request: UInt
    /// An integer argument, an offset or a length.
    public var value: Int
  }

  public typealias Ioctl = @Sendable (_ fd: Int32, _ argument: UnsafeMutableRawPointer?) -> Int

  private struct State {
    var calls: [Call] = []
    var ioctls: [UInt: Ioctl] = [:]
    var paths: [String: Int] = [:]
    var open: Set<Int32> = []
    var closedTwice: [Int32] = []
    var nextFD: Int32 = 1000
    var interruptions = 0
    var contents: [UInt8] = []
    var longestTransfer = Int.max
    var size = 0
    var fileSystem = 0x444d_4142
    var seals: Int32?
    var received: (bytes: [UInt8], fd: Int32)?
    var pidfd: Int?
    var getfd: Int?
    var mapErrno: Errno?
    var status = FileStatus.anonymous
  }

  private let state = Mutex(State())

  public init() {}

  private func with<Result>(_ body: (inout sending State) -> sending Result) -> sending Result {
    state.withLock { body(&$0) }
  }

  // MARK: What a test sets and sees

  /// What the next calls find: every call fails with EINTR this many times first.
  public func interrupt(_ times: Int) { with { $0.interruptions = times } }

  /// Answers an ioctl.
  public func onIoctl(_ request: UInt, _ answer: @escaping Ioctl) {
    with { $0.ioctls[request] = answer }
  }

  /// Answers open(2) of a path with an error.
  public func onOpen(_ path: String, fail errno: Errno) {
    with { $0.paths[path] = -Int(errno.rawValue) }
  }

  /// Lets open(2) of a path succeed.
  public func onOpen(_ path: String) { with { $0.paths[path] = 0 } }

  /// What pread(2) and pwrite(2) reach, and how many bytes one call moves at most.
  public func setContents(_ bytes: [UInt8], longestTransfer: Int = .max) {
    with {
      $0.contents = bytes
      $0.longestTransfer = longestTransfer
    }
  }

  public var contents: [UInt8] { with { $0.contents } }

  /// What lseek(2) to the end answers.
  public func setSize(_ size: Int) { with { $0.size = size } }

  /// What fstatfs(2) answers: the magic number of dma-bufs until it is told otherwise.
  public func setFileSystem(_ type: Int) { with { $0.fileSystem = type } }

  /// What F_GET_SEALS answers; `nil` for EINVAL, as for all that is no memory file.
  public func setSeals(_ seals: Int32?) { with { $0.seals = seals } }

  /// What recvmsg(2) answers.
  public func setReceived(_ bytes: [UInt8], fd: Int32) { with { $0.received = (bytes, fd) } }

  /// What pidfd_open(2) and pidfd_getfd(2) answer; negative is an errno.
  public func setProcess(pidfd: Int?, getfd: Int?) {
    with {
      $0.pidfd = pidfd
      $0.getfd = getfd
    }
  }

  /// What statx(2) tells of every descriptor; without it, of files that a driver made.
  public func setStatus(_ status: FileStatus) { with { $0.status = status } }

  /// Lets mmap(2) fail.
  public func failMap(_ errno: Errno?) { with { $0.mapErrno = errno } }

  /// A descriptor as a driver hands one out.
  public func makeFD() -> Int32 {
    with { state in
      state.nextFD += 1
      state.open.insert(state.nextFD)
      return state.nextFD
    }
  }

  public var calls: [Call] { with { $0.calls } }
  /// Descriptors that were handed out and not closed.
  public var openFDs: Set<Int32> { with { $0.open } }
  /// Descriptors that were closed without being open.
  public var closedTwice: [Int32] { with { $0.closedTwice } }

  // MARK: Kernel

  private func record(
    _ name: String, _ fd: Int32 = -1, request: UInt = 0, value: Int = 0
  ) -> Bool {
    with { state in
      state.calls.append(Call(name: name, fd: fd, request: request, value: value))
      guard state.interruptions > 0 else { return false }
      state.interruptions -= 1
      return true
    }
  }

  private static func failure(_ errno: Errno) -> Int { -Int(errno.rawValue) }

  public func open(_ path: String, flags: Int32) -> Int {
    if record("open \(path)", value: Int(flags)) { return Self.failure(.interrupted) }
    guard let answer = with({ $0.paths[path] }) else {
      return Self.failure(.noSuchFileOrDirectory)
    }
    return answer < 0 ? answer : Int(makeFD())
  }

  public func close(_ fd: Int32) -> Int {
    _ = record("close", fd)
    with { state in
      if state.open.remove(fd) == nil { state.closedTwice.append(fd) }
    }
    return 0
  }

  public func ioctl(_ fd: Int32, _ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int {
    if record("ioctl", fd, request: request, value: Int(bitPattern: argument)) {
      return Self.failure(.interrupted)
    }
    guard let answer = with({ $0.ioctls[request] }) else {
      return Self.failure(.inappropriateIOCTLForDevice)
    }
    return answer(fd, argument)
  }

  public func fcntl(_ fd: Int32, command: Int32, argument: Int) -> Int {
    if record("fcntl \(command)", fd, value: argument) { return Self.failure(.interrupted) }
    // F_DUPFD_CLOEXEC and F_GET_SEALS.
    switch command {
    case 1030: return Int(makeFD())
    case 1034:
      return with { $0.seals }.map(Int.init) ?? Self.failure(.invalidArgument)
    default: return 0
    }
  }

  public func status(_ fd: Int32, _ status: inout FileStatus) -> Int {
    if record("statx", fd) { return Self.failure(.interrupted) }
    status = with { $0.status }
    return 0
  }

  public func pread(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, offset: UInt64) -> Int {
    if record("pread \(buffer.count)", fd, value: Int(offset)) {
      return Self.failure(.interrupted)
    }
    let (contents, longest) = with { ($0.contents, $0.longestTransfer) }
    let start = min(Int(offset), contents.count)
    let part = contents[start..<min(contents.count, start + min(longest, buffer.count))]
    buffer.copyBytes(from: part)
    return part.count
  }

  public func pwrite(_ fd: Int32, _ buffer: UnsafeRawBufferPointer, offset: UInt64) -> Int {
    if record("pwrite \(buffer.count)", fd, value: Int(offset)) {
      return Self.failure(.interrupted)
    }
    let bytes = [UInt8](buffer)
    return with { state in
      let start = min(Int(offset), state.contents.count)
      let count = min(state.contents.count - start, state.longestTransfer, bytes.count)
      state.contents.replaceSubrange(start..<start + count, with: bytes.prefix(count))
      return count
    }
  }

  public func seekToEnd(_ fd: Int32) -> Int {
    if record("lseek", fd) { return Self.failure(.interrupted) }
    return with { $0.size }
  }

  public func truncate(_ fd: Int32, length: UInt64) -> Int {
    record("ftruncate", fd, value: Int(length)) ? Self.failure(.interrupted) : 0
  }

  public func map(_ fd: Int32, length: Int, protection: Int32, offset: UInt64) -> Int {
    if record("mmap \(length)", fd, value: Int(offset)) { return Self.failure(.interrupted) }
    if let errno = with({ $0.mapErrno }) { return Self.failure(errno) }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: length)
    return Int(bitPattern: memory)
  }

  public func unmap(_ address: UnsafeMutableRawPointer, length: Int) -> Int {
    _ = record("munmap \(length)")
    address.deallocate()
    return 0
  }

  public func createMemoryFile(_ name: String, flags: UInt32) -> Int {
    record("memfd_create", value: Int(flags)) ? Self.failure(.interrupted) : Int(makeFD())
  }

  public func openProcess(_ pid: Int32) -> Int {
    if record("pidfd_open", value: Int(pid)) { return Self.failure(.interrupted) }
    return with { $0.pidfd } ?? Int(makeFD())
  }

  public func duplicate(_ fd: Int32, fromProcess pidfd: Int32) -> Int {
    if record("pidfd_getfd", pidfd, value: Int(fd)) { return Self.failure(.interrupted) }
    return with { $0.getfd } ?? Int(makeFD())
  }

  public func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, fd: Int32) -> Int {
    record("sendmsg", socket, value: Int(fd)) ? Self.failure(.interrupted) : bytes.count
  }

  public func receive(
    _ socket: Int32, _ bytes: UnsafeMutableRawBufferPointer, fds: inout [Int32]
  ) -> Int {
    fds.removeAll()
    if record("recvmsg", socket) { return Self.failure(.interrupted) }
    guard let received = with({ $0.received }) else {
      return Self.failure(.resourceTemporarilyUnavailable)
    }
    if received.fd >= 0 { fds = [received.fd] }
    bytes.copyBytes(from: received.bytes)
    return received.bytes.count
  }

  public func fileSystem(_ fd: Int32) -> Int {
    if record("fstatfs", fd) { return Self.failure(.interrupted) }
    return with { $0.fileSystem }
  }
}
