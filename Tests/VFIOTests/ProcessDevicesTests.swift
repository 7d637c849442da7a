// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import VFIO

@Suite struct ProcessDevicesTests {
  private let tree: SysfsTree
  private let process: RunningProcess

  init() throws {
    tree = try SysfsTree()
    // What is looked at must run; what it has open, the tree says.
    process = try RunningProcess(getpid())
  }

  private func descriptors() throws -> [ProcessDescriptor] {
    try ProcessDevices.descriptors(
      of: process, proc: tree.location("/proc"), sys: tree.location("/sys"))
  }

  /// A character device of this machine's as sysfs has it.
  private func number(_ device: String, as folder: String) throws -> DeviceNumber {
    try tree.number(folder, asOf: device)
    let text = try String(contentsOfFile: tree.location("\(folder)/dev"), encoding: .utf8)
    let number = try #require(DeviceNumber(String(text.dropLast())))
    try tree.link("/sys/dev/char/\(number)", to: folder)
    return number
  }

  @Test func cdevsAndGroupsByTheirNumbers() throws {
    let pid = process.pid
    let group = try number("/dev/null", as: "/sys/devices/virtual/vfio/41")
    _ = try number("/dev/zero", as: "/sys/devices/virtual/mbochs/mbochs/uuid/vfio-dev/vfio0")
    _ = try number("/dev/full", as: "/sys/devices/virtual/misc/vfio")
    // In another mount namespace, and in a container that has it elsewhere.
    try tree.process(pid, has: 7, of: "/dev/null", as: "/dev/vfio/12")
    try tree.process(pid, has: 22, of: "/dev/zero", as: "/vfio0")
    try tree.process(pid, has: 5, of: "/dev/full", as: "/dev/vfio/vfio")
    try tree.process(pid, has: 4, of: "/dev/urandom", as: "/dev/vfio/13")
    let found = try descriptors()
    #expect(found.map(\.number) == [7, 22])
    #expect(
      found.map(\.target) == [
        .group(number: 41, device: group), .cdev(path: "/dev/vfio/devices/vfio0"),
      ])
  }

  @Test func filesThatReadLikeDevicesAreNone() throws {
    let pid = process.pid
    _ = try number("/dev/null", as: "/sys/devices/virtual/vfio/41")
    try tree.file("/dev/vfio/41")
    try tree.file("/anon_inode:[vfio-device]")
    try tree.process(pid, has: 3, of: tree.location("/dev/vfio/41"), as: "/dev/vfio/41")
    try tree.process(pid, has: 4, of: "/dev/null", as: "/dev/vfio/41", flags: "010000000")
    try tree.process(
      pid, has: 5, of: tree.location("/anon_inode:[vfio-device]"), as: "/anon_inode:[vfio-device]")
    try tree.rawLink("/proc/\(pid)/fd/6", to: "anon_inode:[vfio-device]")
    #expect(try descriptors().isEmpty)
  }

  @Test func processThatHasEndedIsNamed() throws {
    // It ends when its input does: one that ends at once may be reaped before it is looked at.
    let child = Process()
    let input = Pipe()
    child.executableURL = URL(filePath: "/bin/cat")
    child.standardInput = input
    try child.run()
    let ended = try RunningProcess(child.processIdentifier)
    try input.fileHandleForWriting.close()
    child.waitUntilExit()
    #expect(ended.hasEnded)
    // Whoever has its number now: what it reads as is not taken for the first one's.
    try tree.folder("/proc/\(ended.pid)/fd")
    let error = #expect(throws: VFIOError.self) {
      try ProcessDevices.descriptors(of: ended, proc: tree.location("/proc"))
    }
    #expect(error?.errno == .noSuchProcess)
  }

  @Test func thisProcessCanBeRead() throws {
    #expect(try ProcessDevices.descriptors(of: process).isEmpty)
  }
}
