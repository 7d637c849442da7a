// SPDX-License-Identifier: Apache-2.0

import HostDevices
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct RemoveTests {
  private let tree: SysfsTree
  private let uuid: MdevUUID

  init() throws {
    tree = try SysfsTree.gvtLaptop()
    uuid = try MdevUUID(parsing: SysfsTree.uuid2)
  }

  private func host(_ kernel: MdevKernel) -> HostDevices {
    HostDevices(root: FilePath(tree.root), kernel: kernel)
  }

  private func removal(by kernel: MdevKernel) -> HostDevicesError? {
    do {
      try host(kernel).remove(uuid, timeout: .milliseconds(20))
      return nil
    } catch {
      return error
    }
  }

  @Test func noSuchMdev() throws {
    let missing = MdevUUID.random()
    let error = #expect(throws: HostDevicesError.noSuchDevice(missing, existing: [uuid])) {
      try tree.host.remove(missing)
    }
    #expect(error?.description.contains("there are \(uuid)") == true)
  }

  @Test func kernelSaysBusy() {
    let error = removal(by: MdevKernel { _, _ in throw Errno.resourceBusy })
    #expect(error == .inUse(uuid, processes: []))
    #expect(error?.description.contains("/proc/[0-9]*/fd") == true)
  }

  @Test func groupIsOpenInAnotherContainer() {
    let kernel = MdevKernel(opening: { $0.hasSuffix("/dev/vfio/12") ? .resourceBusy : nil })
    #expect(removal(by: kernel) == .inUse(uuid, processes: []))
    #expect(kernel.writes.isEmpty)
  }

  @Test func viewerThatLetsGoAMomentLater() {
    let looks = Mutex(0)
    let kernel = MdevKernel(opening: { path in
      guard path.hasSuffix("/dev/vfio/12") else { return nil }
      return looks.withLock { looks in
        looks += 1
        return looks < 3 ? .resourceBusy : nil
      }
    })
    _ = removal(by: kernel)
    #expect(looks.withLock(\.self) == 3)
    #expect(kernel.writes == ["\(uuid)/remove 1"])
  }

  @Test func groupNodeThatMayNotBeOpened() {
    let kernel = MdevKernel(opening: { $0.hasSuffix("/dev/vfio/12") ? .permissionDenied : nil })
    #expect(removal(by: kernel) == .stillThere(uuid))
    #expect(kernel.writes == ["\(uuid)/remove 1"])
  }

  @Test(arguments: ["/dev/vfio/12", "/dev/vfio/devices/vfio0"])
  func processHasItOpen(node: String) throws {
    try tree.rawLink("/proc/4711/fd/7", to: tree.location(node))
    try tree.rawLink("/proc/4711/fd/8", to: "/dev/null")
    try tree.rawLink("/proc/9/fd/3", to: tree.location("/dev/vfio/vfio"))
    try tree.file("/proc/77/fd")
    try tree.folder("/proc/self/fd")
    let kernel = MdevKernel()
    let error = removal(by: kernel)
    #expect(error == .inUse(uuid, processes: [4711]))
    #expect(error?.description.contains("4711") == true)
    #expect(kernel.writes.isEmpty)
    #expect(tree.host.users(of: uuid) == [4711])
  }

  @Test(arguments: [Errno.notPermitted, .permissionDenied])
  func notRoot(errno: Errno) {
    let error = removal(by: MdevKernel { _, _ in throw errno })
    #expect(error?.errno == errno)
    #expect(error?.description.contains("needs root") == true)
  }

  @Test(arguments: [Errno.noSuchFileOrDirectory, .operationNotSupportedByDevice])
  func somebodyElseRemovesIt(errno: Errno) throws {
    let tree = tree
    let gone = removal(
      by: MdevKernel { _, _ in
        try tree.removeMdev(SysfsTree.uuid2)
        throw errno
      })
    #expect(gone == nil)
  }

  @Test func neverGone() {
    let error = removal(by: MdevKernel())
    #expect(error == .stillThere(uuid))
    #expect(error?.description.contains("dmesg") == true)
  }

  @Test func oneWithoutAType() throws {
    try tree.remove("/sys/devices/pci0000:00/0000:00:02.0/\(uuid)/mdev_type")
    let tree = tree
    #expect(
      removal(
        by: MdevKernel { _, text in
          try tree.remove("/sys/bus/mdev/devices/\(SysfsTree.uuid2)")
          return text.utf8.count
        }) == nil)
  }
}
