/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: looks straight into a virtual GPU (a VFIO mediated device) and hands out the guest's
 * picture as dma-bufs: no copy, no SPICE, no VNC.
 *
 *     vgpu_error error;
 *     vgpu_source *source = vgpu_source_open("demo", 0, -1, &error);
 *     vgpu_frame frame;
 *     if (vgpu_source_poll(source, &frame) == VGPU_STATE_FRAME) {
 *       vgpu_buffer *buffer = vgpu_source_get_buffer(source, VGPU_PLANE_PRIMARY, &error);
 *       int fd = vgpu_buffer_fd(buffer);        ... import it, or vgpu_buffer_copy_rgb()
 *       vgpu_buffer_release(buffer);
 *     }
 *     vgpu_source_close(source);
 *
 * Parts. This header has a guest's screen, and includes all others: vgpu-host.h (vGPUs are made and
 * removed, the host is checked), vgpu-guest.h (a guest is started), vgpu-control.h (input, power,
 * hot-plug), vgpu-agent.h (clipboard, files) and vgpu-sound.h (sound).
 *
 * Errors. A function that can fail takes a vgpu_error, which may be NULL. The function fills the error
 * when it fails, and leaves the error as it was when it succeeds. It returns VGPU_OK or the error's
 * code; a function that returns a handle returns NULL. A NULL handle is an error
 * (VGPU_ERROR_ARGUMENT), never a crash; closing or releasing NULL does nothing.
 *
 * Threads. Every function may be called on any thread. Calls with one source, and with the buffers
 * that came from it, wait for one another; different handles do not disturb each other. Do not use a
 * handle on another thread while it is being closed or released, nor afterwards. No thread of the
 * library calls the program, and none takes the program's signals. There is one thread that looks after
 * sources, one while a source waits for a domain of libvirt's, one for each control, each agent and each
 * sound, and, from the first guest, control, agent or screen that QEMU draws on, a pool of as many as the machine has processors. GIO
 * has one for all screens that QEMU draws.
 *
 * Processes. A source does not survive fork(2) without exec: the child must not use the parent's
 * handles. Every descriptor is close-on-exec. The library touches neither signals nor the locale;
 * vgpu_buffer_read and vgpu_source_set_monitor name their exceptions.
 *
 * ABI. Structures and functions of this version do not change; a changed one gets a new name. Symbols
 * have the version VGPU_0.
 *
 * Link with `pkg-config --cflags --libs vgpu`. No part of Swift has to be installed.
 */

#ifndef VGPU_VGPU_H
#define VGPU_VGPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The ABI that this header describes. */
#define VGPU_ABI_VERSION 0u

/** The ABI of the library that the program runs with. If it is not VGPU_ABI_VERSION, do not use the
 * library. */
uint32_t vgpu_abi_version(void);

/* ---- Errors ----------------------------------------------------------------------------------- */

/** An error's kind, for programs. */
enum {
  /** Nothing. */
  VGPU_OK = 0,
  /** The caller's mistake: NULL, or a text or a number without a meaning here. */
  VGPU_ERROR_ARGUMENT = 1,
  /** There is no such vGPU, process, domain or descriptor. */
  VGPU_ERROR_NOT_FOUND = 2,
  /** It exists, but no guest uses it now, or its guest or its bridge has ended. VGPU_OPEN_WAIT waits for a
   * guest. */
  VGPU_ERROR_NOT_RUNNING = 3,
  /** The kernel or libvirt does not permit it to this user. */
  VGPU_ERROR_NOT_PERMITTED = 4,
  /** Several displays fit, and none was chosen. */
  VGPU_ERROR_AMBIGUOUS = 5,
  /** The device has no display, or the process has no VFIO device. */
  VGPU_ERROR_NO_DISPLAY = 6,
  /** The last vgpu_source_poll found no picture, or no cursor. */
  VGPU_ERROR_NO_PICTURE = 7,
  /** This driver, format or memory layout cannot do it. */
  VGPU_ERROR_UNSUPPORTED = 8,
  /** A system call failed in another way (`system_errno`), or libvirt did. */
  VGPU_ERROR_SYSTEM = 9,
  /** Somebody has it already: a vGPU, a UUID, a socket, a device. */
  VGPU_ERROR_IN_USE = 10
};

