// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing
import VFIO

@testable import HostDevices

/// Against a real kernel with the sample drivers mbochs and mdpy, as root.
@Suite(
  .serialized,
  .enabled(
    if: ProcessInfo.processInfo.environment["VGPU_RIG"] != nil,
    "runs in the rig: Scripts/test or Rig/run"))
struct RigTests {
  let host = HostHardware()

  /// Runs `body`, then removes what it created, and checks that nothing is left behind.
  private func leavingNothing(_ body: () throws -> Void) throws {
    let before = try host.devices()
    let types = try host.types()
    defer {
      for device in (try? host.devices()) ?? [] where !before.contains(device) {
        try? host.remove(device.uuid)
      }
    }
    try body()
    #expect(try host.devices() == before)
    #expect(try host.types() == types)
    #expect(try host.iommuGroups().flatMap(\.devices) == before.map(\.uuid.description))
  }

  @Test func parentsAndTypes() throws {
    let parents = try host.parents()
    #expect(parents.map(\.name).filter { $0 != "mtty" } == ["mbochs", "mdpy"])
    #expect(parents.first?.path == "/sys/devices/virtual/mbochs/mbochs")
    #expect(parents.allSatisfy { $0.pciAddress == nil && $0.renderNode == nil })
    let types = try host.types()
    #expect(types.contains { $0.id == "mdpy-hd" && $0.parent == "mdpy" })
    let small = try #require(types.first { $0.id == "mbochs-small" })
    #expect(small.description == "virtual display, 4 MB video memory")
    #expect(small.deviceAPI == "vfio-pci")
    #expect(small.availableInstances == 64)
  }

  @Test(arguments: ["mbochs-small", "mbochs-large", "mdpy-vga", "mdpy-hd"])
  func createAndRemove(type: String) throws {
    try leavingNothing {
      let uuid = MdevUUID.random()
      let device = try host.create(type: type, uuid: uuid)
      #expect(device.uuid == uuid)
      #expect(device.type == type)
      #expect(type.hasPrefix(device.parent))
      #expect(device.driver == device.parent)
      #expect(try host.devices() == [device])
      let group = try #require(device.iommuGroup)
      #expect(device.groupNode == "/dev/vfio/\(group)")
      #expect(
        try host.iommuGroups().first { $0.number == group }?.devices == [uuid.description])
      let node = try #require(device.deviceNode)
      #expect(FileTree.exists(node))
      try host.remove(uuid)
      #expect(host.device(uuid) == nil)
      #expect(!FileTree.exists(node))
    }
  }

  @Test func sameUUIDTwice() throws {
    try leavingNothing {
      let device = try host.create(type: "mbochs-small")
      #expect(throws: HostDevicesError.uuidInUse(device.uuid)) {
        try host.create(type: "mdpy-vga", uuid: device.uuid)
      }
      #expect(try host.devices() == [device])
      try host.remove(device.uuid)
    }
  }

  @Test func removingAMissingOne() throws {
    let uuid = MdevUUID.random()
    #expect(throws: HostDevicesError.noSuchDevice(uuid, existing: [])) { try host.remove(uuid) }
  }

  @Test(arguments: ["mbochs-large", "mdpy-hd"])
  func exhaustion(type: String) throws {
    try leavingNothing {
      var made: [MdevUUID] = []
      let refusal = #expect(throws: HostDevicesError.self) {
        while made.count < 100 { made.append(try host.create(type: type).uuid) }
      }
      #expect(made.count == 4)
      #expect(
        refusal
          == .noInstancesLeft(type: type, parents: [String(type.prefix { $0 != "-" })]))
      for uuid in made { try host.remove(uuid) }
    }
  }

  /// The driver's own refusal (ENOSPC of mbochs, EUSERS of the mdev core), which comes when
  /// somebody else took the last instance after it was counted.
  @Test(arguments: ["mbochs-large", "mdpy-hd"])
  func exhaustionBehindOurBack(type: String) throws {
    try leavingNothing {
      let stale = HostHardware(kernel: StaleCountKernel())
      let made = try (0..<4).map { _ in try host.create(type: type).uuid }
      let parent = String(type.prefix { $0 != "-" })
      #expect(throws: HostDevicesError.noInstancesLeft(type: type, parents: [parent])) {
        try stale.create(type: type)
      }
      for uuid in made { try host.remove(uuid) }
    }
  }

  @Test(arguments: [true, false])
  func removingOneInUse(byItsGroup: Bool) throws {
    try leavingNothing {
      let device = try host.create(type: "mbochs-small")
      do {
        let node = try #require(byItsGroup ? device.groupNode : device.deviceNode)
        let holder = try OwnedFileDescriptor.open(node, flags: O_RDWR)
        #expect(throws: HostDevicesError.inUse(device.uuid, processes: [getpid()])) {
          try host.remove(device.uuid)
        }
        _ = consume holder
      }
      #expect(host.device(device.uuid) == device)
      try host.remove(device.uuid)
    }
  }

  /// What a viewer holds after the guest has ended: a device, whose group is closed.
  @Test func removingOneOfWhichOnlyTheDeviceIsOpen() throws {
    try leavingNothing {
      let device = try host.create(type: "mbochs-small")
      do {
        let container = try Container()
        let open = try {
          let group = try Group(number: try #require(device.iommuGroup))
          try group.setContainer(container)
          try container.setIOMMU(.type1v2)
          return try group.device(named: device.uuid.description)
        }()
        #expect(throws: HostDevicesError.inUse(device.uuid, processes: [])) {
          try host.remove(device.uuid)
        }
        _ = consume open
      }
      try host.remove(device.uuid)
    }
  }

  @Test func unknownNames() throws {
    #expect(throws: HostDevicesError.unknownParent(name: "gpu", existing: try parentNames())) {
      try host.create(type: "mbochs-small", parent: "gpu")
    }
    let error = #expect(throws: HostDevicesError.self) { try host.create(type: "mboch-small") }
    #expect(
      error?.description
        == "\"mboch-small\": no such mdev type; did you mean mbochs-small?")
    #expect(
      throws: HostDevicesError.unknownType(
        id: "mbochs-small", existing: ["mdpy-hd", "mdpy-vga", "mdpy-xga"])
    ) {
      try host.create(type: "mbochs-small", parent: "mdpy")
    }
  }

  private func parentNames() throws -> [String] { try host.parents().map(\.name) }
}
