/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: this host's vGPUs, made and removed, and the check of the host. A part of <vgpu/vgpu.h>.
 *
 * Making, starting and removing vGPUs needs root. All functions block: on sysfs, and those with
 * "persistent" on mdevctl(8) too.
 */

#ifndef VGPU_VGPU_H
#error "include <vgpu/vgpu.h>, not its parts"
#endif

#ifndef VGPU_HOST_H
#define VGPU_HOST_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types of vGPU ---------------------------------------------------------------------------- */

/** A type of vGPU that a GPU offers: /sys/class/mdev_bus/PARENT/mdev_supported_types/ID. Texts that
 * are longer are cut; a text that the driver does not tell is empty. */
typedef struct vgpu_type {
  /** The type's id, such as "i915-GVTg_V5_4", for vgpu_device_create. */
  char id[64];
  /** The name of the parent device that offers it, such as "0000:00:02.0". Another parent may offer a
   * type of the same id. */
  char parent[64];
  /** The driver's name for it, for people. */
  char name[64];
  /** The driver's description in one line, for people. */
  char description[256];
  /** The number of vGPUs of this type that can still be made on this parent, or -1 when the driver
   * does not tell. A vGPU of another type on the same parent may lower it. */
  int32_t available;
  /** 0. */
  int32_t reserved;
} vgpu_type;

/** Lists the types of vGPU that this host's GPUs offer, by parent and id. The parameters are like
 * vgpu_list's. */
int32_t vgpu_list_types(vgpu_type *types, size_t capacity, size_t *count, vgpu_error *error);

/* ---- vGPUs ------------------------------------------------------------------------------------ */

/** Options of making a vGPU, or'ed together. */
enum {
  /** mdevctl(8) keeps the vGPU: the host makes it again at each boot. */
  VGPU_CREATE_PERSISTENT = 1,
  /** With VGPU_CREATE_PERSISTENT: not at boot, but when vgpu_device_start asks for it. */
  VGPU_CREATE_MANUAL = 2
};

/**
 * Makes a vGPU: writes its UUID to the type's file `create`, and waits until a guest can open it. A
 * vGPU that cannot be used, or that mdevctl does not keep, is removed again.
 *
 * `type`: a type's id. `parent`: the parent's name, or NULL for the first one with an instance left.
 * `uuid`: the vGPU's name, or NULL for a random UUID. `flags`: VGPU_CREATE_*. `device` gets the new
 * vGPU, and may be NULL.
 *
 * VGPU_ERROR_NOT_FOUND: no parent offers the type, or mdevctl is not installed. VGPU_ERROR_AMBIGUOUS:
 * several parents offer types of this id that differ. VGPU_ERROR_IN_USE: there is such a UUID already.
 * VGPU_ERROR_NOT_PERMITTED: not root. VGPU_ERROR_SYSTEM: no instance is left, the kernel or mdevctl
 * refuses it.
 */
int32_t vgpu_device_create(
    const char *type, const char *parent, const char *uuid, uint32_t flags, vgpu_device *device,
    vgpu_error *error);

/** Options of removing a vGPU, or'ed together. */
enum {
  /** For good: mdevctl(8) forgets the vGPU too. Also for a persistent vGPU that does not run. */
  VGPU_REMOVE_PERSISTENT = 1
};

/**
 * Removes a vGPU, and returns when it is gone. Without VGPU_REMOVE_PERSISTENT a persistent vGPU comes
 * back at the next boot, or by vgpu_device_start. A vGPU that somebody has open stays.
 *
 * VGPU_ERROR_NOT_FOUND: no such vGPU. VGPU_ERROR_IN_USE: a process has it open.
 */
int32_t vgpu_device_remove(const char *uuid, uint32_t flags, vgpu_error *error);

/**
 * Has mdevctl(8) make a persistent vGPU now. A vGPU that runs stays as it is.
 *
 * VGPU_ERROR_NOT_FOUND: mdevctl keeps no such vGPU, or is not installed.
 */
int32_t vgpu_device_start(const char *uuid, vgpu_error *error);

/** When the host makes a persistent vGPU. */
enum {
  /** At boot, as soon as its parent is there. */
  VGPU_START_AUTO = 1,
  /** When vgpu_device_start asks for it. */
  VGPU_START_MANUAL = 2
};

/** A vGPU that mdevctl(8) keeps, whether it runs or not. Texts that are longer are cut. */
typedef struct vgpu_persistent_device {
  /** As in vgpu_device. */
  char uuid[40];
  char type[64];
  char parent[64];
  /** One of VGPU_START_*. */
  int32_t start;
  /** 0. */
  int32_t reserved;
} vgpu_persistent_device;

/** Lists the vGPUs that mdevctl(8) keeps, by UUID. There are none when mdevctl is not installed. The
 * parameters are like vgpu_list's. */
int32_t vgpu_list_persistent(
    vgpu_persistent_device *devices, size_t capacity, size_t *count, vgpu_error *error);

/* ---- The host's check ------------------------------------------------------------------------- */

/** What a host is to do; also the kind of a guest's graphics. */
enum {
  /** For vgpu_plan_set_profile alone: VGPU_PROFILE_GVT_G with a vGPU, else VGPU_PROFILE_VIRTIO. */
  VGPU_PROFILE_DEFAULT = 0,
  /** Give parts of a GPU to guests: vGPUs, such as Intel GVT-g's. */
  VGPU_PROFILE_GVT_G = 1,
  /** Give Intel's integrated GPU to a guest, whole. */
  VGPU_PROFILE_IGD = 2,
  /** Give a graphics card to a guest, whole. */
  VGPU_PROFILE_GPU = 3,
  /** Give QEMU's virtio GPU to guests: the host needs no GPU, and QEMU its D-Bus display. */
  VGPU_PROFILE_VIRTIO = 4,
  /** For vgpu_check_host alone: give virtual functions (SR-IOV) of a GPU to guests. */
  VGPU_PROFILE_SRIOV = 5,
  /** For vgpu_check_host alone: give vGPUs of an NVIDIA GPU to guests. */
  VGPU_PROFILE_NVIDIA = 6
};

/**
 * Checks this host for a purpose, and reports as `vgpu doctor --json` does: an object of JSON in UTF-8
 * with `purpose`, `device` and the list `findings`. Each finding has `id`, `title`, `area`, `result`
 * ("ok", "warn", "fail", "not applicable"), `found`, `why`, `remedy`, `documentation` and `fix`. The
 * host is ready when no result is "fail". Ignore keys that you do not know: the report grows.
 *
 * Changes nothing. Takes some seconds: asks QEMU for its abilities, and EGL about the GPU, which may
 * load the GPU's driver into this process. As root it sees more.
 *
 * `profile`: VGPU_PROFILE_*, but not VGPU_PROFILE_DEFAULT. `device`: the PCI address of the GPU, or NULL for the usual one.
 * `memory_mib`: the memory of a guest in MiB, or 0 for 4096. `qemu`: QEMU's program, by its path or by a
 * name in PATH, or NULL for "qemu-system-x86_64".
 *
 * Returns a text that the caller frees with free(3); NULL on failure.
 */
char *vgpu_check_host(
    int32_t profile, const char *device, uint32_t memory_mib, const char *qemu, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#endif
