// SPDX-License-Identifier: Apache-2.0

import Foundation
import QEMU
import Testing

/// Programs that are started, and how they end.
@Suite struct GuestProcessTests {
  private func run(
    _ words: String..., descriptors: [Int32] = []
  ) throws -> (process: GuestProcess, output: String) {
    let ends = Pipe()
    let process = try GuestProcess(
      words[0], Array(words.dropFirst()), output: ends.fileHandleForWriting.fileDescriptor,
      descriptors: descriptors)
    try ends.fileHandleForWriting.close()
    let text = String(decoding: ends.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    return (process, text)
  }

  @Test func processesGetOnlyWhatIsNamed() throws {
    let other = Pipe()
    let (process, text) = try run(
      "/bin/ls", "/proc/self/fd",
      descriptors: [other.fileHandleForReading.fileDescriptor, 0, 1])
    // 6 is ls's own, of the folder.
    #expect(text.split(separator: "\n").sorted() == ["0", "1", "2", "3", "4", "5", "6"])
    #expect(process.waitForEnd() == .exited(0))
  }

  /// A program that was started without a standard output may have anything there.
  @Test(arguments: [Int32(0), 1, 2])
  func whatIsHandedOverKeepsItsPlace(number: Int32) throws {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
    let (process, text) = try run(
      "/bin/sh", "-c", "readlink /proc/self/fd/3", descriptors: [number])
    #expect(text == "\(own)\n")
    #expect(process.waitForEnd() == .exited(0))
  }

  @Test func endsAreTold() throws {
    #expect(try run("/bin/sh", "-c", "exit 3").process.waitForEnd() == .exited(3))
    let sleeper = try GuestProcess("/bin/sleep", ["1000"], output: 2, descriptors: [])
    #expect(sleeper.end() == nil)
    sleeper.kill()
    #expect(sleeper.waitForEnd() == .killed(SIGKILL))
    #expect(sleeper.end() == .killed(SIGKILL))
    sleeper.kill()
    // Another part of the program has waited for all children.
    let taken = try GuestProcess("/bin/true", [], output: 2, descriptors: [])
    #expect(waitpid(taken.pid, nil, 0) == taken.pid)
    #expect(taken.end() == .unknown)
    #expect(taken.waitForEnd() == .unknown)
  }

  /// The kernel gives numbers again; here it is asked to.
  @Test(
    .enabled(
      if: access("/proc/sys/kernel/ns_last_pid", W_OK) == 0 && geteuid() == 0,
      "only root can choose the next process number"))
  func nextProcessOfThatNumberIsNotKilled() throws {
    let ended = try GuestProcess("/bin/true", [], output: 2, descriptors: [])
    #expect(ended.waitForEnd() == .exited(0))
    for _ in 0..<1000 {
      try "\(ended.pid - 1)".write(
        toFile: "/proc/sys/kernel/ns_last_pid", atomically: false, encoding: .utf8)
      let next = try GuestProcess("/bin/sleep", ["1000"], output: 2, descriptors: [])
      guard next.pid == ended.pid else {
        next.kill()
        _ = next.waitForEnd()
        continue
      }
      ended.kill()
      // The first signal that ends it is the one that is told.
      kill(next.pid, SIGTERM)
      #expect(next.waitForEnd() == .killed(SIGTERM))
      return
    }
    Issue.record("the number was not given again")
  }
}
