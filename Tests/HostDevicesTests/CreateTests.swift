// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import SystemPackage
import TestSupport
import Testing

@Suite struct CreateTests {
  private let gpu = "/sys/devices/pci0000:00/0000:00:02.0"
  private let type = "i915-GVTg_V5_4"
  private let uuid = MdevUUID.random()

  /// A kernel that creates and removes mdevs, complete or not.
  private func kernel(
    _ tree: SysfsTree, group: Int? = 30, hasGroupNode: Bool = true, vfio: Int? = 30,
    hasDeviceNode: Bool = true, removal: Errno? = nil
  ) -> MdevKernel {
    MdevKernel { path, text in
      let parts = path.dropFirst(tree.root.count).split(separator: "/").map(String.init)
      if parts.last == "create" {
        let parent = "/" + parts.dropLast(3).joined(separator: "/")
        try tree.mdev(
          text, type: parts[parts.count - 2], of: parent, driver: "fake", group: group,
          hasGroupNode: hasGroupNode, vfio: vfio, hasDeviceNode: hasDeviceNode)
      } else {
        if let removal { throw removal }
        try tree.removeMdev(parts[parts.count - 2])
      }
      return text.utf8.count
    }
  }

  private func host(_ tree: SysfsTree, _ kernel: MdevKernel) -> HostHardware {
    HostHardware(root: FilePath(tree.root), kernel: kernel)
  }

  @Test func createsAndRemoves() throws {
    let tree = try SysfsTree.gvtLaptop()
    let kernel = kernel(tree)
    let host = host(tree, kernel)
    let before = tree.everything().filter { $0.hasPrefix("/sys/bus") || $0.hasPrefix("/dev") }
    let device = try host.create(type: type, uuid: uuid)
    #expect(device.uuid == uuid)
    #expect(device.type == type)
    #expect(device.iommuGroup == 30)
    #expect(device.groupNode == "/dev/vfio/30")
    #expect(device.deviceNode == "/dev/vfio/devices/vfio30")
    #expect(try host.devices().count == 2)
    try host.remove(uuid)
    #expect(kernel.writes == ["\(type)/create \(uuid)", "\(uuid)/remove 1"])
    let after = tree.everything().filter { $0.hasPrefix("/sys/bus") || $0.hasPrefix("/dev") }
    #expect(Set(after).subtracting(before) == ["/sys/bus/mdev/drivers/fake"])
  }

  @Test func nodesOfOlderAndNewerKernels() throws {
    let tree = try SysfsTree.gvtLaptop()
    let older = try host(tree, kernel(tree, vfio: nil)).create(type: type)
    #expect(older.deviceNode == nil)
    let newer = try host(tree, kernel(tree, group: nil)).create(type: type)
    #expect(newer.groupNode == nil)
    #expect(newer.deviceNode == "/dev/vfio/devices/vfio30")
  }

  @Test func nodeThatComesLate() async throws {
    let tree = try SysfsTree.gvtLaptop()
    let host = host(tree, kernel(tree, hasGroupNode: false, vfio: nil))
    let udev = Thread {
      Thread.sleep(forTimeInterval: 0.1)
      try? tree.file("/dev/vfio/30")
    }
    udev.start()
    #expect(try host.create(type: type).groupNode == "/dev/vfio/30")
  }

