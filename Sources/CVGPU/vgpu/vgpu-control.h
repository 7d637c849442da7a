/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: a running guest's keyboard, pointer, power and devices, over QEMU's machine protocol (QMP).
 * A part of <vgpu/vgpu.h>.
 */

#ifndef VGPU_VGPU_H
#error "include <vgpu/vgpu.h>, not its parts"
#endif

#ifndef VGPU_CONTROL_H
#define VGPU_CONTROL_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The connection --------------------------------------------------------------------------- */

/**
 * A guest under control. It connects again by itself when the connection or QEMU ends. Closing it
 * releases every key and button that it has pressed.
 */
typedef struct vgpu_control vgpu_control;

/**
 * Connects to a guest's QEMU. `target`: as for vgpu_source_open, but neither a bridge nor "demo".
 * `socket`: the path of a QMP socket of that QEMU's, or NULL for the sockets of QEMU's command line,
 * or libvirt. QEMU serves one client at a time at each socket.
 *
 * `flags`: 0, or VGPU_OPEN_WAIT, with which this does not wait for the connection: the control
 * connects as soon as it can. Without it this blocks until there is a connection or a reason why there
 * is none, 2 s at most for each socket. VGPU_ERROR_NOT_RUNNING: nobody runs the vGPU or the domain.
 * VGPU_ERROR_IN_USE: another client is connected. VGPU_ERROR_UNSUPPORTED: QEMU serves no QMP.
 */
vgpu_control *vgpu_control_open(
    const char *target, const char *socket, uint32_t flags, vgpu_error *error);

/** Connects to the QEMU of the guest that a source shows, and follows the guest to its next process,
 * at the source's polls. The last control of a source follows. Does not wait for the connection. The
 * control may outlive the source. */
vgpu_control *vgpu_source_open_control(vgpu_source *source, vgpu_error *error);

/** Connects to a guest that was started by this process, and waits for the connection as
 * vgpu_control_open does. The control may outlive the guest's handle. */
vgpu_control *vgpu_guest_open_control(vgpu_guest *guest, vgpu_error *error);

/** Releases every key and button that QEMU has been told of, and closes the connection. Blocks until
 * QEMU has taken the releases, 2 s at most. Events that QEMU has not taken are dropped. */
void vgpu_control_close(vgpu_control *control);

/** The devices through which a guest takes input. */
enum {
  VGPU_INPUT_KEYBOARD = 1,
  /** Takes vgpu_control_relative. */
  VGPU_INPUT_MOUSE = 2,
  /** Takes vgpu_control_absolute. */
  VGPU_INPUT_TABLET = 4,
  /** Takes vgpu_control_touch. The guest has it by QEMU's virtio-multitouch-pci (QEMU 8.1). */
  VGPU_INPUT_TOUCH_SCREEN = 8
};

/** The devices that take input now: VGPU_INPUT_* or'ed together; 0 while the guest takes none, and for
 * NULL. It may take a second until a tablet that the guest's system has just started is known. */
uint32_t vgpu_control_input(const vgpu_control *control);

/** Writes why the guest takes no input: one line, empty while it takes some. `text`, `size` and the
 * result are like vgpu_source_name's. */
size_t vgpu_control_message(const vgpu_control *control, char *text, size_t size);

/* ---- Input ------------------------------------------------------------------------------------ */

/*
 * These functions only take a lock: they never block on the guest. Events that QEMU has not taken yet
 * are merged and bounded; the release of a key that the guest believes to be down is never lost.
 * Pressing a key that is down does nothing, because the guest repeats keys itself. VGPU_ERROR_NOT_RUNNING
 * while the guest takes no input; the message says why.
 */

/** Presses (`down` 1) or releases (0) a key, by its place: Linux's key code, such as KEY_A
 * (<linux/input-event-codes.h>); those of X11 and Wayland minus 8. */
int32_t vgpu_control_key(
    vgpu_control *control, uint32_t code, int32_t down, vgpu_error *error);

/** Presses or releases a button of the mouse: BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE or BTN_EXTRA
 * (<linux/input-event-codes.h>). */
int32_t vgpu_control_button(
    vgpu_control *control, uint32_t button, int32_t down, vgpu_error *error);

/** The far edge of the screen for vgpu_control_absolute. */
#define VGPU_ABSOLUTE_MAXIMUM 0x7fff

/** Moves the pointer to a place of the screen: 0 is the left and upper edge, VGPU_ABSOLUTE_MAXIMUM the
 * right and lower one, at every resolution. A place beyond them becomes the edge. */
int32_t vgpu_control_absolute(vgpu_control *control, int32_t x, int32_t y, vgpu_error *error);

/** Moves the mouse by this many of its steps; right and down are positive. */
int32_t vgpu_control_relative(vgpu_control *control, int32_t dx, int32_t dy, vgpu_error *error);

/** The axis of a wheel, with Wayland's numbers. */
enum {
  VGPU_AXIS_VERTICAL = 0,
  VGPU_AXIS_HORIZONTAL = 1
};

/** Turns a wheel by so many notches; down and right are positive. `axis`: VGPU_AXIS_*. */
int32_t vgpu_control_wheel(
    vgpu_control *control, int32_t axis, int32_t notches, vgpu_error *error);

/** What a finger does. */
enum {
  VGPU_TOUCH_DOWN = 0,
  VGPU_TOUCH_MOVE = 1,
  VGPU_TOUCH_UP = 2
};

/** The most fingers of vgpu_control_touch. */
#define VGPU_MOST_TOUCHES 10

