// SPDX-License-Identifier: Apache-2.0

import CABIFacts
import CLinux
import Testing

/// The kernel ABI as the C compiler and as Swift see it, and as the field knows it.
@Suite struct ABITests {
  private static func field(_ structure: String, _ name: String) -> (offset: Int, size: Int)? {
    for index in 0..<abi_field_count() {
      let field = abi_field_at(index)
      if String(cString: field.structure) == structure, String(cString: field.field) == name {
        return (field.offset, field.size)
      }
    }
    return nil
  }

  @Test func planeInfoHasTheKernelsLayout() throws {
    #expect(MemoryLayout<vfio_device_gfx_plane_info>.size == 64)
    let fields: [(String, PartialKeyPath<vfio_device_gfx_plane_info>, Int)] = [
      ("argsz", \.argsz, 0), ("flags", \.flags, 4), ("drm_plane_type", \.drm_plane_type, 8),
      ("drm_format", \.drm_format, 12), ("drm_format_mod", \.drm_format_mod, 16),
      ("width", \.width, 24), ("height", \.height, 28), ("stride", \.stride, 32),
      ("size", \.size, 36), ("x_pos", \.x_pos, 40), ("y_pos", \.y_pos, 44),
      ("x_hot", \.x_hot, 48), ("y_hot", \.y_hot, 52),
    ]
    for (name, path, expected) in fields {
      #expect(MemoryLayout<vfio_device_gfx_plane_info>.offset(of: path) == expected)
      #expect(try #require(Self.field("vfio_device_gfx_plane_info", name)).offset == expected)
    }
    // Swift sees the union's members as computed: written through one, read through the other.
    var plane = vfio_device_gfx_plane_info()
    plane.region_index = 0x1234_5678
    #expect(plane.dmabuf_id == 0x1234_5678)
    #expect(
      withUnsafeBytes(of: plane) { $0.load(fromByteOffset: 56, as: UInt32.self) } == 0x1234_5678)
    #expect(Self.field("vfio_device_gfx_plane_info", "dmabuf_id")?.offset == 56)
  }

  @Test func edidRegionHasTheKernelsLayout() {
    #expect(MemoryLayout<vfio_region_gfx_edid>.size == 24)
    #expect(MemoryLayout<vfio_region_gfx_edid>.offset(of: \.edid_offset) == 0)
    #expect(MemoryLayout<vfio_region_gfx_edid>.offset(of: \.edid_size) == 8)
    #expect(MemoryLayout<vfio_region_gfx_edid>.offset(of: \.link_state) == 20)
  }

  @Test func ownDeclarationsAreWhatTheKernelReads() {
    #expect(MemoryLayout<vgpu_vfio_bind_iommufd>.size == 16)
    #expect(MemoryLayout<vgpu_vfio_attach_iommufd_pt>.size == 12)
    #expect(MemoryLayout<vgpu_vfio_detach_iommufd_pt>.size == 8)
    #expect(MemoryLayout<vgpu_iommu_destroy>.size == 8)
    #expect(MemoryLayout<vgpu_iommu_ioas_alloc>.size == 12)
    #expect(MemoryLayout<vgpu_iommu_ioas_iova_ranges>.size == 32)
    #expect(MemoryLayout<vgpu_iommu_ioas_map>.size == 40)
    #expect(MemoryLayout<vgpu_iommu_ioas_map>.offset(of: \.iova) == 32)
    #expect(MemoryLayout<vgpu_iommu_ioas_unmap>.size == 24)
    #expect(MemoryLayout<vgpu_iommu_ioas_allow_iovas>.size == 24)
    #expect(MemoryLayout<vgpu_iommu_ioas_copy>.size == 40)
    #expect(MemoryLayout<vgpu_iommu_ioas_map_file>.size == 40)
    #expect(MemoryLayout<vgpu_iommu_ioas_change_process>.size == 8)
    #expect(MemoryLayout<vgpu_iommu_option>.size == 24)
    #expect(MemoryLayout<vgpu_iommu_hw_info>.size == 40)
    #expect(MemoryLayout<vgpu_iommu_hw_info>.offset(of: \.out_max_pasid_log2) == 28)
    #expect(MemoryLayout<vgpu_vfio_bind_iommufd_token>.size == 24)
    #expect(MemoryLayout<vgpu_vfio_attach_iommufd_pasid>.size == 16)
    #expect(MemoryLayout<vgpu_vfio_detach_iommufd_pasid>.size == 12)
    #expect(MemoryLayout<vgpu_vfio_precopy_info>.size == 24)
    #expect(MemoryLayout<vgpu_vfio_device_feature_dma_buf>.size == 16)
    #expect(MemoryLayout<vgpu_kvm_create_device>.size == 12)
    #expect(MemoryLayout<vgpu_kvm_device_attr>.size == 24)
    #expect(MemoryLayout<vgpu_kvm_irqfd>.size == 32)
    #expect(MemoryLayout<vgpu_kvm_irqfd>.offset(of: \.resamplefd) == 12)
  }

  @Test func ioctlNumbersAreTheKernels() {
    #expect(vgpu_VFIO_GET_API_VERSION == 0x3B64)
    #expect(vgpu_VFIO_DEVICE_QUERY_GFX_PLANE == 0x3B72)
    #expect(vgpu_VFIO_DEVICE_GET_GFX_DMABUF == 0x3B73)
    #expect(vgpu_VFIO_DEVICE_BIND_IOMMUFD == 0x3B76)
    #expect(vgpu_VFIO_DEVICE_ATTACH_IOMMUFD_PT == 0x3B77)
    #expect(vgpu_VFIO_DEVICE_DETACH_IOMMUFD_PT == 0x3B78)
    #expect(vgpu_IOMMU_DESTROY == 0x3B80)
    #expect(vgpu_IOMMU_IOAS_ALLOC == 0x3B81)
    #expect(vgpu_IOMMU_IOAS_IOVA_RANGES == 0x3B84)
    #expect(vgpu_IOMMU_IOAS_MAP == 0x3B85)
    #expect(vgpu_IOMMU_IOAS_UNMAP == 0x3B86)
    #expect(vgpu_IOMMU_IOAS_ALLOW_IOVAS == 0x3B82)
    #expect(vgpu_IOMMU_IOAS_COPY == 0x3B83)
    #expect(vgpu_IOMMU_OPTION == 0x3B87)
    #expect(vgpu_IOMMU_GET_HW_INFO == 0x3B8A)
    #expect(vgpu_IOMMU_IOAS_MAP_FILE == 0x3B8F)
    #expect(vgpu_IOMMU_IOAS_CHANGE_PROCESS == 0x3B92)
    #expect(vgpu_VFIO_MIG_GET_PRECOPY_INFO == 0x3B79)
    #expect(vgpu_KVM_CREATE_DEVICE == 0xC00C_AEE0)
    #expect(vgpu_KVM_SET_DEVICE_ATTR == 0x4018_AEE1)
    #expect(vgpu_KVM_IRQFD == 0x4020_AE76)
    #expect(vgpu_UDMABUF_CREATE == 0x4018_7542)
    #expect(vgpu_DMA_BUF_IOCTL_SYNC == 0x4008_6200)
  }
}
