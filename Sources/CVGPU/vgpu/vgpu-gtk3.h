/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu-gtk3: a GTK 3 widget that shows a guest's screen, zero-copy, at the monitor's own rate.
 *
 *     XInitThreads();
 *     gtk_init(&argc, &argv);
 *     GtkWidget *view = vgpu_view_new("demo");
 *     gtk_container_add(GTK_CONTAINER(window), view);
 *
 * In Python, with `gi.require_version("VgpuGtk", "3.0")`: VgpuGtk.View(target="demo"). In a .ui file of
 * GtkBuilder's: <object class="VgpuView">; the program calls g_type_ensure(VGPU_TYPE_VIEW) before.
 *
 * Threads. All functions are for GTK's thread, which must be the process's first: on another thread a
 * call does nothing but a warning (g_return_if_fail). The view looks at the guest and draws it on a
 * thread of its own, which has its own connection on X11: with libX11 before 1.8 call XInitThreads
 * before anything else of X11's. The picture of a further view takes this thread and, beside the guest's
 * buffers, three descriptors (four on X11); input to the guest takes a thread and a socket more.
 *
 * Link with `pkg-config --cflags --libs vgpu-gtk3`; libvgpu is needed beside it only for
 * vgpu_view_open_source(). Symbols have the version VGPU_GTK3_0.
 */

#ifndef VGPU_VGPU_GTK3_H
#define VGPU_VGPU_GTK3_H

#include <gtk/gtk.h>

#include "vgpu.h"

G_BEGIN_DECLS

/**
 * VgpuScaling:
 * @VGPU_SCALING_FIT: As large as the widget allows.
 * @VGPU_SCALING_INTEGER: The largest whole multiple; like %VGPU_SCALING_FIT when the widget is smaller
 *   than the picture.
 * @VGPU_SCALING_ONE_TO_ONE: A pixel of the guest for each of the monitor, cut off when the widget is
 *   smaller.
 * @VGPU_SCALING_FILL: Covers the whole widget, cut off at two edges.
 *
 * The rule that sizes a guest's picture to the widget; every rule keeps the aspect ratio.
 */
typedef enum {
  VGPU_SCALING_FIT = 0,
  VGPU_SCALING_INTEGER = 1,
  VGPU_SCALING_ONE_TO_ONE = 2,
  VGPU_SCALING_FILL = 3
} VgpuScaling;

GType vgpu_scaling_get_type(void);
#define VGPU_TYPE_SCALING (vgpu_scaling_get_type())

/**
 * VgpuInput:
 * @VGPU_INPUT_NONE: The view only shows.
 * @VGPU_INPUT_GUEST: The guest gets keyboard and mouse, by the best way that is known: libvirt for a
 *   domain, else a QMP socket in the command line of the process that has the device. Until the guest's
 *   own driver shows something, the view shows the firmware's screen.
 * @VGPU_INPUT_SIGNALS: The program gets them: #VgpuView::guest-key and the signals after it.
 *
 * The receiver of keyboard and mouse.
 */
typedef enum {
  VGPU_INPUT_NONE = 0,
  VGPU_INPUT_GUEST = 1,
  VGPU_INPUT_SIGNALS = 2
} VgpuInput;

GType vgpu_input_get_type(void);
#define VGPU_TYPE_INPUT (vgpu_input_get_type())

/**
 * VgpuViewState:
 * @VGPU_VIEW_STATE_EMPTY: There is no target.
 * @VGPU_VIEW_STATE_WAITING: No picture yet, or none at the moment: #VgpuView:message says why.
 * @VGPU_VIEW_STATE_SHOWING: The guest's picture.
 * @VGPU_VIEW_STATE_FAILED: No picture, and there will be none: #VgpuView:error says why. Open a target
 *   to leave this state.
 *
 * The content of a view. The state changes only while the widget is on the screen.
 */
typedef enum {
  VGPU_VIEW_STATE_EMPTY = 0,
  VGPU_VIEW_STATE_WAITING = 1,
  VGPU_VIEW_STATE_SHOWING = 2,
  VGPU_VIEW_STATE_FAILED = 3
} VgpuViewState;

GType vgpu_view_state_get_type(void);
#define VGPU_TYPE_VIEW_STATE (vgpu_view_state_get_type())

