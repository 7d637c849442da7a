// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VFIO

@Suite struct ProcessDevicesTests {
  /// A captured `/proc`: folders with dangling links, as the kernel's own look to readlink(2).
  private func withProc(
    _ processes: [String: [String: String]], _ body: (String) throws -> Void
  ) throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("proc-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    for (pid, links) in processes {
      let folder = root.appendingPathComponent("\(pid)/fd")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for (number, target) in links {
        try FileManager.default.createSymbolicLink(
          atPath: folder.appendingPathComponent(number).path, withDestinationPath: target)
      }
    }
    try body(root.path)
  }

  @Test func findsDevicesCdevsAndGroups() throws {
    try withProc([
      "12": [
        "0": "/dev/null", "3": "anon_inode:[vfio-device]", "22": "/dev/vfio/devices/vfio0",
        "7": "/dev/vfio/41", "5": "/dev/vfio/vfio", "6": "anon_inode:[eventfd]", "x": "/dev/vfio/1",
      ],
      "7": ["9": "anon_inode:[vfio-device]"],
      "self": ["1": "anon_inode:[vfio-device]"],
    ]) { proc in
      let one = try ProcessDevices.descriptors(ofProcess: 12, proc: proc)
      #expect(one.map(\.number) == [3, 7, 22])
      #expect(
        one.map(\.target) == [
          .device, .group(number: 41), .cdev(path: "/dev/vfio/devices/vfio0"),
        ])
      #expect(try ProcessDevices.all(proc: proc).map(\.pid) == [7, 12, 12, 12])
    }
  }

  @Test func missingProcessIsNamed() {
    let error = #expect(throws: VFIOError.self) {
      try ProcessDevices.descriptors(ofProcess: 1 << 30)
    }
    #expect(error?.errno == .noSuchFileOrDirectory)
    #expect(error?.description.contains("no such process") == true)
  }

  @Test func thisProcessCanBeRead() throws {
    #expect(try ProcessDevices.descriptors(ofProcess: getpid()).isEmpty)
  }
}
