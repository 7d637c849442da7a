/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: looks straight into a virtual GPU (a VFIO mediated device) and hands out what its guest
 * shows, as dma-bufs: no copy, no SPICE, no VNC.
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
 * Errors. A function that can fail takes a vgpu_error, which may be NULL, and fills it when it fails;
 * it is left as it was when the function succeeds. Such a function returns VGPU_OK or the error's
 * code, or, where it returns a handle, NULL. A NULL handle is an error (VGPU_ERROR_ARGUMENT), never
 * a crash; closing or releasing NULL does nothing.
 *
 * Threads. Every function may be called on any thread. Calls with one source, and with the buffers
 * that came from it, wait for one another; different sources do not disturb each other. What must
 * not be used at the same time on another thread, or later, is a handle that is being closed or
 * released. The library has no thread that calls the program; it has one of its own only while a
 * domain of libvirt's is waited for.
 *
 * Processes. A source does not survive fork(2) without exec: every descriptor is close-on-exec, and
 * the child must not use the parent's handles. The library touches neither signals nor the locale.
 *
 * ABI. Structures and functions of this version stay as they are; what is to be different gets a
 * new name. Symbols have the version VGPU_0.
 *
 * Link with `pkg-config --cflags --libs vgpu`. Nothing of Swift has to be installed.
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

/** The ABI of the library that the program runs with: VGPU_ABI_VERSION, or the program must not
 * use it. */
uint32_t vgpu_abi_version(void);

/* ---- Errors ----------------------------------------------------------------------------------- */

/** What went wrong, for programs. */
enum {
  /** Nothing. */
  VGPU_OK = 0,
  /** The caller's mistake: NULL, a text or a number that means nothing here. */
  VGPU_ERROR_ARGUMENT = 1,
  /** There is no such vGPU, process, domain or descriptor. */
  VGPU_ERROR_NOT_FOUND = 2,
  /** It exists, but no guest uses it now. VGPU_OPEN_WAIT waits for one. */
  VGPU_ERROR_NOT_RUNNING = 3,
  /** The kernel or libvirt does not let this user do it. */
  VGPU_ERROR_NOT_PERMITTED = 4,
  /** Several displays fit, and none was chosen. */
  VGPU_ERROR_AMBIGUOUS = 5,
  /** The device has no display, or the process no such device. */
  VGPU_ERROR_NO_DISPLAY = 6,
  /** The last vgpu_source_poll found no picture, or no cursor. */
  VGPU_ERROR_NO_PICTURE = 7,
  /** This driver, format or memory layout cannot do it. */
  VGPU_ERROR_UNSUPPORTED = 8,
  /** A system call failed in another way (`system_errno`), or libvirt did. */
  VGPU_ERROR_SYSTEM = 9
};

/** An error, filled by the function that failed. */
typedef struct vgpu_error {
  /** One of VGPU_ERROR_*. */
  int32_t code;
  /** The errno of the system call that failed, or 0. */
  int32_t system_errno;
  /** One line of UTF-8 for a person: object, cause and, where one is known, remedy. It ends with
   * NUL; a longer one is cut. As in all texts of this library, what could steer a terminal or hide
   * in a window is U+FFFD. */
  char message[504];
} vgpu_error;

/* ---- The host's vGPUs ------------------------------------------------------------------------- */

/** A vGPU of this host: /sys/bus/mdev/devices/UUID. Texts that are longer are cut. */
typedef struct vgpu_device {
  /** Its UUID, with which vgpu_source_open opens it. */
  char uuid[40];
  /** Its type's id, such as "i915-GVTg_V5_4". */
  char type[64];
  /** The name of the device that it is a slice of, such as "0000:00:02.0". */
  char parent[64];
  /** Its IOMMU group's number, or -1. */
  int32_t iommu_group;
  /** A process that has it open, as far as this one may see (/proc/PID/fd); else 0. */
  int32_t user;
} vgpu_device;