/**
 * VgpuViewError:
 * @VGPU_VIEW_ERROR_ARGUMENT: The caller's mistake: a text that names no target.
 * @VGPU_VIEW_ERROR_NOT_FOUND: There is no such vGPU, process, domain or descriptor.
 * @VGPU_VIEW_ERROR_NOT_RUNNING: The vGPU exists, but no guest uses it now, and #VgpuView:wait is %FALSE.
 * @VGPU_VIEW_ERROR_NOT_PERMITTED: The kernel or libvirt does not permit it to this user.
 * @VGPU_VIEW_ERROR_AMBIGUOUS: Several displays fit; #VgpuView:device chooses one.
 * @VGPU_VIEW_ERROR_NO_DISPLAY: The device has no display, or the process has no VFIO device.
 * @VGPU_VIEW_ERROR_NO_PICTURE: There is no picture now.
 * @VGPU_VIEW_ERROR_UNSUPPORTED: This driver cannot do it.
 * @VGPU_VIEW_ERROR_SYSTEM: A system call failed in another way, libvirt did, or the device is gone.
 * @VGPU_VIEW_ERROR_IN_USE: Somebody else uses it, or none is left.
 *
 * An error's kind, for programs. The message is one line for a person: object, cause and, when there is
 * one, remedy. The numbers are those of vgpu.h's errors.
 */
typedef enum {
  VGPU_VIEW_ERROR_ARGUMENT = 1,
  VGPU_VIEW_ERROR_NOT_FOUND = 2,
  VGPU_VIEW_ERROR_NOT_RUNNING = 3,
  VGPU_VIEW_ERROR_NOT_PERMITTED = 4,
  VGPU_VIEW_ERROR_AMBIGUOUS = 5,
  VGPU_VIEW_ERROR_NO_DISPLAY = 6,
  VGPU_VIEW_ERROR_NO_PICTURE = 7,
  VGPU_VIEW_ERROR_UNSUPPORTED = 8,
  VGPU_VIEW_ERROR_SYSTEM = 9,
  VGPU_VIEW_ERROR_IN_USE = 10
} VgpuViewError;

GType vgpu_view_error_get_type(void);
#define VGPU_TYPE_VIEW_ERROR (vgpu_view_error_get_type())

GQuark vgpu_view_error_quark(void);
#define VGPU_VIEW_ERROR (vgpu_view_error_quark())

#define VGPU_TYPE_VIEW (vgpu_view_get_type())

/**
 * VgpuView:
 *
 * A widget that shows a guest's screen.
 *
 * The view is a #GtkDrawingArea with a surface of its own above it: a wl_subsurface on Wayland, a native
 * child window on X11. The surface follows the view, and is cut off by its ancestors. While another widget
 * lies over the view, or a transition runs, GTK draws the picture. The natural size is the guest's, so that
 * the view scrolls in a #GtkScrolledWindow. By default the view expands and can have the focus.
 *
 * The view holds the guest's device while there is a target, until the widget is destroyed. A new view
 * has a floating reference, like every widget. A destroyed view opens nothing any more.
 */
/**
 * VgpuView:target:
 *
 * The target: "mdev:UUID" or a bare UUID, "pci:ADDRESS" or a bare address, "pid:N" or a bare number,
 * "libvirt:NAME", "libvirt:session/NAME", "libvirt:system/NAME", "bridge:PATH[/UUID]", or "demo", a
 * synthetic guest for trying things out; %NULL for nothing. Setting the target lets go of the one before, and opens the new
 * one: when that fails, #VgpuView:error and #VgpuView::failed tell. See vgpu_view_open().
 *
 * The device's descriptor is duplicated out of the process that has it (pidfd_getfd(2)), which needs
 * the right to trace that process. The view closes the duplicate within 0.1 s after that process ends,
 * also while the view is hidden: the kernel keeps a device busy as long as anyone holds it. Opening
 * blocks while it asks libvirt for a domain, and for some seconds at most while it asks the machine's bridge for
 * a guest that this user may not look into.
 */
/**
 * VgpuView:wait:
 *
 * Whether to wait for the guest of a vGPU that has none, instead of failing. Counts when a target is
 * opened.
 */
/**
 * VgpuView:device:
 *
 * The number of the device's descriptor in the process that has it, when there are several; else -1.
 * Counts when a target is opened.
 */
/**
 * VgpuView:scaling:
 *
 * The rule that sizes the picture to the widget.
 */
/**
 * VgpuView:input:
 *
 * The receiver of the keys while the widget has the focus, and of the mouse over the widget. Counts when a
 * target is opened.
 */
/**
 * VgpuView:qmp:
 *
 * The path of a socket at which the guest's QEMU serves QMP, and that no other program uses: the way of
 * input for %VGPU_INPUT_NONE and %VGPU_INPUT_GUEST. %NULL when there is none. The view connects by itself,
 * and again when QEMU comes back.
 */
