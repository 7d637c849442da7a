// SPDX-License-Identifier: Apache-2.0
//
// Of libdrm what a program needs that shows pictures on a display engine by itself. Each call returns
// the kernel's answer, or the negated errno: libdrm's own calls differ in that.

#ifndef CDRM_H
#define CDRM_H

#include <drm_fourcc.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

static inline long vgpu_drm_result(int answer) { return answer < 0 ? -(long)errno : answer; }

static inline long vgpu_drm_set_client_cap(int fd, uint64_t capability) {
  return vgpu_drm_result(drmSetClientCap(fd, capability, 1));
}

// Zero where the driver does not know the capability.
static inline uint64_t vgpu_drm_capability(int fd, uint64_t capability) {
  uint64_t value = 0;
  return drmGetCap(fd, capability, &value) == 0 ? value : 0;
}

// Whether this open file may change what is shown, asked for where it may not yet. 0 or a negated errno.
static inline long vgpu_drm_become_master(int fd) {
  return drmIsMaster(fd) ? 0 : vgpu_drm_result(drmSetMaster(fd));
}

// ---- buffers -----------------------------------------------------------------------------------------

static inline long vgpu_drm_import(int fd, int buffer, uint32_t *handle) {
  return vgpu_drm_result(drmPrimeFDToHandle(fd, buffer, handle));
}

// DRM_IOCTL_GEM_CLOSE: framebuffers and mappings made of the handle keep its memory.
static inline long vgpu_drm_close_handle(int fd, uint32_t handle) {
  struct drm_gem_close request = {.handle = handle};
  return vgpu_drm_result(drmIoctl(fd, DRM_IOCTL_GEM_CLOSE, &request));
}

// `modifiers` is NULL where the driver takes none.
static inline long vgpu_drm_add_framebuffer(
    int fd, uint32_t width, uint32_t height, uint32_t format, const uint32_t handles[4],
    const uint32_t pitches[4], const uint32_t offsets[4], const uint64_t *modifiers,
    uint32_t *framebuffer) {
  if (modifiers == NULL)
    return vgpu_drm_result(drmModeAddFB2(
        fd, width, height, format, handles, pitches, offsets, framebuffer, 0));
  return vgpu_drm_result(drmModeAddFB2WithModifiers(
      fd, width, height, format, handles, pitches, offsets, modifiers, framebuffer,
      DRM_MODE_FB_MODIFIERS));
}

static inline long vgpu_drm_remove_framebuffer(int fd, uint32_t framebuffer) {
  return vgpu_drm_result(drmModeRmFB(fd, framebuffer));
}

static inline long vgpu_drm_create_dumb(int fd, struct drm_mode_create_dumb *request) {
  return vgpu_drm_result(drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, request));
}

// Where mmap(2) finds a dumb buffer.
static inline long vgpu_drm_map_dumb(int fd, uint32_t handle, uint64_t *offset) {
  struct drm_mode_map_dumb request = {.handle = handle};
  long answer = vgpu_drm_result(drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &request));
  *offset = request.offset;
  return answer;
}

static inline long vgpu_drm_destroy_dumb(int fd, uint32_t handle) {
  struct drm_mode_destroy_dumb request = {.handle = handle};
  return vgpu_drm_result(drmIoctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &request));
}

// ---- properties --------------------------------------------------------------------------------------

static inline long vgpu_drm_create_blob(int fd, const void *bytes, size_t count, uint32_t *blob) {
  return vgpu_drm_result(drmModeCreatePropertyBlob(fd, bytes, count, blob));
}

static inline long vgpu_drm_destroy_blob(int fd, uint32_t blob) {
  return vgpu_drm_result(drmModeDestroyPropertyBlob(fd, blob));
}

// DRM_IOCTL_MODE_ATOMIC with the caller's own arrays: libdrm's request would be copied and sorted for
// every frame.
static inline long vgpu_drm_commit(
    int fd, uint32_t flags, uint64_t user_data, uint32_t count, const uint32_t *objects,
    const uint32_t *counts, const uint32_t *properties, const uint64_t *values) {
  struct drm_mode_atomic request = {
      .flags = flags,
      .count_objs = count,
      .objs_ptr = (uint64_t)(uintptr_t)objects,
      .count_props_ptr = (uint64_t)(uintptr_t)counts,
      .props_ptr = (uint64_t)(uintptr_t)properties,
      .prop_values_ptr = (uint64_t)(uintptr_t)values,
      .user_data = user_data,
  };
  return vgpu_drm_result(drmIoctl(fd, DRM_IOCTL_MODE_ATOMIC, &request));
}

// ---- events ------------------------------------------------------------------------------------------

struct vgpu_drm_flip {
  uint64_t number;       // the commit's user data
  uint64_t nanoseconds;  // CLOCK_MONOTONIC, in steps of a microsecond
  uint32_t sequence;
};

// Reads the events that have come and keeps those of page flips, `capacity` at most; the descriptor is
// one that does not block. Returns their number.
static inline size_t vgpu_drm_read_flips(int fd, struct vgpu_drm_flip *flips, size_t capacity) {
  char bytes[1024];
  size_t count = 0;
  ssize_t length;
  while ((length = read(fd, bytes, sizeof bytes)) > 0) {
    for (size_t at = 0; at + sizeof(struct drm_event) <= (size_t)length;) {
      struct drm_event event;
      memcpy(&event, bytes + at, sizeof event);
      if (event.length < sizeof event || event.length > (size_t)length - at) break;
      if (event.type == DRM_EVENT_FLIP_COMPLETE && event.length >= sizeof(struct drm_event_vblank) &&
          count < capacity) {
        struct drm_event_vblank flip;
        memcpy(&flip, bytes + at, sizeof flip);
        flips[count].number = flip.user_data;
        flips[count].nanoseconds = flip.tv_sec * 1000000000ull + flip.tv_usec * 1000ull;
        flips[count].sequence = flip.sequence;
        count++;
      }
      at += event.length;
    }
  }
  return count;
}

#endif