/**
 * Lists the host's vGPUs, by UUID.
 *
 * `devices` has room for `capacity` of them and may be NULL when that is 0; `count` becomes their
 * number, which can be larger, and larger again at the next call. Reads sysfs, and /proc for the
 * users.
 */
int32_t vgpu_list(vgpu_device *devices, size_t capacity, size_t *count, vgpu_error *error);

/* ---- A guest's screen ------------------------------------------------------------------------- */

/** Something that shows a guest's screen. Opened by vgpu_source_open or vgpu_source_open_fd, closed
 * by vgpu_source_close. */
typedef struct vgpu_source vgpu_source;

/** How to open, or'ed together. */
enum {
  /** A vGPU without a guest is waited for, at the polls, instead of being an error. */
  VGPU_OPEN_WAIT = 1,
  /** vgpu_source_set_monitor will be used. Without it nothing of the device is ever written. */
  VGPU_OPEN_MONITOR = 2
};

/**
 * Opens what `target` names: "mdev:UUID" or a bare UUID, "pid:N" or a bare number, "libvirt:NAME",
 * "libvirt:session/NAME", "libvirt:system/NAME", "bridge:PATH[/UUID]", what a `vgpu bridge` shows, or
 * "demo", a synthetic guest for trying things out.
 *
 * The device's descriptor is duplicated out of the process that has it (pidfd_getfd(2)), which needs
 * the right to trace that process: its user with /proc/sys/kernel/yama/ptrace_scope at 0, or
 * CAP_SYS_PTRACE. It is let go of within 0.1 s of polls after that process ends or closes the device,
 * or the vGPU is removed; a vGPU that has a UUID is found again when its next guest starts.
 *
 * `flags`: VGPU_OPEN_*. `device`: the number of the device's descriptor in the process, where it has
 * several; else -1. Blocks while libvirt is asked, where the target is a domain.
 */
vgpu_source *vgpu_source_open(
    const char *target, uint32_t flags, int32_t device, vgpu_error *error);

/**
 * Opens a device that the caller has itself, such as a VM manager that hands it to QEMU: needs no
 * right to look into another process.
 *
 * `fd`: an open VFIO device; it is duplicated and stays the caller's. `uuid`: its vGPU's. `process`:
 * the guest's, at whose end the duplicate is closed, as the kernel keeps a device busy as long as
 * anyone holds it; afterwards the vGPU is waited for as by vgpu_source_open.
 */
vgpu_source *vgpu_source_open_fd(
    int32_t fd, const char *uuid, int32_t process, uint32_t flags, vgpu_error *error);

/** Closes a source: its device, its timer. Buffers that were got from it live on. */
void vgpu_source_close(vgpu_source *source);

/** What is looked at, as UTF-8. At most `size` bytes are written, the NUL with them; returns the
 * length of the whole without it, as snprintf(3) does. */
size_t vgpu_source_name(const vgpu_source *source, char *text, size_t size);

/** The process that holds the device, such as the guest's QEMU; 0 while there is none. */
int32_t vgpu_source_process(const vgpu_source *source);

/** What a poll can find. */
enum {
  /** A picture. */
  VGPU_STATE_FRAME = 1,
  /** None: the guest's driver has not started, or has switched the screen off. */
  VGPU_STATE_OFF = 2,
  /** None: there is no guest yet, or no longer; it is waited for. */
  VGPU_STATE_WAITING = 3,
  /** None for now: the guest is setting a mode, or shows something that makes no sense. */
  VGPU_STATE_TROUBLE = 4,
  /** None, and there will be none: the device has no display, or is gone. */
  VGPU_STATE_ENDED = 5
};