/**
 * VgpuView:input-message:
 *
 * Why the guest gets no input now, a line with a remedy; %NULL when it gets input, and when it should get
 * none. There are no notifications: a window asks now and then.
 */
/**
 * VgpuView:grabbed:
 *
 * Whether keyboard and mouse are grabbed for the guest. A grab needs a receiver of input, and a connected
 * one when that is the guest. The grab ends when the widget loses the focus.
 */
/**
 * VgpuView:resize-guest:
 *
 * Whether the guest's monitor follows the widget's size, 0.3 s after the last change. It works on drivers
 * with an EDID region and over bridges, when the guest follows its monitor. Counts when a target is
 * opened. See vgpu_view_resize_guest().
 */
/**
 * VgpuView:process:
 *
 * The process that has the guest's device, such as its QEMU; 0 while there is none, and when it is
 * unknown.
 */
/**
 * VgpuView:state:
 *
 * The present content.
 */
/**
 * VgpuView:message:
 *
 * The line that stands in the place of a picture, with a remedy; %NULL while there is a picture, and
 * before the first look at the guest.
 */
/**
 * VgpuView:error:
 *
 * Why there is no picture, and will be none; %NULL in all states but %VGPU_VIEW_STATE_FAILED.
 */
/**
 * VgpuView:guest-width:
 *
 * The width of the guest's last picture in its pixels; 0 before the target's first one.
 */
/**
 * VgpuView:guest-height:
 *
 * The height of the guest's last picture in its pixels; 0 before the target's first one.
 */
/**
 * VgpuView:frames-presented:
 *
 * Frames handed to the display server since the target was opened. There are no notifications, because
 * a frame does not wake GTK's thread.
 */
/**
 * VgpuView::failed:
 * @view: the view
 * @error: why
 *
 * There is no picture, and there will be none: the target could not be opened, its device has no
 * display, or the device is gone. The main loop emits the signal, never the call that failed, so that a
 * handler can be connected after g_object_new().
 */
/**
 * VgpuView::guest-key:
 * @view: the view
 * @key: the key by its place: the kernel's code (linux/input-event-codes.h: KEY_A is 30)
 * @pressed: whether it goes down
 *
 * A key for the guest, with %VGPU_INPUT_SIGNALS. A key that is down is not told again. All keys and buttons
 * are released when the focus leaves, and when a grab begins or ends.
 */
/**
 * VgpuView::guest-button:
 * @view: the view
 * @button: the kernel's code: BTN_LEFT is 0x110
 * @pressed: whether it goes down
 *
 * A button of the mouse for the guest, with %VGPU_INPUT_SIGNALS.
 */
/**
 * VgpuView::guest-pointer:
 * @view: the view
 * @x: 0 at the left edge of the guest's screen, 32767 at the right one
 * @y: 0 at the upper edge, 32767 at the lower one
 *
 * The place of the pointer, with %VGPU_INPUT_SIGNALS and without a grab.
 */
/**
 * VgpuView::guest-motion:
 * @view: the view
 * @dx: steps to the right
 * @dy: steps down
 *
 * The mouse's motion, with %VGPU_INPUT_SIGNALS and a grab.
 */
/**
 * VgpuView::guest-wheel:
 * @view: the view
 * @dx: notches to the right
 * @dy: notches down
 *
 * A turn of the wheel, with %VGPU_INPUT_SIGNALS.
 */
G_DECLARE_FINAL_TYPE(VgpuView, vgpu_view, VGPU, VIEW, GtkDrawingArea)

/**
 * vgpu_view_new:
 * @target: (nullable): #VgpuView:target
 *
 * Makes a view. When the target cannot be opened, #VgpuView:error and #VgpuView::failed tell.
 *
 * Returns: (transfer none): the widget, with a floating reference
 */
GtkWidget *vgpu_view_new(const gchar *target);

/**
 * vgpu_view_open:
 * @view: a view
 * @target: #VgpuView:target
 * @error: why not; its domain is %VGPU_VIEW_ERROR
 *
 * Sets #VgpuView:target, and says at once whether the target could be opened.
 *
 * Returns: whether it was opened
 */
gboolean vgpu_view_open(VgpuView *view, const gchar *target, GError **error);

