/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: guests, described and started in QEMU. A part of <vgpu/vgpu.h>.
 *
 *     vgpu_plan *plan = vgpu_plan_new();
 *     vgpu_plan_set_vgpu(plan, "i915-GVTg_V5_4", &error);
 *     vgpu_plan_add_disk(plan, "linux.qcow2", &error);
 *     vgpu_guest *guest = vgpu_guest_start(plan, &error);
 *     vgpu_plan_free(plan);
 *     vgpu_source *source = vgpu_guest_open_source(guest, 0, &error);
 *     vgpu_control *control = vgpu_guest_open_control(guest, &error);
 *     ... show, type; wait for vgpu_guest_fd()
 *     vgpu_control_close(control);
 *     vgpu_source_close(source);          before the end: it keeps the vGPU busy
 *     vgpu_guest_end(guest, 30000, &error);
 *     vgpu_guest_close(guest);
 *
 * Without vgpu_plan_set_vgpu the guest has QEMU's virtio GPU, and the host needs no GPU.
 */

#ifndef VGPU_VGPU_H
#error "include <vgpu/vgpu.h>, not its parts"
#endif

#ifndef VGPU_GUEST_H
#define VGPU_GUEST_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A guest's description -------------------------------------------------------------------- */

/**
 * A guest, described before anything is made for it. vgpu_plan_new makes it, vgpu_plan_free frees it.
 * A plan that was just made has 4096 MiB of memory, two processors, QEMU's own network, no disk, and
 * QEMU's virtio GPU, which needs nothing of the host.
 *
 * Each vgpu_plan_set_* replaces, each vgpu_plan_add_* adds; a failed one leaves the plan as it was.
 * All copy their texts. They check only the form of a value; vgpu_guest_start looks at files and
 * devices. One plan can start several guests, with other vGPUs or names.
 */
typedef struct vgpu_plan vgpu_plan;

/** Makes a plan. */
vgpu_plan *vgpu_plan_new(void);

/** Frees a plan. Guests that were started from it live on. */
void vgpu_plan_free(vgpu_plan *plan);

/** Names the guest for QEMU and libvirt, and its files. NULL: by the vGPU's UUID or the GPU's
 * address; with a virtio GPU by the first disk's file, or at random without a disk. */
int32_t vgpu_plan_set_name(vgpu_plan *plan, const char *name, vgpu_error *error);

/** Chooses the kind of graphics: VGPU_PROFILE_*, at first VGPU_PROFILE_DEFAULT. A guest with
 * VGPU_PROFILE_VIRTIO has no vGPU, one with VGPU_PROFILE_GVT_G needs one. */
int32_t vgpu_plan_set_profile(vgpu_plan *plan, int32_t profile, vgpu_error *error);

/** Gives the guest a vGPU: an existing one by its UUID, or a type's id. With an id, a vGPU is made
 * when the guest starts, and removed after its end by vgpu_guest_end or vgpu_guest_clean_up. NULL:
 * none. */
int32_t vgpu_plan_set_vgpu(vgpu_plan *plan, const char *vgpu, vgpu_error *error);

/** Gives the guest a whole GPU, by its PCI address: "01:00" for the card with all its functions,
 * "01:00.0" for one function. NULL: "00:02.0" with VGPU_PROFILE_IGD. */
int32_t vgpu_plan_set_gpu(vgpu_plan *plan, const char *address, vgpu_error *error);

/** Uses this file as the whole GPU's ROM. NULL: the GPU's own. */
int32_t vgpu_plan_set_rom(vgpu_plan *plan, const char *file, vgpu_error *error);

/** Adds a disk: "FILE[,format=raw|qcow2][,backing=FILE]...[,data-file=FILE]", with each comma of a
 * file's name doubled. With ",size=64G" the disk is made when the guest starts, never over an existing
 * file, and removed when the start fails. Without `format`, a name that ends in ".qcow2" is a qcow2 image, and any other
 * one raw. QEMU opens only the files that are named here. */
int32_t vgpu_plan_add_disk(vgpu_plan *plan, const char *disk, vgpu_error *error);

/** Inserts a CD image or gives the guest an optical drive, in the form of vgpu_plan_add_disk, in place
 * of all CDs that the plan has. NULL: none. */