/** An error, filled by the function that failed. */
typedef struct vgpu_error {
  /** One of VGPU_ERROR_*. */
  int32_t code;
  /** The errno of the system call that failed, or 0. */
  int32_t system_errno;
  /** One line of UTF-8 for a person: object, cause and, when there is one, remedy. The line ends with
   * NUL; a longer line is cut. As in all texts of this library, characters that could steer a
   * terminal or hide in a window are U+FFFD. */
  char message[504];
} vgpu_error;

/* ---- The host's vGPUs ------------------------------------------------------------------------- */

/** A vGPU of this host: /sys/bus/mdev/devices/UUID. Texts that are longer are cut. */
typedef struct vgpu_device {
  /** The UUID, for vgpu_source_open. */
  char uuid[40];
  /** The type's id, such as "i915-GVTg_V5_4". */
  char type[64];
  /** The name of the vGPU's parent device, such as "0000:00:02.0". */
  char parent[64];
  /** The IOMMU group's number, or -1. */
  int32_t iommu_group;
  /** A process that has the vGPU open, as far as this process may see (/proc/PID/fd); else 0. */
  int32_t user;
} vgpu_device;

/**
 * Lists the host's vGPUs, by UUID.
 *
 * `devices` has room for `capacity` of them and may be NULL when `capacity` is 0. `count` becomes the
 * number of vGPUs, which can be larger than `capacity`, and another one at the next call. Reads sysfs,
 * and /proc for the users.
 */
int32_t vgpu_list(vgpu_device *devices, size_t capacity, size_t *count, vgpu_error *error);

/* ---- A guest's screen ------------------------------------------------------------------------- */

/** A guest's screen. vgpu_source_open and vgpu_source_open_fd open it, vgpu_source_close closes it. */
typedef struct vgpu_source vgpu_source;

/** Options of opening, or'ed together. */
enum {
  /** Wait for a guest that does not run yet, at the polls, instead of failing. */
  VGPU_OPEN_WAIT = 1,
  /** Permit vgpu_source_set_monitor. Without this flag nothing of the device is ever written. */
  VGPU_OPEN_MONITOR = 2
};

/**
 * Opens a target: "mdev:UUID" or a bare UUID, "pci:ADDRESS" or a bare address for a vGPU that is a PCI
 * function, such as a virtual function (SR-IOV), "pid:N" or a bare number, "libvirt:NAME",
 * "libvirt:session/NAME", "libvirt:system/NAME", "qmp:PATH" for the QEMU at a QMP socket,
 * "bridge:PATH[/UUID]" for a vGPU of a `vgpu bridge`, or "demo", a synthetic guest for trying things out.
 *
 * A guest without a vGPU is shown by QEMU's own display (`-display dbus,p2p=yes`, or libvirt's
 * `<graphics type='dbus' p2p='yes'/>`). QEMU serves one such client: another one ends the first. A guest
 * whose vGPU cannot be looked at is an error, although QEMU may show something else of it. A PCI function
 * of vfio-pci shows the host nothing: QEMU's own display beside it is opened, and without one the error is
 * VGPU_ERROR_NO_DISPLAY.
 *
 * The device's descriptor is duplicated out of the process that has it (pidfd_getfd(2)), which needs
 * the right to trace that process: its user with /proc/sys/kernel/yama/ptrace_scope at 0, or
 * CAP_SYS_PTRACE. The source closes the duplicate within 0.1 s after that process ends or closes the
 * device, or the vGPU is removed, whether or not anybody polls: a thread of the library's looks after
 * all sources. The buffers that the caller has stay open. At polls the source finds a vGPU that has a
 * UUID again when the next guest starts.
 *
 * `flags`: VGPU_OPEN_*. `device`: the number of the device's descriptor in the process, when the
 * process has several; else -1. Blocks while it asks libvirt for a domain, and for some seconds
 * at most while it asks the machine's bridge (/run/vgpu/bridge.sock) for a guest that this user may not look into.
 */