/** What a guest's screen shows at one moment. */
typedef struct vgpu_frame {
  /** Counts how often the guest has shown another buffer than before, from 1. It stays while a
   * guest draws into the buffer that it shows. */
  uint64_t flip;
  /** When this flip was seen first: nanoseconds of CLOCK_MONOTONIC. */
  uint64_t detected_ns;
  /** The buffer: the same number for the same buffer, never reused in this process. So what was
   * made of a buffer (an EGLImage, a Vulkan image) can be kept by it. */
  uint64_t buffer_id;
  /** The cursor's buffer; 0 when the guest has no cursor on a plane of its own. */
  uint64_t cursor_id;
  /** The upper left corner of the cursor's picture, in pixels from that of the frame. */
  int32_t cursor_x;
  int32_t cursor_y;
  /** The pixel of the cursor's picture that points; -1 where the guest does not say. */
  int32_t hotspot_x;
  int32_t hotspot_y;
} vgpu_frame;

/**
 * Looks at the guest's screen now (VFIO_DEVICE_QUERY_GFX_PLANE, one call a plane): some
 * microseconds, never blocking. While the guest flips among buffers that are known it fetches and
 * allocates nothing.
 *
 * Fills `frame`, which may be NULL, when it returns VGPU_STATE_FRAME, and else sets it to zero.
 * Returns VGPU_STATE_*; VGPU_STATE_ENDED for NULL. It also reads off the timer of vgpu_source_fd.
 */
int32_t vgpu_source_poll(vgpu_source *source, vgpu_frame *frame);

/** Why the last poll found no picture, and what to do about it: one line, empty after a frame.
 * Written and returned as by vgpu_source_name. */
size_t vgpu_source_message(const vgpu_source *source, char *text, size_t size);

/**
 * A descriptor for the program's event loop: readable `rate` times a second, and then it is time to
 * call vgpu_source_poll, which makes it unreadable again.
 *
 * It is a timer (timerfd_create(2)), as the kernel signals neither flips nor vertical blanks of a
 * guest: whoever shows frames looks once before each refresh of the monitor. Who knows that moment,
 * by presentation feedback, needs no timer.
 *
 * `rate`: in Hz, above 0 and at most 1000. Called again it changes the rate and returns the same
 * descriptor. The source owns it: wait for it (poll(2), epoll, GLib), never read or close it.
 * Returns -1 on failure.
 */
int32_t vgpu_source_fd(vgpu_source *source, double rate, vgpu_error *error);

/** What a source has done since it was opened. */
typedef struct vgpu_counters {
  /** Planes asked about (VFIO_DEVICE_QUERY_GFX_PLANE). */
  uint64_t queries;
  /** Buffers fetched (VFIO_DEVICE_GET_GFX_DMABUF) or regions mapped. */
  uint64_t gets;
  /** Polls at which the guest was setting a mode. */
  uint64_t transients;
  /** Times that the guest showed another buffer than before. */
  uint64_t flips;
} vgpu_counters;

/** What the source has done so far, at all its guests together. */
int32_t vgpu_source_counters(
    const vgpu_source *source, vgpu_counters *counters, vgpu_error *error);

/* ---- Buffers ---------------------------------------------------------------------------------- */

/** A reference to the memory of a picture. Released by vgpu_buffer_release; the memory lives as
 * long as one of its references does, whatever the guest and the source do. The guest goes on
 * drawing into it when it likes. */
typedef struct vgpu_buffer vgpu_buffer;

/** Which of a frame's pictures. */
enum {
  /** The screen. */
  VGPU_PLANE_PRIMARY = 1,
  /** The mouse pointer, where the guest has it on a plane of its own. */
  VGPU_PLANE_CURSOR = 2
};

/** Where a buffer's pixels are. */
enum {
  /** In a dma-buf. */
  VGPU_STORAGE_DMABUF = 1,
  /** In a memory file (memfd_create(2)) that stands in for one: the synthetic guest's, on machines
   * without /dev/udmabuf. */
  VGPU_STORAGE_MEMORY_FILE = 2,
  /** In a region of the device, for the CPU alone: there is no descriptor. */
  VGPU_STORAGE_REGION = 3
};

