// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A kernel that passes every call on, so that a test's kernel says only what it does differently.
protocol ForwardingKernel: Kernel {}

extension ForwardingKernel {
  private var real: RunningKernel { RunningKernel() }

  func open(_ path: String, flags: Int32) -> Int { real.open(path, flags: flags) }
  func close(_ fd: Int32) -> Int { real.close(fd) }
  func ioctl(_ fd: Int32, _ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int {
    real.ioctl(fd, request, argument)
  }
  func fcntl(_ fd: Int32, command: Int32, argument: Int) -> Int {
    real.fcntl(fd, command: command, argument: argument)
  }
  func status(_ fd: Int32, _ status: inout FileStatus) -> Int {
    real.status(fd, &status)
  }
  func pread(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, offset: UInt64) -> Int {
    real.pread(fd, buffer, offset: offset)
  }
  func pwrite(_ fd: Int32, _ buffer: UnsafeRawBufferPointer, offset: UInt64) -> Int {
    real.pwrite(fd, buffer, offset: offset)
  }
  func seekToEnd(_ fd: Int32) -> Int { real.seekToEnd(fd) }
  func truncate(_ fd: Int32, length: UInt64) -> Int { real.truncate(fd, length: length) }
  func map(_ fd: Int32, length: Int, protection: Int32, offset: UInt64) -> Int {
    real.map(fd, length: length, protection: protection, offset: offset)
  }
  func unmap(_ address: UnsafeMutableRawPointer, length: Int) -> Int {
    real.unmap(address, length: length)
  }
  func createMemoryFile(_ name: String, flags: UInt32) -> Int {
    real.createMemoryFile(name, flags: flags)
  }
  func openProcess(_ pid: Int32) -> Int { real.openProcess(pid) }
  func duplicate(_ fd: Int32, fromProcess pidfd: Int32) -> Int {
    real.duplicate(fd, fromProcess: pidfd)
  }
  func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, fd: Int32) -> Int {
    real.send(socket, bytes, fd: fd)
  }
  func receive(_ socket: Int32, _ bytes: UnsafeMutableRawBufferPointer, fds: inout [Int32]) -> Int {
    real.receive(socket, bytes, fds: &fds)
  }
  func fileSystem(_ fd: Int32) -> Int { real.fileSystem(fd) }
}

/// Says that there are instances left when there are none.
struct StaleCountKernel: ForwardingKernel {
  func pread(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, offset: UInt64) -> Int {
    let count = RunningKernel().pread(fd, buffer, offset: offset)
    if count == 2, buffer[0] == UInt8(ascii: "0") { buffer[0] = UInt8(ascii: "1") }
    return count
  }
}