vgpu_source *vgpu_source_open(
    const char *target, uint32_t flags, int32_t device, vgpu_error *error);

/** Like vgpu_source_open, for a guest with several screens that QEMU draws: `head` counts them from 0, in
 * QEMU's order. vgpu_source_open opens the first. */
vgpu_source *vgpu_source_open_head(
    const char *target, uint32_t flags, uint32_t head, vgpu_error *error);

/**
 * Opens a device that the caller has itself, such as a VM manager that hands it to QEMU. This needs no
 * right to look into another process.
 *
 * `fd`: an open VFIO device; it is duplicated and stays the caller's. `uuid`: its vGPU's. `process`:
 * the guest's. At its end the source closes the duplicate, because the kernel keeps a device busy as
 * long as anyone holds it, and waits for the vGPU like vgpu_source_open with VGPU_OPEN_WAIT.
 */
vgpu_source *vgpu_source_open_fd(
    int32_t fd, const char *uuid, int32_t process, uint32_t flags, vgpu_error *error);

/** Closes a source: its device, its timer. Its buffers live on. */
void vgpu_source_close(vgpu_source *source);

/** Writes the source's name as UTF-8: at most `size` bytes with the NUL. Returns the length of the
 * whole name without the NUL, like snprintf(3). */
size_t vgpu_source_name(const vgpu_source *source, char *text, size_t size);

/** The process that holds the device, such as the guest's QEMU; 0 while there is none. */
int32_t vgpu_source_process(const vgpu_source *source);

/** The result of a poll. */
enum {
  /** A picture. */
  VGPU_STATE_FRAME = 1,
  /** None: the guest's driver has not started, or has switched the screen off. */
  VGPU_STATE_OFF = 2,
  /** None: there is no guest yet, or no longer; the source waits for one. */
  VGPU_STATE_WAITING = 3,
  /** None for now: the guest is setting a mode, or its picture is malformed. */
  VGPU_STATE_TROUBLE = 4,
  /** None, and there will be none: the device has no display, or is gone. */
  VGPU_STATE_ENDED = 5
};

/** A guest's screen at one moment. */
typedef struct vgpu_frame {
  /** Counts how often the guest has shown another buffer than before, from 1. The number stays while a
   * guest draws into the buffer on its screen. */
  uint64_t flip;
  /** The time when this flip was first seen: nanoseconds of CLOCK_MONOTONIC. */
  uint64_t detected_ns;
  /** The buffer: the same number for the same buffer, never reused in this process. It can be the key
   * of images that were made of buffers (EGLImage, VkImage). */
  uint64_t buffer_id;
  /** The cursor's buffer; 0 when the guest has no cursor on a plane of its own. */
  uint64_t cursor_id;
  /** The upper left corner of the cursor's picture, in pixels from that of the frame. */
  int32_t cursor_x;
  int32_t cursor_y;
  /** The pixel of the cursor's picture that points; -1 when the guest does not tell. */
  int32_t hotspot_x;
  int32_t hotspot_y;
} vgpu_frame;

/**
 * Looks at the guest's screen now (VFIO_DEVICE_QUERY_GFX_PLANE, one call a plane; for a screen that QEMU
 * draws, what QEMU has told): some microseconds, never blocking. While the guest flips among known buffers, a poll fetches and allocates
 * nothing.
 *
 * Fills `frame`, which may be NULL, when it returns VGPU_STATE_FRAME, and else sets it to zero.
 * Returns VGPU_STATE_*; VGPU_STATE_ENDED for NULL. It also makes the descriptor of vgpu_source_fd
 * unreadable until the next time.
 */
int32_t vgpu_source_poll(vgpu_source *source, vgpu_frame *frame);

/** Writes why the last poll found no picture, and a remedy: one line, empty after a frame. `text`,
 * `size` and the result are like vgpu_source_name's. */
size_t vgpu_source_message(const vgpu_source *source, char *text, size_t size);

/** Takes QEMU's display back from another program, which loses it: QEMU serves one such client at a time. No
 * source does that by itself, because two programs that did so would never end; vgpu_source_message tells that
 * another program has it. Returns 1 when another program had it, else 0 and does nothing. */
