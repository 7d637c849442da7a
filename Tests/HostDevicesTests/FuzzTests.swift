// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import HostDevices

/// Trees with random damage: whatever is there, lists hold only what was checked, and nothing is
/// written outside of the tree.
@Suite struct FuzzTests {
  @Test(arguments: 0..<150)
  func damagedTrees(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let tree = try seed.isMultiple(of: 2) ? SysfsTree.gvtLaptop() : SysfsTree.sampleDrivers()
    for _ in 0..<Int.random(in: 1...12, using: &random) { try damage(tree, &random) }

    let kernel = MdevKernel()
    let host = HostHardware(root: FilePath(tree.root), kernel: kernel)
    let parents = try host.parents()
    #expect(parents.map(\.name) == parents.map(\.name).sorted())
    for parent in parents {
      #expect(parent.path.hasPrefix("/sys/"))
      #expect(Sysfs.isName(parent.name))
    }
    let types = try host.types()
    for type in types { #expect(Sysfs.isName(type.id) && type.availableInstances ?? 0 >= 0) }
    let devices = try host.devices()
    #expect(devices.map(\.uuid) == devices.map(\.uuid).sorted())
    for node in devices.flatMap({ [$0.groupNode, $0.deviceNode] }).compactMap({ $0 }) {
      #expect(FileManager.default.fileExists(atPath: tree.location(node)))
    }
    let functions = try host.pciFunctions()
    #expect(functions.map(\.address) == functions.map(\.address).sorted())
    _ = try host.iommuGroups()

    // The kernel takes every write and does nothing: no mdev comes, and none goes.
    for type in types.prefix(2) {
      let error = #expect(throws: HostDevicesError.self) {
        try host.create(type: type.id, timeout: .zero)
      }
      #expect(error?.description.contains("\n") == false)
    }
    for device in devices {
      #expect(throws: HostDevicesError.self) { try host.remove(device.uuid, timeout: .zero) }
    }
    #expect(kernel.paths.allSatisfy { $0.hasPrefix(tree.root + "/") })
  }

  private func damage(_ tree: SysfsTree, _ random: inout SeededGenerator) throws {
    let all = tree.everything()
    guard let path = all.randomElement(using: &random),
      let other = all.randomElement(using: &random)
    else { return }
    // What lies below a folder or link that was replaced is gone: such damage is none.
    try? tree.remove(path)
    switch Int.random(in: 0..<9, using: &random) {
    case 0: break
    case 1: try? tree.file(path)
    case 2:
      let garbage = (0..<Int.random(in: 1...40, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      try? tree.file(path, bytes: Data(garbage))
    case 3: try? tree.folder(path)
    case 4: try? tree.rawLink(path, to: "gone")
    case 5: try? tree.rawLink(path, to: String(path.split(separator: "/").last ?? "x"))
    case 6: try? tree.rawLink(path, to: "/etc")
    case 7: try? tree.link(path, to: other)
    default: try? tree.file(path, String(UInt64.random(in: 0...UInt64.max, using: &random)))
    }
  }
}