/**
 * vgpu_view_open_device:
 * @view: a view
 * @fd: an open VFIO device; it is duplicated, and stays the caller's
 * @uuid: its vGPU's UUID
 * @process: the process of the guest
 * @error: why not; its domain is %VGPU_VIEW_ERROR
 *
 * Shows a device that the program has itself, such as a VM manager that hands it to QEMU: this needs no
 * right to look into another process. #VgpuView:target becomes the UUID. At the process's end the view
 * closes its duplicate, and waits for the vGPU like a target.
 *
 * Returns: whether it was opened
 */
gboolean vgpu_view_open_device(
    VgpuView *view, gint fd, const gchar *uuid, gint process, GError **error);

/**
 * VgpuSourceFunctions: (skip)
 * @size: sizeof(VgpuSourceFunctions), so that later versions can have more
 * @poll: looks at the guest now, like vgpu_source_poll(), which must not block
 * @message: why there is no picture, like vgpu_source_message()
 * @get_buffer: a reference to a buffer of the last poll's frame, like vgpu_source_get_buffer()
 * @describe: the layout of a buffer's picture, like vgpu_buffer_describe()
 * @dup_fd: a descriptor that the view closes, like vgpu_buffer_dup_fd(): a dma-buf, or a memory file that
 *   nobody can shorten (F_SEAL_SHRINK)
 * @release: gives a buffer's reference up
 * @close: closes the source
 *
 * A frame source of the program's own: what `vgpu_source` and `vgpu_buffer` have, by function. A view calls
 * the functions on a thread of its own, one after the other, and @close once, on any thread.
 *
 * The numbers of a frame's buffers are as in vgpu_frame: a view fetches and imports a buffer once, as long as
 * the same number stands for it. What describes a buffer is compared with its true size.
 */
typedef struct {
  gsize size;
  gint32 (*poll)(gpointer source, vgpu_frame *frame);
  gsize (*message)(gpointer source, gchar *text, gsize size);
  gpointer (*get_buffer)(gpointer source, gint32 plane, vgpu_error *error);
  gint32 (*describe)(gpointer buffer, vgpu_buffer_info *info, vgpu_error *error);
  gint32 (*dup_fd)(gpointer buffer, vgpu_error *error);
  void (*release)(gpointer buffer);
  void (*close)(gpointer source);
} VgpuSourceFunctions;

/**
 * vgpu_view_open_functions: (skip)
 * @view: a view
 * @functions: copied; none is %NULL
 * @source: for the functions
 * @error: why not; its domain is %VGPU_VIEW_ERROR
 *
 * Shows a frame source of the program's own. #VgpuView:target becomes %NULL. The view has taken the source
 * over, and closes it, when this fails too. For %VGPU_INPUT_GUEST, set #VgpuView:qmp.
 *
 * Returns: whether it was opened
 */
gboolean vgpu_view_open_functions(
    VgpuView *view, const VgpuSourceFunctions *functions, gpointer source, GError **error);

/**
 * vgpu_view_send_keys:
 * @view: a view
 * @keys: (array length=count): keys by the kernel's codes, such as 29, 56, 111 for Ctrl+Alt+Del
 * @count: how many
 *
 * Presses keys one after the other, and releases them in the reverse order, for keys that the host's
 * desktop takes.
 *
 * Returns: whether the receiver of #VgpuView:input takes them
 */
gboolean vgpu_view_send_keys(VgpuView *view, const guint *keys, gsize count);

/**
 * vgpu_view_release_keys:
 * @view: a view
 *
 * Releases every key and button that the guest believes to be down.
 */
void vgpu_view_release_keys(VgpuView *view);

/**
 * vgpu_view_take_back:
 * @view: a view
 *
 * Takes the guest's screen back from another program, which loses it. QEMU's display on D-Bus has one
 * client at a time, the last one, and none takes it back by itself. #VgpuView:message says when another
 * program has it, and names Enter, which does the same while the view has the focus. Does not wait.
 *
 * Returns: whether another program had it
 */
gboolean vgpu_view_take_back(VgpuView *view);

/**
 * vgpu_view_resize_guest:
 * @view: a view that was opened with #VgpuView:resize-guest
 * @width: in pixels, 640 to 4095
 * @height: in pixels, 480 to 4095
 * @error: why the guest keeps its monitor; its domain is %VGPU_VIEW_ERROR
 *
 * Gives the guest a monitor that prefers the nearest mode to this size. The guest decides whether it
 * changes its mode.
 *
 * Returns: whether the monitor was exchanged
 */
gboolean vgpu_view_resize_guest(VgpuView *view, guint width, guint height, GError **error);

/**
 * vgpu_view_get_pixbuf:
 * @view: a view
 * @error: why there is no picture; its domain is %VGPU_VIEW_ERROR
 *
 * Copies the guest's present picture, pixel for pixel, without a pointer that the guest has on a plane of
 * its own.
 *
 * Returns: (transfer full) (nullable): the picture
 */