int32_t vgpu_plan_set_cdrom(vgpu_plan *plan, const char *disk, vgpu_error *error);

/** Adds a CD to those that the plan has, such as one with drivers beside an installer. The guest starts
 * from its disks first, and from a CD when they are empty. */
int32_t vgpu_plan_add_cdrom(vgpu_plan *plan, const char *disk, vgpu_error *error);

/** The guest's memory in MiB: 1 to 16777216. */
int32_t vgpu_plan_set_memory(vgpu_plan *plan, uint32_t mebibytes, vgpu_error *error);

/** The number of the guest's processors: 1 to 512. */
int32_t vgpu_plan_set_cpus(vgpu_plan *plan, uint32_t count, vgpu_error *error);

/** What runs before the guest's system. */
enum {
  /** As fits the graphics: UEFI with VGPU_PROFILE_GPU, else BIOS. */
  VGPU_FIRMWARE_DEFAULT = 0,
  /** SeaBIOS, which comes with QEMU. */
  VGPU_FIRMWARE_BIOS = 1,
  /** The newest UEFI that is installed, with variables of the guest's own. */
  VGPU_FIRMWARE_UEFI = 2
};

/** Chooses the firmware: VGPU_FIRMWARE_*. */
int32_t vgpu_plan_set_firmware(vgpu_plan *plan, int32_t firmware, vgpu_error *error);

/** A mainboard. */
enum {
  /** As fits the graphics: PC with VGPU_PROFILE_IGD, else Q35. */
  VGPU_MACHINE_DEFAULT = 0,
  /** QEMU's `q35`: PCI Express. */
  VGPU_MACHINE_Q35 = 1,
  /** QEMU's `pc`: PCI (i440fx). */
  VGPU_MACHINE_PC = 2
};

/** Chooses the mainboard: VGPU_MACHINE_*. */
int32_t vgpu_plan_set_machine(vgpu_plan *plan, int32_t machine, vgpu_error *error);

/** What a guest has or has not. */
enum {
  /** Windows: Hyper-V's interfaces, the clock in local time, no virtio unless asked for. At first
   * off. */
  VGPU_FEATURE_WINDOWS = 1,
  /** Disks and network of virtio; else SATA, for 6 disks with the CD, and an Intel network card. At
   * first as VGPU_FEATURE_WINDOWS needs. */
  VGPU_FEATURE_VIRTIO = 2,
  /** A simple screen for firmware and boot loader, until the guest's driver starts the vGPU. At first
   * with Intel's vGPUs. */
  VGPU_FEATURE_BOOT_SCREEN = 3,
  /** KVM; else the guest is emulated, slowly. At first when this user can use KVM. */
  VGPU_FEATURE_KVM = 4,
  /** The guest does not see that it is one. At first with VGPU_PROFILE_GPU. */
  VGPU_FEATURE_HIDDEN_HYPERVISOR = 5,
  /** VGA's registers, for a graphics card. At first when the card has them. */
  VGPU_FEATURE_VGA = 6,
  /** Each of the guest's processors on one of the host's alone. At first off. */
  VGPU_FEATURE_PINNING = 7,
  /** OpenGL for a virtio GPU: the host's GPU draws for the guest. At first when QEMU can, this user may
   * open a render node, a trial of its driver in this process succeeds, and the guest is not Windows. */
  VGPU_FEATURE_GL = 8,
  /** UEFI that starts only programs which Microsoft has signed. It needs VGPU_MACHINE_Q35. At first
   * off. */
  VGPU_FEATURE_SECURE_BOOT = 9,
  /** A TPM 2.0, emulated by the program swtpm. At first off. */
  VGPU_FEATURE_TPM = 10,
  /** A port for qemu-guest-agent, which shuts down a guest that takes no notice of its power button.
   * At first on. */
  VGPU_FEATURE_GUEST_AGENT = 11
};

/** Switches a feature on (1) or off (0), or back to what it was at first (-1). `feature`:
 * VGPU_FEATURE_*. */
int32_t vgpu_plan_set_feature(
    vgpu_plan *plan, int32_t feature, int32_t value, vgpu_error *error);