/** How a picture lies in its buffer. Checked: every pixel is inside the memory. */
typedef struct vgpu_buffer_info {
  /** As in vgpu_frame. */
  uint64_t id;
  /** The memory layout: a DRM format modifier (<drm_fourcc.h>), 0 for line after line. Import with
   * it, not without. */
  uint64_t modifier;
  /** The memory's true size in bytes, as the kernel knows it; 0 for a region. */
  uint64_t size;
  /** In pixels. */
  uint32_t width;
  uint32_t height;
  /** The pixel format: a DRM fourcc. All that drivers report have one memory plane. */
  uint32_t fourcc;
  /** Bytes from one line to the next. */
  uint32_t stride;
  /** Bytes from the memory's start to the first pixel. */
  uint32_t offset;
  /** One of VGPU_STORAGE_*. */
  int32_t storage;
} vgpu_buffer_info;

/** A new reference to a buffer of the frame that the last vgpu_source_poll found; `plane`:
 * VGPU_PLANE_*. The caller releases it. */
vgpu_buffer *vgpu_source_get_buffer(vgpu_source *source, int32_t plane, vgpu_error *error);

/** Gives up a reference. */
void vgpu_buffer_release(vgpu_buffer *buffer);

/** How the picture lies in the buffer. */
int32_t vgpu_buffer_describe(
    const vgpu_buffer *buffer, vgpu_buffer_info *info, vgpu_error *error);

/** The buffer's descriptor, to be borrowed for an import: it is the buffer's, never close it, and
 * hold the reference meanwhile. -1 for a region. */
int32_t vgpu_buffer_fd(const vgpu_buffer *buffer);

/** A duplicate of that descriptor, close-on-exec, which the caller closes; -1 on failure. */
int32_t vgpu_buffer_dup_fd(const vgpu_buffer *buffer, vgpu_error *error);

/**
 * Copies the picture: red, green and blue of each pixel, a byte each, line after line without gaps.
 *
 * `rgb` has room for `size` bytes, at least width * height * 3. VGPU_ERROR_UNSUPPORTED where only
 * the GPU can read the layout, and for formats that are no RGB. The guest may draw meanwhile: a copy
 * can show parts of two frames.
 */
int32_t vgpu_buffer_copy_rgb(
    vgpu_buffer *buffer, uint8_t *rgb, size_t size, vgpu_error *error);

/**
 * Lets the CPU read the memory in place: calls `body` once, before it returns, with the bytes from
 * the memory's start to the picture's end, between the start and the end of DMA_BUF_IOCTL_SYNC. The
 * bytes are valid only within `body`, may change at any time, and must not be written. `body` must not call a function
 * with this buffer's source, nor with another buffer of it, nor leave by longjmp or an exception.
 *
 * The memory can go meanwhile, as a device's does that is reset. `body` then finds zeros, the result
 * is an error, and the next frame has another buffer. For that the library handles SIGBUS as long as
 * `body` runs, and as long as vgpu_buffer_copy_rgb does: faults outside of this memory go to the
 * handler that the program has, which is in its place again afterwards.
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
 * Gives the guest a monitor that prefers this mode, by the device's EDID region: unplugs the one
 * that it sees and plugs the new one in 0.1 s later, polls or no polls, at the latest when the source
 * is closed or the process calls exit(3). A guest that comes back later gets it too.
 *
 * Needs VGPU_OPEN_MONITOR. VGPU_ERROR_UNSUPPORTED where the driver has no EDID region, or makes no
 * pictures of that size. Whether the guest then changes its mode is the guest's affair.
 */
int32_t vgpu_source_set_monitor(
    vgpu_source *source, uint32_t width, uint32_t height, double rate, vgpu_error *error);

/** The largest picture that the driver makes, in pixels; each 0 where it does not say.
 * VGPU_ERROR_UNSUPPORTED while the guest's monitor cannot be exchanged. */
int32_t vgpu_source_monitor_limits(
    const vgpu_source *source, uint32_t *width, uint32_t *height, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#endif