int32_t vgpu_source_take_back(vgpu_source *source);

/**
 * A descriptor for the program's event loop: it becomes readable `rate` times a second, or, after the
 * first poll of a screen that QEMU draws, when there is something new. Call vgpu_source_poll then, which
 * makes it unreadable again.
 *
 * A vGPU's screen is polled by a timer (timerfd_create(2)), because the kernel signals neither flips nor
 * vertical blanks of a guest. A program that shows frames polls once before each refresh of the monitor;
 * one that knows the refresh from presentation feedback needs no timer. QEMU tells, so that a guest at
 * rest makes nothing readable.
 *
 * `rate`: in Hz, above 0 and at most 1000. A second call changes the rate and returns the same
 * descriptor. The source owns the descriptor: wait for it (poll(2), epoll, GLib), never read or close
 * it.
 * Returns -1 on failure.
 */
int32_t vgpu_source_fd(vgpu_source *source, double rate, vgpu_error *error);

/** A source's work since it was opened. */
typedef struct vgpu_counters {
  /** Planes that were queried (VFIO_DEVICE_QUERY_GFX_PLANE). */
  uint64_t queries;
  /** Buffers that were fetched (VFIO_DEVICE_GET_GFX_DMABUF) and regions that were mapped. */
  uint64_t gets;
  /** Polls at which the guest was setting a mode. */
  uint64_t transients;
  /** Changes of the shown buffer by the guest. */
  uint64_t flips;
} vgpu_counters;

/** Fills in the source's work so far, for all its guests together. */
int32_t vgpu_source_counters(
    const vgpu_source *source, vgpu_counters *counters, vgpu_error *error);

/* ---- Buffers ---------------------------------------------------------------------------------- */

/** A reference to the memory of a picture; vgpu_buffer_release releases it. The memory lives as long
 * as one reference does, whatever the guest and the source do. The guest may draw into it at any
 * time. */
typedef struct vgpu_buffer vgpu_buffer;

/** A picture of a frame. */
enum {
  /** The screen. */
  VGPU_PLANE_PRIMARY = 1,
  /** The mouse pointer, when the guest has it on a plane of its own. */
  VGPU_PLANE_CURSOR = 2
};

/** The place of a buffer's pixels. */
enum {
  /** In a dma-buf. */
  VGPU_STORAGE_DMABUF = 1,
  /** In a memory file (memfd_create(2)) that stands in for one: the synthetic guest's, on machines
   * without /dev/udmabuf. */
  VGPU_STORAGE_MEMORY_FILE = 2,
  /** In a region of the device, for the CPU alone: there is no descriptor. */
  VGPU_STORAGE_REGION = 3
};

/** A picture's layout in its buffer. It is checked: every pixel is inside the memory. */
typedef struct vgpu_buffer_info {
  /** As in vgpu_frame. */
  uint64_t id;
  /** The memory layout: a DRM format modifier (<drm_fourcc.h>), 0 for line after line. Pass it to
   * every import. */
  uint64_t modifier;
  /** The memory's true size in bytes, as the kernel knows it; 0 for a region. */
  uint64_t size;
  /** In pixels. */
  uint32_t width;
  uint32_t height;
  /** The pixel format: a DRM fourcc. Drivers report only formats of one memory plane. */
  uint32_t fourcc;
  /** Bytes from one line to the next. */
  uint32_t stride;
  /** Bytes from the memory's start to the first pixel. */
  uint32_t offset;
  /** One of VGPU_STORAGE_*. */
  int32_t storage;
} vgpu_buffer_info;

/** A new reference to a buffer of the last vgpu_source_poll's frame; `plane`: VGPU_PLANE_*. Release
 * it with vgpu_buffer_release. */
vgpu_buffer *vgpu_source_get_buffer(vgpu_source *source, int32_t plane, vgpu_error *error);

/** Gives up a reference. */
void vgpu_buffer_release(vgpu_buffer *buffer);

