// SPDX-License-Identifier: Apache-2.0

import CLinux
import CVGPU
import Foundation
import HostDevices
import LinuxSystem
import TestPatterns
import Testing
import VFIO
import VGPUDisplay
import VGPUExports

extension RigTests {
  /// The functions of vgpu.h, on a vGPU that another process draws.
  @Suite struct VGPUExportsTests {
    private static func text<Characters>(_ characters: Characters) -> String {
      withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// A descriptor of the device that a process holds, as a manager has it that handed it over.
    private func device(of pid: Int32) throws -> (number: Int32, fd: Int32) {
      let found = try ProcessDevices.descriptors(of: RunningProcess(pid)).first { descriptor in
        if case .group = descriptor.target { false } else { true }
      }
      let number = try #require(found).number
      let pidfd = Int32(vgpu_pidfd_open(pid))
      defer { close(pidfd) }
      return (number, Int32(vgpu_pidfd_getfd(pidfd, number)))
    }

    @Test(.timeLimit(.minutes(15))) func aDeviceThatTheCallerHas() throws {
      try Rig.withGuest(
        "mbochs-medium", ["--mode", "640x480", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, guest in
        var error = vgpu_error()
        let device = try device(of: guest.pid)
        let opened = vgpu_source_open_fd(
          device.fd, "\(vGPU.uuid)", guest.pid, UInt32(VGPU_OPEN_MONITOR), &error)
        // It has a duplicate of its own.
        close(device.fd)
        let source = try #require(opened, "\(Self.text(error.message))")
        defer { vgpu_source_close(source) }
        #expect(vgpu_source_process(source) == guest.pid)
        try expectPicture(source)
        try expectMonitor(source, device.number, guest.pid)
        expectListed("\(vGPU.uuid)", guest.pid)

        let looking = vgpu_source_open("\(vGPU.uuid)", 0, -1, nil)
        defer { vgpu_source_close(looking) }
        #expect(vgpu_source_set_monitor(looking, 800, 600, 60, &error) == VGPU_ERROR_ARGUMENT)
        #expect(Self.text(error.message).contains("without VGPU_OPEN_MONITOR"))
        #expect(vgpu_source_monitor_limits(looking, nil, nil, &error) == VGPU_ERROR_ARGUMENT)
        var side: UInt32 = 0
        var other: UInt32 = 0
        #expect(
          vgpu_source_monitor_limits(looking, &side, &other, &error) == VGPU_ERROR_ARGUMENT)
        #expect(Self.text(error.message).contains("without VGPU_OPEN_MONITOR"))

        guest.kill()
        while vgpu_source_poll(source, nil) != VGPU_STATE_WAITING { usleep(20_000) }
        #expect(vgpu_source_process(source) == 0)
      }
      var error = vgpu_error()
      let uuid = "11223344-5566-7788-99aa-bbccddeeff00"
      #expect(vgpu_source_open_fd(0, uuid, getpid(), 0, &error) == nil)
      #expect(error.code == VGPU_ERROR_NOT_FOUND)
      try Rig.withVGPU("mbochs-small") { vGPU in
        #expect(vgpu_source_open_fd(0, "\(vGPU.uuid)", getpid(), 0, &error) == nil)
        #expect(error.code == VGPU_ERROR_UNSUPPORTED && error.system_errno == ENOTTY)
        #expect(vgpu_source_open("\(vGPU.uuid)", 0, -1, &error) == nil)
        #expect(error.code == VGPU_ERROR_NOT_RUNNING)
        let waiting = vgpu_source_open("\(vGPU.uuid)", UInt32(VGPU_OPEN_WAIT), -1, nil)
        #expect(vgpu_source_poll(waiting, nil) == VGPU_STATE_WAITING)
        #expect(vgpu_source_message(waiting, nil, 0) > 0)
        vgpu_source_close(waiting)
      }
    }

    private func expectPicture(_ source: OpaquePointer) throws {
      // mbochs answers ENOMEM to a mode's first query.
      while vgpu_source_poll(source, nil) == VGPU_STATE_TROUBLE { usleep(20_000) }
      try #require(vgpu_source_poll(source, nil) == VGPU_STATE_FRAME)
      let buffer = try #require(vgpu_source_get_buffer(source, Int32(VGPU_PLANE_PRIMARY), nil))
      defer { vgpu_buffer_release(buffer) }
      #expect(vgpu_source_get_buffer(source, Int32(VGPU_PLANE_CURSOR), nil) == nil)
      var info = vgpu_buffer_info()
      #expect(vgpu_buffer_describe(buffer, &info, nil) == VGPU_OK)
      #expect(info.storage == VGPU_STORAGE_DMABUF && info.width == 640 && info.height == 480)
      var rgb = [UInt8](repeating: 0, count: 640 * 480 * 3)
      #expect(vgpu_buffer_copy_rgb(buffer, &rgb, rgb.count, nil) == VGPU_OK)
      ScreenshotTests.expect(
        try #require(Picture(width: 640, height: 480, rgb: rgb)), shows: 77,
        of: TestPattern(width: 640, height: 480))
    }

    /// The guest gets another monitor, whose EDID the device then has.
    private func expectMonitor(_ source: OpaquePointer, _ number: Int32, _ pid: Int32) throws {
      var width: UInt32 = 0
      var height: UInt32 = 0
      #expect(vgpu_source_monitor_limits(source, &width, &height, nil) == VGPU_OK)
      #expect(width >= 800 && height >= 600)
      #expect(vgpu_source_set_monitor(source, 800, 600, 60, nil) == VGPU_OK)
      #expect(vgpu_source_set_monitor(source, width + 8, height, 60, nil) == VGPU_ERROR_UNSUPPORTED)
      var edid = [UInt8](repeating: 0, count: Int(VGPU_EDID_SIZE))
      #expect(vgpu_edid_make(800, 600, 60, nil, &edid, nil) == VGPU_OK)
      let device = try Device(duplicating: number, of: RunningProcess(pid), name: "vGPU")
      let found = try device.monitorPort()
      guard let port = consume found else {
        Issue.record("mbochs has an EDID region")
        return
      }
      while try !port.isLinkUp() || Array(try port.edid().prefix(edid.count)) != edid {
        try #require(vgpu_source_poll(source, nil) == VGPU_STATE_FRAME)
        usleep(20_000)
      }
    }

    private func expectListed(_ uuid: String, _ user: Int32) {
      var devices = [vgpu_device](repeating: vgpu_device(), count: 2)
      var count = 0
      #expect(vgpu_list(&devices, devices.count, &count, nil) == VGPU_OK)
      #expect(count == 1 && Self.text(devices[0].uuid) == uuid && devices[0].user == user)
      #expect(Self.text(devices[0].type) == "mbochs-medium" && devices[0].iommu_group >= 0)
      #expect(Self.text(devices[1].uuid).isEmpty)
      #expect(vgpu_list(nil, 0, &count, nil) == VGPU_OK && count == 1)
    }
  }
}