  @Test func incompleteOnesAreRemovedAgain() throws {
    let tree = try SysfsTree.gvtLaptop()
    let cases: [(MdevKernel, MdevDefect)] = [
      (kernel(tree, group: nil, vfio: nil), .noGroup),
      (kernel(tree, hasGroupNode: false), .noNode(path: "/dev/vfio/30")),
      (kernel(tree, hasDeviceNode: false), .noNode(path: "/dev/vfio/devices/vfio30")),
    ]
    for (kernel, defect) in cases {
      #expect(throws: HostDevicesError.incomplete(uuid: uuid, defect: defect, remains: nil)) {
        try host(tree, kernel).create(type: type, uuid: uuid, timeout: .milliseconds(20))
      }
      #expect(kernel.writes.last == "\(uuid)/remove 1")
      #expect(tree.host.device(uuid) == nil)
    }
  }

  @Test func incompleteOneThatStays() throws {
    let tree = try SysfsTree.gvtLaptop()
    let kernel = kernel(tree, hasGroupNode: false, removal: .notPermitted)
    let error = #expect(throws: HostDevicesError.self) {
      try host(tree, kernel).create(type: type, uuid: uuid, timeout: .zero)
    }
    guard case .incomplete(uuid, .noNode(path: "/dev/vfio/30"), let remains?) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(remains.contains("needs root"))
  }

  @Test func mdevThatNeverAppears() throws {
    let tree = try SysfsTree.gvtLaptop()
    #expect(throws: HostDevicesError.incomplete(uuid: uuid, defect: .unlisted, remains: nil)) {
      try host(tree, MdevKernel()).create(type: type, uuid: uuid, timeout: .milliseconds(20))
    }
  }

  @Test(arguments: [
    (Errno.fileExists, "exists already"), (.noSpace, "no instances left"),
    (.tooManyUsers, "no instances left"), (.notPermitted, "needs root"),
    (.permissionDenied, "needs root"), (.ioError, "dmesg"), (.invalidArgument, "dmesg"),
    (.noSuchFileOrDirectory, "list the types again"), (.readOnlyFileSystem, "read-only"),
  ])
  func refusals(errno: Errno, remedy: String) throws {
    let tree = try SysfsTree.gvtLaptop()
    for kernel in [
      MdevKernel { _, _ in throw errno }, MdevKernel(opening: { _ in errno }),
    ] {
      let error = #expect(throws: HostDevicesError.self) {
        try host(tree, kernel).create(type: type, uuid: uuid)
      }
      #expect(error?.description.contains(remedy) == true)
      #expect(error?.description.contains("\n") == false)
      // An mdev that the kernel did not create may be somebody else's: it is left alone.
      #expect(!kernel.writes.contains { $0.hasSuffix("/remove 1") })
    }
  }

  @Test func halfAWrite() throws {
    let tree = try SysfsTree.gvtLaptop()
    let error = #expect(throws: HostDevicesError.self) {
      try host(tree, MdevKernel { _, _ in 3 }).create(type: type, uuid: uuid)
    }
    #expect(error?.errno == .ioError)
  }

  @Test func firstParentWithAnInstanceLeft() throws {
    let tree = try SysfsTree.twoGPUs()
    let host = host(tree, kernel(tree))
    #expect(try host.create(type: "i915-GVTg_V5_4").parent == "0000:03:00.0")
    try tree.file("/dev/vfio/31")
    #expect(try host.create(type: "i915-GVTg_V5_8").parent == "0000:00:02.0")
    #expect(
      throws: HostDevicesError.noInstancesLeft(
        type: "i915-GVTg_V5_4", parents: ["0000:00:02.0"])
    ) { try host.create(type: "i915-GVTg_V5_4", parent: "0000:00:02.0") }
  }

  @Test func noneLeftAnywhere() throws {
    let tree = try SysfsTree.twoGPUs(available: [[0, 0], [0, 0]])
    let kernel = kernel(tree)
    #expect(
      throws: HostDevicesError.noInstancesLeft(
        type: "i915-GVTg_V5_4", parents: ["0000:00:02.0", "0000:03:00.0"])
    ) { try host(tree, kernel).create(type: "i915-GVTg_V5_4") }
    #expect(kernel.writes.isEmpty)
  }

  @Test func sameNameForDifferentThings() throws {
    let tree = try SysfsTree.twoGPUs(available: [[1, 1], [1, 1]])
    let other = "/sys/devices/pci0000:00/0000:03:00.0/mdev_supported_types/i915-GVTg_V5_4"
    try tree.file("\(other)/description", "resolution: 1024x768\n")
    let host = host(tree, kernel(tree))
    #expect(
      throws: HostDevicesError.ambiguousType(
        id: "i915-GVTg_V5_4", parents: ["0000:00:02.0", "0000:03:00.0"])
    ) { try host.create(type: "i915-GVTg_V5_4") }
    #expect(
      try host.create(type: "i915-GVTg_V5_4", parent: "0000:03:00.0").parent == "0000:03:00.0")
    // With one of them used up there is nothing to choose.
    try tree.file("\(other)/available_instances", "0\n")
    #expect(try host.create(type: "i915-GVTg_V5_4").parent == "0000:00:02.0")
  }

  @Test func uncountedTypesAreAskedLast() throws {
    let tree = try SysfsTree.twoGPUs(available: [[1, 1], [1, 1]])
    try tree.remove("\(gpu)/mdev_supported_types/i915-GVTg_V5_4/available_instances")
    let host = host(tree, kernel(tree))
    #expect(try host.create(type: "i915-GVTg_V5_4").parent == "0000:03:00.0")
    let alone = try SysfsTree.gvtLaptop()
    try alone.remove("\(gpu)/mdev_supported_types/i915-GVTg_V5_4/available_instances")
    #expect(throws: Never.self) {
      try self.host(alone, kernel(alone)).create(type: "i915-GVTg_V5_4")
    }
  }

  @Test(arguments: [
    ("i915-gvtg_v5_4", "did you mean i915-GVTg_V5_4?"), ("i915-GVTg_V5_5", "did you mean"),
    ("V5_4", "did you mean i915-GVTg_V5_4?"), ("nvidia-63", "there are i915-GVTg_V5_4, i915"),
    ("", "there are"), ("../../..", "there are"), ("two\nlines", "\"two\\nlines\""),
    (String(repeating: "x", count: 100_000), "there are"),
  ])
  func unknownTypes(id: String, hint: String) throws {
    let tree = try SysfsTree.gvtLaptop()
    let error = #expect(throws: HostDevicesError.self) { try tree.host.create(type: id) }
    #expect(error?.description.contains(hint) == true)
    #expect(error?.description.contains("\n") == false)
    #expect(
      error == .unknownType(id: id, existing: ["i915-GVTg_V5_4", "i915-GVTg_V5_8"]))
  }
}