/** Fills in the picture's layout in the buffer. VGPU_ERROR_UNSUPPORTED when vgpu_buffer_info cannot
 * describe it, because the first line in memory is the lowest one, or because the picture is a part of an
 * image that only the GPU can read: `width` and `height` are filled in all the same, for a copy. */
int32_t vgpu_buffer_describe(
    const vgpu_buffer *buffer, vgpu_buffer_info *info, vgpu_error *error);

/** The buffer's descriptor, for an import: never close it, and hold the reference meanwhile. -1 for a
 * region. */
int32_t vgpu_buffer_fd(const vgpu_buffer *buffer);

/** A duplicate of the buffer's descriptor, close-on-exec, which the caller closes; -1 on failure. */
int32_t vgpu_buffer_dup_fd(const vgpu_buffer *buffer, vgpu_error *error);

/**
 * Copies the picture: red, green and blue of each pixel, a byte each, line after line without gaps.
 *
 * `rgb` has room for `size` bytes, at least width * height * 3. VGPU_ERROR_UNSUPPORTED when only the
 * GPU can read the layout, and for formats that are no RGB. The guest may draw meanwhile: a copy can
 * show parts of two frames.
 */
int32_t vgpu_buffer_copy_rgb(
    vgpu_buffer *buffer, uint8_t *rgb, size_t size, vgpu_error *error);

/**
 * Lets the CPU read the memory in place: calls `body` once, before it returns, with the bytes from
 * the memory's start to the picture's end, between the start and the end of DMA_BUF_IOCTL_SYNC. The
 * bytes are valid only within `body`, may change at any time, and must not be written. `body` must not
 * call a function with this buffer's source, nor with another buffer of that source, nor leave by
 * longjmp or an exception.
 *
 * The memory can go meanwhile, such as at a reset of the device. `body` then finds zeros, the result is
 * an error, and the next frame has another buffer. For this the library handles SIGBUS while `body` or
 * vgpu_buffer_copy_rgb runs. Faults outside of this memory go to the program's handler, which is in
 * place again afterwards.
 */
int32_t vgpu_buffer_read(
    vgpu_buffer *buffer, void (*body)(const void *bytes, size_t size, void *context),
    void *context, vgpu_error *error);

/* ---- The guest's monitor ---------------------------------------------------------------------- */

/** The bytes of an EDID's base block. */
#define VGPU_EDID_SIZE 128u

/**
 * Makes the EDID of a monitor that prefers one mode: 640x480 to 4095x4095 pixels at 30 to 240 Hz,
 * as far as 128 bytes can carry it.
 *
 * `name`: 1 to 13 printable ASCII characters, or NULL for "vgpu". `edid`: room for VGPU_EDID_SIZE
 * bytes.
 */
int32_t vgpu_edid_make(
    uint32_t width, uint32_t height, double rate, const char *name, uint8_t *edid,
    vgpu_error *error);

/**
 * Gives the guest a monitor that prefers this mode. By the device's EDID region: unplugs the present
 * monitor, and plugs in the new one 0.1 s later, without a poll too, at the latest when the source is
 * closed or the process calls exit(3). By QEMU's display: QEMU makes the monitor. A guest that comes back
 * later gets this monitor too.
 *
 * VGPU_ERROR_ARGUMENT without VGPU_OPEN_MONITOR, VGPU_ERROR_UNSUPPORTED when the driver has no EDID
 * region, or makes no pictures of that size. The guest decides whether it changes its mode.
 */
int32_t vgpu_source_set_monitor(
    vgpu_source *source, uint32_t width, uint32_t height, double rate, vgpu_error *error);

/** The largest picture that the driver makes, in pixels; each 0 when the driver does not say.
 * VGPU_ERROR_ARGUMENT without VGPU_OPEN_MONITOR, VGPU_ERROR_UNSUPPORTED while the guest's monitor
 * cannot be exchanged. */
int32_t vgpu_source_monitor_limits(
    const vgpu_source *source, uint32_t *width, uint32_t *height, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#include "vgpu-host.h"

#include "vgpu-guest.h"

#include "vgpu-control.h"

#include "vgpu-agent.h"

#include "vgpu-sound.h"

#endif
