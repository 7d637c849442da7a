// SPDX-License-Identifier: Apache-2.0
#include "CRawQuery.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>

long raw_query(int fd, long count) {
  long failed = 0;
  for (long i = 0; i < count; i++) {
    struct vfio_device_gfx_plane_info plane;
    memset(&plane, 0, sizeof plane);
    plane.argsz = sizeof plane;
    plane.flags = VFIO_GFX_PLANE_TYPE_DMABUF;
    plane.drm_plane_type = 1;
    int answer;
    do {
      answer = ioctl(fd, VFIO_DEVICE_QUERY_GFX_PLANE, &plane);
    } while (answer < 0 && errno == EINTR);
    if (answer < 0 || plane.width == 0) failed++;
  }
  return failed;
}
