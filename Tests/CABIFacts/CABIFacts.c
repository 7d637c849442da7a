// SPDX-License-Identifier: Apache-2.0
#include "CABIFacts.h"

#include <libdrm/drm_fourcc.h>
#include <linux/vfio.h>

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#define HAVE_IOMMUFD 1
#endif

#include "CLinux.h"

#define TABLE(type, name)                                                       \
  size_t name##_count(void) { return sizeof name##_table / sizeof name##_table[0]; } \
  struct type name##_at(size_t index) { return name##_table[index]; }

#define FIELD(type, member) \
  {#type, #member, offsetof(struct type, member), sizeof(((struct type *)0)->member)}

static const struct abi_field abi_field_table[] = {
    FIELD(vfio_device_gfx_plane_info, argsz),
    FIELD(vfio_device_gfx_plane_info, flags),
    FIELD(vfio_device_gfx_plane_info, drm_plane_type),
    FIELD(vfio_device_gfx_plane_info, drm_format),
    FIELD(vfio_device_gfx_plane_info, drm_format_mod),
    FIELD(vfio_device_gfx_plane_info, width),
    FIELD(vfio_device_gfx_plane_info, height),
    FIELD(vfio_device_gfx_plane_info, stride),
    FIELD(vfio_device_gfx_plane_info, size),
    FIELD(vfio_device_gfx_plane_info, x_pos),
    FIELD(vfio_device_gfx_plane_info, y_pos),
    FIELD(vfio_device_gfx_plane_info, x_hot),
    FIELD(vfio_device_gfx_plane_info, y_hot),
    FIELD(vfio_device_gfx_plane_info, region_index),
    FIELD(vfio_device_gfx_plane_info, dmabuf_id),
    FIELD(vfio_region_gfx_edid, edid_offset),
    FIELD(vfio_region_gfx_edid, edid_max_size),
    FIELD(vfio_region_gfx_edid, edid_size),
    FIELD(vfio_region_gfx_edid, max_xres),
    FIELD(vfio_region_gfx_edid, max_yres),
    FIELD(vfio_region_gfx_edid, link_state),
    FIELD(vgpu_vfio_bind_iommufd, iommufd),
    FIELD(vgpu_vfio_bind_iommufd, out_devid),
    FIELD(vgpu_vfio_attach_iommufd_pt, pt_id),
    FIELD(vgpu_iommu_ioas_alloc, out_ioas_id),
    FIELD(vgpu_iommu_ioas_iova_ranges, allowed_iovas),
    FIELD(vgpu_iommu_ioas_iova_ranges, out_iova_alignment),
    FIELD(vgpu_iommu_ioas_map, ioas_id),
    FIELD(vgpu_iommu_ioas_map, user_va),
    FIELD(vgpu_iommu_ioas_map, iova),
    FIELD(vgpu_iommu_ioas_unmap, iova),
    FIELD(vgpu_iommu_ioas_unmap, length),
};
TABLE(abi_field, abi_field)

// Where the headers are new enough, the compiler itself holds our declarations against them.
#ifdef VFIO_DEVICE_BIND_IOMMUFD
_Static_assert(sizeof(struct vgpu_vfio_bind_iommufd) == sizeof(struct vfio_device_bind_iommufd), "");
_Static_assert(_IO(VFIO_TYPE, VFIO_BASE + 18) == VFIO_DEVICE_BIND_IOMMUFD, "");
#endif
#ifdef HAVE_IOMMUFD
_Static_assert(sizeof(struct vgpu_iommu_ioas_map) == sizeof(struct iommu_ioas_map), "");
_Static_assert(offsetof(struct vgpu_iommu_ioas_map, iova) == offsetof(struct iommu_ioas_map, iova), "");
_Static_assert(sizeof(struct vgpu_iommu_ioas_unmap) == sizeof(struct iommu_ioas_unmap), "");
_Static_assert(sizeof(struct vgpu_iommu_ioas_iova_ranges) == sizeof(struct iommu_ioas_iova_ranges), "");
#endif

#define NUMBER(name) {#name, name}

static const struct abi_number abi_fourcc_table[] = {
    NUMBER(DRM_FORMAT_XRGB8888),    NUMBER(DRM_FORMAT_ARGB8888),    NUMBER(DRM_FORMAT_XBGR8888),
    NUMBER(DRM_FORMAT_ABGR8888),    NUMBER(DRM_FORMAT_RGB888),      NUMBER(DRM_FORMAT_RGB565),
    NUMBER(DRM_FORMAT_XRGB2101010), NUMBER(DRM_FORMAT_XBGR2101010), NUMBER(DRM_FORMAT_C8),
    NUMBER(DRM_FORMAT_YUYV),        NUMBER(DRM_FORMAT_YVYU),        NUMBER(DRM_FORMAT_UYVY),
    NUMBER(DRM_FORMAT_VYUY),        NUMBER(DRM_FORMAT_AYUV),
};
TABLE(abi_number, abi_fourcc)

static const struct abi_number abi_modifier_table[] = {
    {"LINEAR", DRM_FORMAT_MOD_LINEAR},
    {"INVALID", DRM_FORMAT_MOD_INVALID},
    {"I915_X_TILED", I915_FORMAT_MOD_X_TILED},
    {"I915_Y_TILED", I915_FORMAT_MOD_Y_TILED},
    {"I915_Yf_TILED", I915_FORMAT_MOD_Yf_TILED},
    {"I915_Y_TILED_CCS", I915_FORMAT_MOD_Y_TILED_CCS},
    {"I915_Yf_TILED_CCS", I915_FORMAT_MOD_Yf_TILED_CCS},
    {"I915_4_TILED", I915_FORMAT_MOD_4_TILED},
};
TABLE(abi_number, abi_modifier)
