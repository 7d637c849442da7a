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
 * before anything else of X11's.
 *
 * Link with `pkg-config --cflags --libs vgpu-gtk3`; libvgpu is not needed beside it. Symbols have the
 * version VGPU_GTK3_0.
 */

#ifndef VGPU_VGPU_GTK3_H
#define VGPU_VGPU_GTK3_H

#include <gtk/gtk.h>

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
 * @VGPU_VIEW_ERROR_UNSUPPORTED: This driver cannot do it.
 * @VGPU_VIEW_ERROR_SYSTEM: A system call failed in another way, libvirt did, or the device is gone.
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
  VGPU_VIEW_ERROR_UNSUPPORTED = 8,
  VGPU_VIEW_ERROR_SYSTEM = 9
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
 * child window on X11. The surface hides widgets that are laid over the view; it does not hide menus and
 * tooltips, because these are windows. By default the view expands and can have the focus.
 *
 * The view holds the guest's device while there is a target, until the widget is destroyed. A new view
 * has a floating reference, like every widget. A destroyed view opens nothing any more.
 */
/**
 * VgpuView:target:
 *
 * The target: "mdev:UUID" or a bare UUID, "pid:N" or a bare number, "libvirt:NAME",
 * "libvirt:session/NAME", "libvirt:system/NAME", "bridge:PATH[/UUID]", or "demo", a synthetic guest for
 * trying things out; %NULL for nothing. Setting the target lets go of the one before, and opens the new
 * one: when that fails, #VgpuView:error and #VgpuView::failed tell. See vgpu_view_open().
 *
 * The device's descriptor is duplicated out of the process that has it (pidfd_getfd(2)), which needs
 * the right to trace that process. The view lets go of the duplicate at that process's end. Opening
 * blocks while it asks libvirt for a domain.
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
 * VgpuView:qmp:
 *
 * The path of a socket at which the guest's QEMU serves QMP, and that no other program uses; %NULL for no
 * input. Over this socket the guest gets the keys while the widget has the focus, and the mouse over the
 * widget. The view connects by itself, and again when QEMU comes back.
 */
/**
 * VgpuView:grabbed:
 *
 * Whether keyboard and mouse are grabbed for the guest. A grab needs a #VgpuView:qmp that is connected. The
 * grab ends when the widget loses the focus.
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

G_END_DECLS

#endif
