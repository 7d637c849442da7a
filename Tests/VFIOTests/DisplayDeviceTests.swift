// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import VFIO

@Suite struct DisplayDeviceTests {
  let kernel = FakeKernel()

  private func makeDisplay() -> DisplayDevice {
    DisplayDevice(
      owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: "mdev 1")
  }

  private func onQuery(_ answer: @escaping @Sendable (inout vfio_device_gfx_plane_info) -> Int) {
    kernel.onIoctl(vgpu_VFIO_DEVICE_QUERY_GFX_PLANE) { _, argument in
      guard let plane = argument?.assumingMemoryBound(to: vfio_device_gfx_plane_info.self)
      else { return -14 }
      return answer(&plane.pointee)
    }
  }

  private static let probeDMABuf: UInt32 = 1 << 0 | 1 << 1
  private static let probeRegion: UInt32 = 1 << 0 | 1 << 2
  private static let answers: [(Set<UInt32>, PlaneTransport?)] = [
    ([probeDMABuf], .dmaBuf), ([probeRegion], .region), ([probeDMABuf, probeRegion], .dmaBuf),
    ([], nil),
  ]

  @Test(arguments: answers) func transportIsProbedBothWays(
    accepted: Set<UInt32>, expected: PlaneTransport?
  ) throws {
    onQuery { accepted.contains($0.flags) ? 0 : -22 }
    #expect(try makeDisplay().transport() == expected)
  }

  @Test func deviceThatIsGoneIsNoDeviceWithoutDisplay() {
    onQuery { _ in -19 }
    #expect(throws: VFIOError.self) { try makeDisplay().transport() }
  }

  @Test func everyQueryBeginsWithZeroes() throws {
    // i915 leaves the structure as it was for a plane that is off.
    let display = makeDisplay()
    onQuery { plane in
      guard plane.argsz == 64, plane.flags == 1 << 1, plane.width == 0, plane.dmabuf_id == 0,
        plane.drm_format == 0, plane.drm_format_mod == 0
      else { return -22 }
      if plane.drm_plane_type == 1 {
        plane.drm_format = 0x3432_5258
        plane.width = 1024
        plane.height = 768
        plane.size = 1024 * 768 * 4
        plane.dmabuf_id = 5
      }
      return 0
    }
    let primary = try display.query(.primary, .dmaBuf)
    #expect(primary.width == 1024)
    #expect(primary.handle == 5)
    #expect(!primary.isOff)
    let cursor = try display.query(.cursor, .dmaBuf)
    #expect(cursor.isOff)
    #expect(cursor.width == 0)
  }

  @Test func dmaBufsAreCloseOnExecAndClosedOnce() throws {
    let display = makeDisplay()
    let kernel = kernel
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_GFX_DMABUF) { _, argument in
      argument?.load(as: UInt32.self) == 7 ? Int(kernel.makeFD()) : -2
    }
    do {
      let buffer = try display.dmaBuf(7)
      // F_SETFD with FD_CLOEXEC
      #expect(
        kernel.calls.contains { $0.name == "fcntl 2" && $0.fd == buffer.rawValue && $0.value == 1 })
      #expect(kernel.openFDs.contains(buffer.rawValue))
    }
    #expect(kernel.openFDs.count == 1)
    #expect(throws: VFIOError.self) { _ = try display.dmaBuf(8) }
    #expect(kernel.openFDs.count == 1)
  }

  @Test func monitorPortUsesFourByteAccesses() throws {
    kernel.setContents([UInt8](repeating: 0, count: 4096))
    let device = try makeDevice(kernel, regions: 2)
    kernel.onIoctl(vgpu_VFIO_DEVICE_GET_REGION_INFO) { _, argument in
      guard let argument else { return -14 }
      // The first is counted and not there, as vfio-pci's region of legacy VGA is.
      guard argument.load(fromByteOffset: 8, as: UInt32.self) == 1 else { return -22 }
      let room = argument.load(as: UInt32.self)
      var info = vfio_region_info()
      info.argsz = 48
      info.flags = UInt32(
        VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_CAPS)
      info.cap_offset = room >= 48 ? 32 : 0
      info.size = 24
      info.offset = 0x100
      argument.storeBytes(of: info, as: vfio_region_info.self)
      if room >= 48 {
        (argument + 32).storeBytes(of: 0x0001_0002, as: UInt32.self)
        (argument + 40).storeBytes(of: 1, as: UInt32.self)
        (argument + 44).storeBytes(of: 1, as: UInt32.self)
      }
      return 0
    }
    // edid_offset beyond the region, as i915 has it; edid_max_size 128; no size set; 1920x1200.
    var header = [UInt8](repeating: 0, count: 4096)
    func put(_ value: UInt32, _ offset: Int) {
      withUnsafeBytes(of: value) { header.replaceSubrange(offset..<offset + 4, with: $0) }
    }
    put(512, 0x100)
    put(128, 0x104)
    put(1920, 0x10C)
    put(1200, 0x110)
    put(2, 0x114)
    kernel.setContents(header)
    let found = try device.monitorPort()
    guard let port = consume found else {
      Issue.record("no EDID region found")
      return
    }
    #expect(port.maximumEDIDSize == 128)
    #expect(port.maximumSize?.width == 1920)
    #expect(port.maximumSize?.height == 1200)
    #expect(try !port.isLinkUp())
    #expect(try port.edid().isEmpty)
    let blob = (0..<128).map { UInt8($0) }
    try port.setEDID(blob)
    try port.setLink(up: true)
    #expect(Array(kernel.contents[0x300..<0x380]) == blob)
    #expect(try port.edid() == blob)
    #expect(try port.isLinkUp())
    let accesses = kernel.calls.filter { $0.name.hasPrefix("pread") || $0.name.hasPrefix("pwrite") }
    #expect(accesses.allSatisfy { $0.name == "pread 4" || $0.name == "pwrite 4" })
    #expect(throws: VFIOError.self) { try port.setEDID([UInt8](repeating: 0, count: 256)) }
    #expect(throws: VFIOError.self) { try port.setEDID([UInt8](repeating: 0, count: 127)) }
    #expect(throws: VFIOError.self) { try port.setEDID([]) }
  }
}
