// SPDX-License-Identifier: Apache-2.0
//
// Of libinput what a viewer needs that has the keyboards and pointers of a seat by itself.

#ifndef CINPUT_H
#define CINPUT_H

#include <errno.h>
#include <fcntl.h>
#include <libinput.h>
#include <libudev.h>
#include <linux/input.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Whether a person types or points with an event device. The buttons that switch the host itself off, and
// the switches of its lid, stay the host's.
static inline bool vgpu_input_is_for_guests(int fd) {
  unsigned long kinds = 0;
  unsigned char keys[KEY_MAX / 8 + 1] = {0};
  if (ioctl(fd, EVIOCGBIT(0, sizeof kinds), &kinds) < 0) return false;
  if (kinds & (1UL << EV_REL | 1UL << EV_ABS)) return true;
  if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) < 0) return false;
  for (int code = 0; code <= KEY_MAX; code++) {
    bool is_hosts = code == KEY_POWER || code == KEY_SLEEP || code == KEY_WAKEUP || code == KEY_RESTART;
    if (!is_hosts && keys[code / 8] >> (code % 8) & 1) return true;
  }
  return false;
}

// Opens an event device, and takes it from everybody else, the kernel's console included, until it is
// closed. A negated errno when that fails; -ENODEV for a device that is the host's own.
static inline int vgpu_input_open(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = ENODEV;
  if (vgpu_input_is_for_guests(fd)) {
    if (ioctl(fd, EVIOCGRAB, 1) == 0) return fd;
    error = errno;
  }
  close(fd);
  return -error;
}

#endif