/** Adds a PCI function ("05:00.0") or a whole PCI device ("05:00") of the host, bound to vfio-pci. */
int32_t vgpu_plan_add_pci(vgpu_plan *plan, const char *address, vgpu_error *error);

/** Adds a USB device of the host: "046d:c52b" (vendor, product) or "1.4" (bus, device). */
int32_t vgpu_plan_add_usb(vgpu_plan *plan, const char *device, vgpu_error *error);

/** Adds a SCSI or SATA device of the host with all its commands, such as "/dev/sr0"; 8 at most. */
int32_t vgpu_plan_add_scsi(vgpu_plan *plan, const char *node, vgpu_error *error);

/** Shares a folder of the host with the guest, which may only read when `read_only` is not 0: by
 * virtiofsd when it is installed, else by 9p. A note of the guest's tells how the guest mounts it.
 * Eight at most. */
int32_t vgpu_plan_add_share(
    vgpu_plan *plan, const char *folder, int32_t read_only, vgpu_error *error);

/** Connects the guest: "user" (through QEMU; needs no rights), "tap:NAME" (this interface of the
 * host), "tap" (one that QEMU makes; needs root) or "none". */
int32_t vgpu_plan_set_network(vgpu_plan *plan, const char *network, vgpu_error *error);

/** Puts the guest's memory into huge pages of 2 or 1024 MiB, which the administrator has reserved; 0:
 * into ordinary pages. */
int32_t vgpu_plan_set_huge_pages(vgpu_plan *plan, uint32_t mebibytes, vgpu_error *error);

/** Adds an argument for QEMU, unchanged. "-daemonize" is refused at the start: the guest outlives this
 * process anyway. */
int32_t vgpu_plan_add_argument(vgpu_plan *plan, const char *argument, vgpu_error *error);

/** Uses this QEMU: a path, or a name that is looked for in PATH. NULL: "qemu-system-x86_64". */
int32_t vgpu_plan_set_qemu(vgpu_plan *plan, const char *program, vgpu_error *error);

/**
 * Chooses the folders for the guest's files: `state` for its log and UEFI's variables, `sockets` for
 * its QMP sockets, whose paths may have 107 bytes at most. Both are made when they are missing, belong
 * to this user alone (mode 0700), and are given both or neither.
 *
 * NULL, NULL: "vgpu" in $XDG_STATE_HOME (~/.local/state) and in $XDG_RUNTIME_DIR, as `vgpu run` does.
 */
int32_t vgpu_plan_set_folders(
    vgpu_plan *plan, const char *state, const char *sockets, vgpu_error *error);

/**
 * The guest as a domain of libvirt's, for virDomainDefineXML. Nothing is made or started. Disks must
 * be on this host, because their headers are read; other devices may be missing. libvirt 8.4 or newer
 * is needed, or 8.2 when QEMU has no D-Bus display.
 *
 * Returns a text that the caller frees with free(3); NULL on failure.
 */
char *vgpu_plan_domain_xml(const vgpu_plan *plan, vgpu_error *error);

/* ---- A started guest -------------------------------------------------------------------------- */

/** A guest that this process has started. vgpu_guest_start makes it, vgpu_guest_close gives it up. */
typedef struct vgpu_guest vgpu_guest;

/**
 * Starts a guest: makes its vGPU when the plan names a type, runs QEMU in a session of its own, and
 * returns when QEMU has its devices: after a second, or after minutes when QEMU takes much memory at
 * once. A start that fails leaves only the guest's log: no process, no socket, no vGPU.
 *
 * The guest outlives this process. QEMU is its child, so that its end can be told: do not ignore
 * SIGCHLD, and do not wait(2) for all children.
 *
 * VGPU_ERROR_ARGUMENT: parts of the plan do not go together. VGPU_ERROR_NOT_FOUND: QEMU, a file or a
 * device is missing. VGPU_ERROR_IN_USE: a process has the vGPU, or a guest of this name runs.
 * VGPU_ERROR_UNSUPPORTED: this QEMU cannot do it. VGPU_ERROR_SYSTEM: QEMU has ended, and the message
 * has its last words.
 */
vgpu_guest *vgpu_guest_start(const vgpu_plan *plan, vgpu_error *error);

