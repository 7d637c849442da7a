// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing
import VFIO

/// What goes to iommufd, on a fake kernel; `KernelTests` have the real one.
@Suite final class IOMMUFDTests {
  let kernel = FakeKernel()
  let iommufd: IOMMUFD
  let space: IOMMUFD.AddressSpace

  init() throws {
    kernel.onOpen("/dev/iommu")
    kernel.onIoctl(vgpu_IOMMU_IOAS_ALLOC) { _, argument in
      argument?.storeBytes(of: 77, toByteOffset: 8, as: UInt32.self)
      return 0
    }
    iommufd = try IOMMUFD(kernel: kernel)
    space = try iommufd.makeAddressSpace()
  }

  /// Answers a call, and keeps its argument.
  private func answer<Argument>(
    _ request: UInt, _: Argument.Type,
    _ body: @escaping @Sendable (inout Argument) -> Int = { _ in 0 }
  ) {
    kernel.onIoctl(request) { _, argument in
      guard let argument = argument?.assumingMemoryBound(to: Argument.self) else { return -14 }
      return body(&argument.pointee)
    }
  }

  @Test func memoryFileIsMapped() throws {
    answer(vgpu_IOMMU_IOAS_MAP_FILE, vgpu_iommu_ioas_map_file.self) { map in
      guard map.size == 40, map.ioas_id == 77, map.fd == 9, map.start == 0x1000,
        map.length == 0x3000
      else { return -22 }
      // Readable and writable; without a fixed address the kernel chooses.
      if map.flags == 6 { map.iova = 0x9000 }
      return map.flags == 6 || map.flags == 5 && map.iova == 0x10_0000 ? 0 : -22
    }
    #expect(
      try iommufd.map(file: 9, 0x1000..<0x4000, in: space, access: [.read, .write]) == 0x9000)
    #expect(
      try iommufd.map(file: 9, 0x1000..<0x4000, at: 0x10_0000, in: space, access: .read)
        == 0x10_0000)
  }

  @Test func mappingIsCopied() throws {
    answer(vgpu_IOMMU_IOAS_COPY, vgpu_iommu_ioas_copy.self) { copy in
      copy.size == 40 && copy.flags == 5 && copy.dst_ioas_id == 77 && copy.src_ioas_id == 77
        && copy.length == 0x2000 && copy.dst_iova == 0x8000 && copy.src_iova == 0x1000 ? 0 : -22
    }
    #expect(
      try iommufd.copy(0x1000..<0x3000, of: space, at: 0x8000, to: space, access: .read) == 0x8000)
  }

  @Test func allowedAddressesReachTheKernel() throws {
    answer(vgpu_IOMMU_IOAS_ALLOW_IOVAS, vgpu_iommu_ioas_allow_iovas.self) { request in
      guard request.size == 24, request.ioas_id == 77, request.num_iovas == 2,
        let ranges = UnsafePointer<vgpu_iommu_iova_range>(
          bitPattern: UInt(request.allowed_iovas))
      else { return request.num_iovas == 0 && request.allowed_iovas == 0 ? 0 : -22 }
      return ranges[0].start == 0x1000 && ranges[0].last == 0x1fff && ranges[1].last == .max
        ? 0 : -22
    }
    try iommufd.allow([0x1000...0x1fff, 0x1_0000_0000...UInt64.max], in: space)
    try iommufd.allow([], in: space)
  }

  @Test func optionsAreReadAndSet() throws {
    answer(vgpu_IOMMU_OPTION, vgpu_iommu_option.self) { option in
      guard option.size == 24 else { return -22 }
      switch (option.option_id, option.object_id, option.op) {
      case (0, 0, 1), (1, 77, 1): option.val64 = UInt64(1 - option.option_id)
      case (0, 0, 0) where option.val64 == 1: return -16
      case (1, 77, 0) where option.val64 == 0: return 0
      default: return -22
      }
      return 0
    }
    #expect(try iommufd.countsByProcess())
    #expect(try !iommufd.usesHugePages(space))
    try iommufd.setUsesHugePages(false, in: space)
    let error = #expect(throws: VFIOError.self) { try iommufd.setCountsByProcess(true) }
    #expect(error?.errno == .resourceBusy)
  }

  /// The kernel tells how much it has, and fills what there is room for.
  @Test(arguments: [0, 8, 64, 200]) func hardwareTellsAllOfItself(length: Int) throws {
    _ = try makeDevice(kernel)
    kernel.onOpen("/dev/vfio/devices/vfio3")
    answer(vgpu_VFIO_DEVICE_BIND_IOMMUFD, vgpu_vfio_bind_iommufd.self) {
      $0.out_devid = 5
      return 0
    }
    answer(vgpu_IOMMU_GET_HW_INFO, vgpu_iommu_hw_info.self) { info in
      guard info.size == 40, info.dev_id == 5 else { return -22 }
      let room = UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(bitPattern: UInt(info.data_uptr)),
        count: Int(info.data_len))
      for index in 0..<min(length, room.count) { room[index] = UInt8(index) }
      info.data_len = UInt32(length)
      info.out_data_type = 1
      info.out_max_pasid_log2 = 20
      info.out_capabilities = 9
      return 0
    }
    let device = try Device(cdev: "/dev/vfio/devices/vfio3", iommufd: iommufd, kernel: kernel)
    #expect(device.iommufdID == 5)
    let hardware = try iommufd.hardware(of: device)
    #expect(hardware.kind == 1 && hardware.pasidWidth == 20)
    #expect(hardware.capabilities == [.dirtyTracking, .noATS])
    #expect(hardware.data == (0..<length).map { UInt8($0) })
    let other = try makeDevice(kernel, name: "by its group")
    #expect(
      throws: VFIOError.unsupported(object: "by its group", feature: "number in an iommufd")
    ) { try iommufd.hardware(of: other) }
  }

  @Test func hardwareThatNeverHasEnoughRoomIsRefused() throws {
    _ = try makeDevice(kernel)
    kernel.onOpen("/dev/vfio/devices/vfio3")
    answer(vgpu_VFIO_DEVICE_BIND_IOMMUFD, vgpu_vfio_bind_iommufd.self)
    answer(vgpu_IOMMU_GET_HW_INFO, vgpu_iommu_hw_info.self) { info in
      info.data_len = .max
      return 0
    }
    let device = try Device(cdev: "/dev/vfio/devices/vfio3", iommufd: iommufd, kernel: kernel)
    #expect(throws: VFIOError.self) { try iommufd.hardware(of: device) }
  }

  @Test func pasidsAreAttachedAndDetached() throws {
    let device = try makeDevice(kernel)
    answer(vgpu_VFIO_DEVICE_ATTACH_IOMMUFD_PT, vgpu_vfio_attach_iommufd_pasid.self) {
      $0.argsz == 16 && $0.flags == 1 && $0.pt_id == 77 && $0.pasid == 300 ? 0 : -22
    }
    answer(vgpu_VFIO_DEVICE_DETACH_IOMMUFD_PT, vgpu_vfio_detach_iommufd_pasid.self) {
      $0.argsz == 12 && $0.flags == 1 && $0.pasid == 300 ? 0 : -22
    }
    try device.attach(pasid: 300, to: space)
    try device.detach(pasid: 300)
  }

  @Test func tokenGoesWithTheBinding() throws {
    _ = try makeDevice(kernel)
    kernel.onOpen("/dev/vfio/devices/vfio3")
    answer(vgpu_VFIO_DEVICE_BIND_IOMMUFD, vgpu_vfio_bind_iommufd_token.self) { binding in
      let token = UnsafeRawPointer(bitPattern: UInt(binding.token_uuid_ptr))
      return binding.argsz == 24 && binding.flags == 1
        && token?.load(fromByteOffset: 15, as: UInt8.self) == 0xf3 ? 0 : -13
    }
    let token = try #require(VFToken("bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"))
    let node = try DeviceNode(path: "/dev/vfio/devices/vfio3", kernel: kernel)
    #expect(node.rawValue > 1000)
    _ = try node.bind(to: iommufd, vfToken: token)
    #expect(kernel.closedTwice.isEmpty)
  }

  /// A guest's memory is mapped as a whole or not at all.
  @Test func memoryThatCannotBeMappedLeavesNothing() throws {
    answer(vgpu_IOMMU_IOAS_MAP, vgpu_iommu_ioas_map.self) { $0.iova == 0x3000 ? -12 : 0 }
    answer(vgpu_IOMMU_IOAS_UNMAP, vgpu_iommu_ioas_unmap.self)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 4096)
    defer { memory.deallocate() }
    let pieces = [0x1000, 0x2000, 0x3000, 0x4000].map { DMAMapping(memory, at: $0) }
    let error = #expect(throws: VFIOError.self) { try iommufd.map(pieces, in: space) }
    #expect(error?.errno == .noMemory)
    func count(_ request: UInt) -> Int { kernel.calls.count { $0.request == request } }
    #expect(count(vgpu_IOMMU_IOAS_MAP) == 3 && count(vgpu_IOMMU_IOAS_UNMAP) == 2)

    kernel.onOpen("/dev/vfio/vfio")
    kernel.onIoctl(vgpu_VFIO_GET_API_VERSION) { _, _ in 0 }
    answer(vgpu_VFIO_IOMMU_MAP_DMA, vfio_iommu_type1_dma_map.self) { $0.iova == 0x2000 ? -12 : 0 }
    answer(vgpu_VFIO_IOMMU_UNMAP_DMA, vfio_iommu_type1_dma_unmap.self)
    let container = try Container(kernel: kernel)
    #expect(throws: VFIOError.self) { try container.mapDMA(pieces) }
    #expect(count(vgpu_VFIO_IOMMU_MAP_DMA) == 2 && count(vgpu_VFIO_IOMMU_UNMAP_DMA) == 1)
  }

  /// KVM's list of VFIO files.
  @Test func kvmIsToldOfFiles() throws {
    let kernel = kernel
    answer(vgpu_KVM_CREATE_DEVICE, vgpu_kvm_create_device.self) { creation in
      creation.fd = UInt32(kernel.makeFD())
      return creation.type == 4 ? 0 : -19
    }
    answer(vgpu_KVM_SET_DEVICE_ATTR, vgpu_kvm_device_attr.self) { attribute in
      let file = UnsafePointer<Int32>(bitPattern: UInt(attribute.addr))?.pointee
      return attribute.group == 1 && file == 42 && [1, 2].contains(attribute.attr) ? 0 : -2
    }
    let open = kernel.openFDs.count
    do {
      let files = try KVMFiles(ofMachine: 7, kernel: kernel)
      try files.add(42)
      try files.remove(42)
      #expect(throws: VFIOError.self) { try files.add(43) }
    }
    #expect(kernel.openFDs.count == open && kernel.closedTwice.isEmpty)
  }

  /// Lines of a virtual machine that eventfds raise.
  @Test func interruptsReachTheMachine() throws {
    let kernel = kernel
    let asked = Mutex<[[UInt32]]>([])
    answer(vgpu_KVM_IRQFD, vgpu_kvm_irqfd.self) { request in
      asked.withLock { $0.append([request.fd, request.gsi, request.flags, request.resamplefd]) }
      return request.fd == 99 ? -22 : 0
    }
    let interrupts = KVMInterrupts(ofMachine: 7, kernel: kernel)
    try interrupts.connect(40, to: 10)
    try interrupts.connect(41, to: 11, resample: 42)
    try interrupts.disconnect(41, from: 11)
    let error = #expect(throws: VFIOError.self) { try interrupts.connect(99, to: 10) }
    #expect(error?.errno == .invalidArgument && error?.description.contains("line 10") == true)
    #expect(
      asked.withLock(\.self) == [
        [40, 10, 0, 0], [41, 11, 2, 42], [41, 11, 1, 0], [99, 10, 0, 0],
      ])
  }
}