/** Touches the screen with a finger, moves it there, or lifts it; for a guest with
 * VGPU_INPUT_TOUCH_SCREEN. VGPU_ERROR_UNSUPPORTED for any other: make a pointer of the first finger then.
 * `kind`: VGPU_TOUCH_*. `slot`: the finger's number for as long as it touches, from 0 to
 * VGPU_MOST_TOUCHES - 1. `x`, `y`: as for vgpu_control_absolute; not read with VGPU_TOUCH_UP. A finger that
 * does not touch neither moves nor lifts. */
int32_t vgpu_control_touch(
    vgpu_control *control, int32_t kind, int32_t slot, int32_t x, int32_t y, vgpu_error *error);

/** Releases every key and button and lifts every finger, such as when the window loses the focus. */
int32_t vgpu_control_release_all(vgpu_control *control, vgpu_error *error);

/* ---- Power ------------------------------------------------------------------------------------ */

/*
 * These functions wait for QEMU's answer, 10 s at most. VGPU_ERROR_NOT_RUNNING while there is no
 * connection.
 */

/** Presses the power button. The guest's system decides what it does then; vgpu_control_read_event
 * tells it. */
int32_t vgpu_control_power_down(vgpu_control *control, vgpu_error *error);

/** Presses the reset button. */
int32_t vgpu_control_reset(vgpu_control *control, vgpu_error *error);

/** Ends QEMU at once, like pulling the plug. */
int32_t vgpu_control_quit(vgpu_control *control, vgpu_error *error);

/** What a guest's machine does. */
enum {
  /** Not known: there is no connection. */
  VGPU_MACHINE_STATE_UNKNOWN = 0,
  VGPU_MACHINE_STATE_RUNNING = 1,
  /** Stopped by a person, a debugger, a migration or a disk's error. */
  VGPU_MACHINE_STATE_PAUSED = 2,
  /** Sleeps (ACPI S3). */
  VGPU_MACHINE_STATE_SUSPENDED = 3,
  /** Has powered off, but QEMU has not ended. */
  VGPU_MACHINE_STATE_POWERED_OFF = 4,
  /** Its kernel has crashed and said so. */
  VGPU_MACHINE_STATE_PANICKED = 5
};

/** The machine's last known state: VGPU_MACHINE_STATE_*. */
int32_t vgpu_control_machine(const vgpu_control *control);

/* ---- Events ----------------------------------------------------------------------------------- */

/** What has happened. More kinds may come: ignore those that you do not know. */
enum {
  /** There is a connection. */
  VGPU_EVENT_CONNECTED = 1,
  /** There is none any more, or none could be made; `text` says why, once for each reason. */
  VGPU_EVENT_DISCONNECTED = 2,
  /** The machine's state has changed; `detail` is VGPU_MACHINE_STATE_*. */
  VGPU_EVENT_MACHINE = 3,
  /** The machine was reset; `detail` is 1 when the guest did it, else 0. */
  VGPU_EVENT_RESET = 4,
  /** The machine ends; `detail` is 1 when the guest did it, else 0, `text` QMP's ShutdownCause. */
  VGPU_EVENT_SHUTDOWN = 5,
  /** A key was pressed for which this QEMU has no name; `detail` is its code. Once for each key. */
  VGPU_EVENT_UNKNOWN_KEY = 6
};

/** An event of a guest. A longer text is cut. */
typedef struct vgpu_event {
  /** One of VGPU_EVENT_*. */
  int32_t kind;
  int32_t detail;
  char text[248];
} vgpu_event;

/** A descriptor that is readable while vgpu_control_read_event has an event (an eventfd). The control
 * owns it: wait for it, never read or close it. The events are those since the control was opened, the
 * last 256 at most. -1 on failure. */
int32_t vgpu_control_fd(vgpu_control *control, vgpu_error *error);

/** Takes the oldest event. Never blocks. Returns 1, or 0 when there is none, which sets `event` to
 * zero. */
int32_t vgpu_control_read_event(vgpu_control *control, vgpu_event *event);

/* ---- Hot-plug --------------------------------------------------------------------------------- */

/*
 * A device is "/dev/NODE" of a SCSI or SATA device, such as "/dev/sr0", which the guest gets with all
 * its commands, or a USB device: "usb:046d:c52b" (vendor, product) or "usb:1.4" (bus, device). QEMU's
 * user must have the right to open it. Each function waits for QEMU's answers, 30 s at most for each.
 */

/** Plugs a device of the host into the guest. A failure leaves the guest as it was.
 * VGPU_ERROR_NOT_FOUND: the host has no such device. VGPU_ERROR_IN_USE: the guest has it already.
 * VGPU_ERROR_UNSUPPORTED: the guest has no controller for it. VGPU_ERROR_NOT_PERMITTED: QEMU may not
 * open it. */
int32_t vgpu_control_plug(vgpu_control *control, const char *device, vgpu_error *error);

/** Unplugs a device that was plugged in, by this process or another, and waits until the guest has let
 * go of it, `patience_ms` milliseconds at most. VGPU_ERROR_NOT_FOUND: it is not plugged in.
 * VGPU_ERROR_IN_USE: the guest keeps it. */
int32_t vgpu_control_unplug(
    vgpu_control *control, const char *device, uint32_t patience_ms, vgpu_error *error);

/** A device that is plugged into a guest, as vgpu_control_plug takes it. A longer name is cut. */
typedef struct vgpu_plugged {
  char device[64];
} vgpu_plugged;

/** Lists the devices that were plugged in and are still there. The parameters are like vgpu_list's. */
int32_t vgpu_control_list_plugged(
    vgpu_control *control, vgpu_plugged *devices, size_t capacity, size_t *count, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#endif
