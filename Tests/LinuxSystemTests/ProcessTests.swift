// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Threads, and the files of `/proc`.
@Suite struct ProcessTests {
  /// Whose end shows that a body has been released.
  private final class Witness: Sendable {
    let end: @Sendable () -> Void
    init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }
  }

  @Test func threadIsJoined() throws {
    let threads = Mutex<[pthread_t]>([])
    let thread = try SystemThread(for: "a test") {
      // A join that does not wait returns before this.
      SystemThread.sleep(for: .milliseconds(50))
      threads.withLock { $0.append(pthread_self()) }
    }
    thread.join()
    #expect(threads.withLock(\.self).count == 1)
    #expect(threads.withLock(\.self) != [pthread_self()])
  }

  @Test(.timeLimit(.minutes(15))) func detachedThreadReleasesItsBody() async throws {
    let hasEnded = Mutex(false)
    let witness = Witness { hasEnded.withLock { $0 = true } }
    try SystemThread.detach(for: "a test") { _ = witness }
    _ = consume witness
    // The time limit ends this wait, and none that blocks.
    try await eventually { hasEnded.withLock(\.self) }
  }

  /// Signals are the program's.
  @Test func threadTakesNoSignals() throws {
    // A thread begins with its maker's mask. The tests' pool blocks every signal, so this thread takes
    // one here, as a program's first thread does.
    var termination = sigset_t()
    var before = sigset_t()
    sigemptyset(&termination)
    sigaddset(&termination, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &termination, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let mask = Mutex<Int32>(-1)
    let thread = try SystemThread(for: "a test") {
      var set = sigset_t()
      pthread_sigmask(SIG_SETMASK, nil, &set)
      mask.withLock { $0 = sigismember(&set, SIGTERM) }
    }
    thread.join()
    #expect(mask.withLock(\.self) == 1)
  }

  @Test func sleepLasts() {
    let start = MonotonicInstant.now
    SystemThread.sleep(for: .milliseconds(20))
    #expect(start.duration(to: .now) >= .milliseconds(20))
    SystemThread.sleep(for: .zero)
    SystemThread.sleep(for: .seconds(-1))
  }

  @Test(.timeLimit(.minutes(15))) func endOfAProcessIsAwaited() async throws {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/cat")
    let input = Pipe()
    child.standardInput = input
    try child.run()
    let process = try RunningProcess(child.processIdentifier)
    let waits = Task { await process.waitForEnd() }
    let alsoWaits = Task {
      await process.waitForEnd()
      return process.hasEnded
    }
    // A task that is cancelled waits no longer.
    alsoWaits.cancel()
    #expect(await !alsoWaits.value)
    try input.fileHandleForWriting.close()
    await waits.value
    #expect(process.hasEnded)
    // At once.
    await process.waitForEnd()
    child.waitUntilExit()
  }

  @Test(.timeLimit(.minutes(15))) func argumentsOfAProcess() async throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "read x", "a b", ""]
    process.standardInput = Pipe()
    try process.run()
    // A SIGTERM may be blocked, as it is in the thread that has started it.
    defer { kill(process.processIdentifier, SIGKILL) }
    let pid = process.processIdentifier
    // The kernel shows a command line a moment after the start.
    try await eventually { try !ProcFiles.arguments(of: pid).isEmpty }
    #expect(try ProcFiles.arguments(of: pid) == ["/bin/sh", "-c", "read x", "a b", ""])
    #expect(ProcFiles.processes().contains(pid))
  }

  @Test func argumentsAreCutAtZeros() {
    #expect(ProcFiles.arguments(in: Array("a\0\0b c\0".utf8)) == ["a", "", "b c"])
    #expect(ProcFiles.arguments(in: []) == [])
    #expect(ProcFiles.arguments(in: [0x61, 0, 0xFF, 0xFE, 0]) == ["a", ""])
  }

  @Test func processThatIsNot() throws {
    let tree = try SysfsTree()
    try tree.file("/proc/7/cmdline", "a\0b")
    try tree.file("/proc/version", "x")
    let proc = tree.location("/proc")
    #expect(ProcFiles.processes(in: proc) == [7])
    // The order is the numbers', neither the texts' nor the folder's.
    for number in (9...40).reversed() { try tree.folder("/proc/\(number)") }
    #expect(ProcFiles.processes(in: proc) == [7] + Array(9...40))
    #expect(try ProcFiles.arguments(of: 7, in: proc) == ["a", "b"])
    let error = #expect(throws: SystemCallError.self) { try ProcFiles.arguments(of: 8, in: proc) }
    #expect(error?.errno == .noSuchFileOrDirectory)
  }

  @Test func texts() {
    #expect(ProcFiles.text("/proc/sys/kernel/ostype") == "Linux\n")
    #expect(ProcFiles.text("/proc/no such file") == nil)
    #expect(ProcFiles.text("/proc") == nil)
  }

  @Test func versions() throws {
    #expect(KernelVersion(release: "6.12.117+deb12-amd64") == KernelVersion(6, 12))
    #expect(KernelVersion(release: "5.15-rc1") == KernelVersion(5, 15))
    for text in ["", "6", "6.", "a.b", ".1", "1234567.1"] {
      #expect(KernelVersion(release: text) == nil)
    }
    #expect(
      KernelVersion(5, 15) > KernelVersion(4, 19) && KernelVersion(5, 4) < KernelVersion(5, 15))
    #expect("\(KernelVersion(6, 1))" == "6.1")
    #expect(try #require(KernelVersion.running) > KernelVersion(4, 0))
  }

  @Test func instants() {
    let instant = MonotonicInstant(nanoseconds: 5_000_000_000)
    #expect(instant.advanced(by: .seconds(2)).nanoseconds == 7_000_000_000)
    #expect(instant.advanced(by: .milliseconds(-1)).nanoseconds == 4_999_000_000)
    #expect(instant.advanced(by: .seconds(-6)).nanoseconds == 0)
    #expect(instant.advanced(by: .seconds(Int64.min)).nanoseconds == 0)
    #expect(
      instant.advanced(by: .seconds(Int64.max)).nanoseconds == UInt64(Int64.max) + 5_000_000_000)
    #expect(
      MonotonicInstant(nanoseconds: .max).advanced(by: .seconds(1)).nanoseconds == .max)
    #expect(instant.duration(to: MonotonicInstant(nanoseconds: 4_000_000_000)) == .seconds(-1))
    #expect(instant.duration(to: instant) == .zero)
  }
}