GdkPixbuf *vgpu_view_get_pixbuf(VgpuView *view, GError **error);

/**
 * VgpuPath:
 * @VGPU_PATH_NONE: There was no frame yet.
 * @VGPU_PATH_IMPORT: The GPU imported the guest's buffer and drew it.
 * @VGPU_PATH_UPLOAD: The CPU copied the picture to the GPU, which drew it.
 * @VGPU_PATH_CAIRO: The CPU copied and drew the picture.
 * @VGPU_PATH_DIRECT: The compositor got the buffer itself: nothing was drawn here.
 *
 * The way of the last frame's pixels onto the screen.
 */
typedef enum {
  VGPU_PATH_NONE = 0,
  VGPU_PATH_IMPORT = 1,
  VGPU_PATH_UPLOAD = 2,
  VGPU_PATH_CAIRO = 3,
  VGPU_PATH_DIRECT = 4
} VgpuPath;

GType vgpu_path_get_type(void);
#define VGPU_TYPE_PATH (vgpu_path_get_type())

/**
 * VgpuViewStatistics:
 * @frames_presented: Frames handed to the display server.
 * @first_presented_ns: The time of the first frame: nanoseconds of CLOCK_MONOTONIC; 0 for none.
 * @last_presented_ns: The time of the last frame.
 * @imports: Buffers imported.
 * @copies: Pictures and cursors that the CPU copied.
 * @frames_late: Frames that were shown a refresh or more too late.
 * @path: The way of the last frame's pixels onto the screen.
 *
 * A view's frames since its target was opened.
 */
typedef struct {
  guint64 frames_presented;
  guint64 first_presented_ns;
  guint64 last_presented_ns;
  guint64 imports;
  guint64 copies;
  guint64 frames_late;
  VgpuPath path;
} VgpuViewStatistics;

/**
 * vgpu_view_get_statistics:
 * @view: a view
 * @statistics: (out caller-allocates): all zero while nothing is open
 *
 * Fills in the view's frames so far.
 */
void vgpu_view_get_statistics(VgpuView *view, VgpuViewStatistics *statistics);

/* ---- A source of libvgpu's, which the program links then too ---- */

static inline gint32 vgpu_view_source_poll_(gpointer source, vgpu_frame *frame) {
  return vgpu_source_poll((vgpu_source *)source, frame);
}
static inline gsize vgpu_view_source_message_(gpointer source, gchar *text, gsize size) {
  return vgpu_source_message((const vgpu_source *)source, text, size);
}
static inline gpointer vgpu_view_source_get_buffer_(
    gpointer source, gint32 plane, vgpu_error *error) {
  return vgpu_source_get_buffer((vgpu_source *)source, plane, error);
}
static inline gint32 vgpu_view_source_describe_(
    gpointer buffer, vgpu_buffer_info *info, vgpu_error *error) {
  return vgpu_buffer_describe((const vgpu_buffer *)buffer, info, error);
}
static inline gint32 vgpu_view_source_dup_fd_(gpointer buffer, vgpu_error *error) {
  return vgpu_buffer_dup_fd((const vgpu_buffer *)buffer, error);
}
static inline void vgpu_view_source_release_(gpointer buffer) {
  vgpu_buffer_release((vgpu_buffer *)buffer);
}
static inline void vgpu_view_source_close_(gpointer source) {
  vgpu_source_close((vgpu_source *)source);
}

/**
 * vgpu_view_open_source: (skip)
 * @view: a view
 * @source: (transfer full): the view has taken it over, and closes it, when this fails too
 * @error: why not; its domain is %VGPU_VIEW_ERROR
 *
 * Shows a source of libvgpu's. The program must not use the source any more. A picture in a region of the
 * device has no descriptor: show such a guest with vgpu_view_open() or vgpu_view_open_device().
 *
 * Returns: whether it was opened
 */
static inline gboolean vgpu_view_open_source(
    VgpuView *view, vgpu_source *source, GError **error) {
  const VgpuSourceFunctions functions = {
      sizeof(VgpuSourceFunctions),  vgpu_view_source_poll_,     vgpu_view_source_message_,
      vgpu_view_source_get_buffer_, vgpu_view_source_describe_, vgpu_view_source_dup_fd_,
      vgpu_view_source_release_,    vgpu_view_source_close_};
  return vgpu_view_open_functions(view, &functions, source, error);
}

G_END_DECLS

#endif