/** Gives the handle up. The guest runs on, and nothing of it is removed; vgpu_source_open and
 * vgpu_control_open find it again by its vGPU or its process. Nobody waits for QEMU then: after its end
 * it stays in the table of processes until this process ends. */
void vgpu_guest_close(vgpu_guest *guest);

/** Writes what a person should know about the start: the `index`th note from 0, such as that KVM cannot
 * be used. `text`, `size` and the result are like vgpu_source_name's; 0 when there is no such note. */
size_t vgpu_guest_note(const vgpu_guest *guest, size_t index, char *text, size_t size);

/** The number of QEMU's process. After the guest's end it may belong to another process. 0 for NULL. */
int32_t vgpu_guest_process(const vgpu_guest *guest);

/** Fills in the guest's vGPU. VGPU_ERROR_NO_DISPLAY when the guest has none. */
int32_t vgpu_guest_device(const vgpu_guest *guest, vgpu_device *device, vgpu_error *error);

/** Writes the path of the file with the output of QEMU and of the guest's serial ports. `text`, `size`
 * and the result are like vgpu_source_name's. */
size_t vgpu_guest_log(const vgpu_guest *guest, char *text, size_t size);

/** Writes the path of the guest's QMP socket for a client that stays connected. QEMU serves one client
 * at a time there; vgpu_guest_open_control uses it. `text`, `size` and the result are like
 * vgpu_source_name's. */
size_t vgpu_guest_socket(const vgpu_guest *guest, char *text, size_t size);

/** A descriptor that becomes readable when the guest's QEMU ends, and stays so (a pidfd). The guest
 * owns it: wait for it, never read or close it. -1 for NULL. */
int32_t vgpu_guest_fd(const vgpu_guest *guest);

/** Whether a guest runs. */
enum {
  /** Its QEMU runs, whatever its system does. */
  VGPU_GUEST_RUNNING = 1,
  /** Its QEMU has exited, with a code. */
  VGPU_GUEST_EXITED = 2,
  /** Its QEMU was ended by a signal. */
  VGPU_GUEST_KILLED = 3,
  /** Its QEMU has ended, and another part of this program has waited for it. */
  VGPU_GUEST_ENDED = 4
};

/** Tells whether the guest runs: VGPU_GUEST_*; VGPU_GUEST_ENDED for NULL. `detail`, which may be NULL,
 * gets the exit code or the signal's number, else 0. */
int32_t vgpu_guest_state(const vgpu_guest *guest, int32_t *detail);

/**
 * Opens the guest's screen: its vGPU's, by a duplicate of the device that QEMU was given where there is
 * one, which needs no right to look into QEMU; without a vGPU, the screen of QEMU's virtio GPU. `flags`: VGPU_OPEN_MONITOR or 0. Close the source before
 * vgpu_guest_end or vgpu_guest_clean_up, else a vGPU that was made for the guest is busy.
 *
 * VGPU_ERROR_NO_DISPLAY when the guest has neither.
 */
vgpu_source *vgpu_guest_open_source(vgpu_guest *guest, uint32_t flags, vgpu_error *error);

/** Ends QEMU at once (SIGKILL), and returns when it has ended. What the guest has not written to its
 * disks is lost. Does nothing when QEMU has ended. */
int32_t vgpu_guest_kill(vgpu_guest *guest, vgpu_error *error);

/**
 * Ends the guest and puts everything back: presses its power button, waits, kills QEMU when the guest
 * has not powered down after `patience_ms` milliseconds, and removes its sockets and a vGPU that was
 * made for it. Blocks as long.
 *
 * VGPU_ERROR_IN_USE when somebody still has the vGPU open: close it and call vgpu_guest_clean_up.
 * VGPU_ERROR_SYSTEM also when QEMU had failed by itself; everything is put back then.
 */
int32_t vgpu_guest_end(vgpu_guest *guest, uint32_t patience_ms, vgpu_error *error);

/** Puts back what was made for a guest that has ended by itself: its sockets, and its vGPU if it was
 * made for the guest. VGPU_ERROR_IN_USE while the guest runs; else as vgpu_guest_end. */
int32_t vgpu_guest_clean_up(vgpu_guest *guest, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#endif
