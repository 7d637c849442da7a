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

  private func host(_ kernel: MdevKernel) -> HostHardware {
    HostHardware(root: FilePath(tree.root), kernel: kernel)
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

  /// A node and the number that its driver has for it, of a device that every machine has.
  private static let nodes = [
    ("/dev/vfio/12", "/sys/class/vfio/12", "/dev/null"),
    ("/dev/vfio/devices/vfio0", "/sys/class/vfio-dev/vfio0", "/dev/zero"),
  ]

  private func numberNodes() throws {
    for (_, folder, device) in Self.nodes { try tree.number(folder, asOf: device) }
  }

  @Test(arguments: nodes)
  func processHasItOpen(node: String, folder: String, device: String) throws {
    try numberNodes()
    try tree.process(4711, has: 7, of: device, as: node)
    try tree.process(4711, has: 8, of: "/dev/full", as: "/dev/vfio/devices/vfio7")
    try tree.process(9, has: 3, of: "/dev/full", as: "/dev/vfio/vfio")
    try tree.file("/proc/77/fd")
    try tree.folder("/proc/self/fd")
    let kernel = MdevKernel()
    let error = removal(by: kernel)
    #expect(error == .inUse(uuid, processes: [4711]))
    #expect(error?.description.contains("4711") == true)
    #expect(kernel.writes.isEmpty)
    #expect(tree.host.users(of: uuid) == [4711])
  }

  /// Files that any user makes: in a mount namespace of his own, by that name; a node on a file system
  /// of his own (FUSE, a stick), which he can refer to and not open; a socket.
  @Test func linksThatOnlyReadLikeIt() throws {
    try numberNodes()
    try tree.process(4711, has: 7, of: tree.location("/dev/vfio/12"), as: "/dev/vfio/12")
    try tree.process(4711, has: 8, of: "/dev/null", as: "/dev/vfio/12", flags: "010000000")
    try tree.process(4711, has: 9, of: "/dev/full", as: "/dev/vfio/12")
    try tree.process(4711, has: 10, of: "/nowhere", as: "/dev/vfio/12")
    #expect(tree.host.users(of: uuid).isEmpty)
    let kernel = MdevKernel()
    _ = removal(by: kernel)
    #expect(kernel.writes == ["\(uuid)/remove 1"])
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
