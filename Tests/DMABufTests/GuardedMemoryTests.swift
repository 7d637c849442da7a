// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

/// Memory that goes while it is read, as a file does that somebody cuts short. Without the guard each of
/// these ends the test's process by SIGBUS.
@Suite(.serialized) struct GuardedMemoryTests {
  private static let size = 64 << 10

  private static func file() throws -> OwnedFileDescriptor {
    let kernel = RunningKernel()
    let number = try SystemCall.make("memfd_create", on: "test") {
      kernel.createMemoryFile("test", flags: 0)
    }
    let fd = OwnedFileDescriptor(owning: Int32(number))
    _ = try SystemCall.make("ftruncate", on: "test") {
      kernel.truncate(fd.rawValue, length: UInt64(size))
    }
    return fd
  }

  private static func cutShort(_ fd: borrowing OwnedFileDescriptor) {
    #expect(RunningKernel().truncate(fd.rawValue, length: 0) == 0)
  }

  private static func handler() -> UInt {
    var action = sigaction()
    sigaction(SIGBUS, nil, &action)
    return withUnsafeBytes(of: &action) { $0.load(as: UInt.self) }
  }

  @Test func readingAFileThatIsCutShortIsAnError() throws {
    let fd = try Self.file()
    let memory = try MappedMemory(fd, count: Self.size, access: .read, of: "picture")
    #expect(try memory.read { bytes throws(SystemCallError) in bytes[Self.size - 1] } == 0)
    #expect(!Bool(memory.isGone))
    let before = Self.handler()
    Self.cutShort(fd)
    for _ in 0..<3 {
      let error = #expect(throws: SystemCallError.self) {
        try memory.read { bytes throws(SystemCallError) in
          var copy = [UInt8](repeating: 7, count: Self.size)
          copy.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
          // The reader goes on, over empty pages.
          #expect(copy.allSatisfy { $0 == 0 })
        }
      }
      #expect(error?.errno == .badAddress && error?.object == "picture")
      #expect(Bool(memory.isGone))
    }
    #expect(Self.handler() == before, "the program's own handler is back")
  }

  @Test func writingItIsAnErrorToo() throws {
    let fd = try Self.file()
    let memory = try MappedMemory(fd, count: Self.size, access: .readWrite, of: "picture")
    Self.cutShort(fd)
    #expect(throws: SystemCallError.self) {
      try memory.write { bytes throws(SystemCallError) in
        _ = bytes.initializeMemory(as: UInt8.self, repeating: 1)
      }
    }
    let reading = try MappedMemory(fd, count: Self.size, access: .read, of: "picture")
    let error = #expect(throws: SystemCallError.self) {
      try reading.write { _ throws(SystemCallError) in }
    }
    #expect(error?.errno == .permissionDenied)
  }

  @Test func readingWithinReadingFindsOutBoth() throws {
    let fd = try Self.file()
    let memory = try MappedMemory(fd, count: Self.size, access: .read, of: "picture")
    var inner: SystemCallError?
    Self.cutShort(fd)
    #expect(throws: SystemCallError.self) {
      try memory.read { _ throws(SystemCallError) in
        do throws(SystemCallError) {
          _ = try memory.read { bytes throws(SystemCallError) in bytes[0] }
        } catch {
          inner = error
        }
      }
    }
    #expect(inner?.errno == .badAddress)
  }

  /// The package's own threads take no signals, and one that blocks this one is ended by it.
  @Test func aThreadThatBlocksTheSignalMayReadToo() throws {
    var bus = sigset_t()
    var before = sigset_t()
    var after = sigset_t()
    sigemptyset(&bus)
    sigaddset(&bus, SIGBUS)
    pthread_sigmask(SIG_BLOCK, &bus, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let fd = try Self.file()
    let memory = try MappedMemory(fd, count: Self.size, access: .read, of: "picture")
    Self.cutShort(fd)
    #expect(throws: SystemCallError.self) {
      try memory.read { bytes throws(SystemCallError) in _ = bytes[0] }
    }
    pthread_sigmask(SIG_BLOCK, nil, &after)
    #expect(sigismember(&after, SIGBUS) == 1)
  }

  @Test func aHandlerThatTheProgramSetsMeanwhileStays() throws {
    var before = sigaction()
    sigaction(SIGBUS, nil, &before)
    defer { sigaction(SIGBUS, &before, nil) }
    let fd = try Self.file()
    let memory = try MappedMemory(fd, count: Self.size, access: .read, of: "picture")
    try memory.read { _ throws(SystemCallError) in
      var own = before
      own.sa_flags |= SA_RESTART
      own.__sigaction_handler.sa_handler = { _ in }
      sigaction(SIGBUS, &own, nil)
    }
    var found = sigaction()
    sigaction(SIGBUS, nil, &found)
    #expect(found.sa_flags & SA_RESTART != 0)
  }

  @Test func noMoreGuardsThanThereAreIsAnError() throws {
    let fd = try Self.file()
    let memory = try MappedMemory(fd, count: Self.size, access: .read, of: "picture")
    func nested(_ depth: Int) throws(SystemCallError) -> Int {
      do {
        return try memory.read { _ throws(SystemCallError) in try nested(depth + 1) }
      } catch {
        guard error.errno == .resourceTemporarilyUnavailable else { throw error }
        return depth
      }
    }
    // Others of this process may read meanwhile.
    #expect((32...64).contains(try nested(0)))
    #expect(try memory.read { bytes throws(SystemCallError) in bytes[0] } == 0)
  }

  @Test func manyThreadsReadAtOnce() async throws {
    await withTaskGroup(of: Bool.self) { group in
      for index in 0..<16 {
        group.addTask {
          guard let fd = try? Self.file(),
            let memory = try? MappedMemory(fd, count: Self.size, access: .read, of: "\(index)")
          else { return false }
          let isShort = index % 2 == 0
          if isShort { Self.cutShort(fd) }
          for _ in 0..<50 {
            let sum = try? memory.read { bytes throws(SystemCallError) in
              bytes.reduce(0) { $0 + Int($1) }
            }
            if isShort != (sum == nil) { return false }
          }
          return true
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  /// Every other fault ends the process, as it did before.
  @Test func anotherFaultIsNotSwallowed() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let guarded = try Self.file()
      let other = try Self.file()
      let memory = try MappedMemory(guarded, count: Self.size, access: .read, of: "picture")
      let bare = try MappedMemory(other, count: Self.size, access: .read, of: "other")
      Self.cutShort(other)
      _ = try memory.read { _ throws(SystemCallError) in bare.bytes[0] }
    }
  }

  /// One that a program handles goes to its handler.
  @Test func aProgramsOwnHandlerIsCalled() async {
    await #expect(processExitsWith: .exitCode(42)) {
      var own = sigaction()
      own.__sigaction_handler.sa_handler = { _ in _exit(42) }
      sigaction(SIGBUS, &own, nil)
      let guarded = try Self.file()
      let memory = try MappedMemory(guarded, count: Self.size, access: .read, of: "picture")
      _ = try memory.read { _ throws(SystemCallError) in raise(SIGBUS) }
    }
  }
}
