// SPDX-License-Identifier: Apache-2.0

#include "CViewGTK3.h"

#include <CLinux.h>

struct _VgpuView {
  GtkDrawingArea parent;
  // Swift's half; NULL while nothing is open.
  void *peer;
  gchar *target;
  gboolean waits;
  gint device;
  VgpuScaling scaling;
  VgpuInput input;
  gchar *qmp;
  gboolean resizes;
  gint process;
  gboolean is_grabbed;
  VgpuViewState state;
  gchar *message;
  GError *error;
  guint width;
  guint height;
  // The idle source that emits `failed`; 0 for none.
  guint failed_id;
  gboolean is_constructed;
  gboolean is_destroyed;
};

G_DEFINE_FINAL_TYPE(VgpuView, vgpu_view, GTK_TYPE_DRAWING_AREA)
G_DEFINE_QUARK(vgpu-view-error-quark, vgpu_view_error)

enum {
  PROP_TARGET = 1,
  PROP_WAIT,
  PROP_DEVICE,
  PROP_SCALING,
  PROP_INPUT,
  PROP_QMP,
  PROP_INPUT_MESSAGE,
  PROP_GRABBED,
  PROP_RESIZE_GUEST,
  PROP_PROCESS,
  PROP_STATE,
  PROP_MESSAGE,
  PROP_ERROR,
  PROP_GUEST_WIDTH,
  PROP_GUEST_HEIGHT,
  PROP_FRAMES_PRESENTED,
  PROP_COUNT
};
static GParamSpec *properties[PROP_COUNT];

enum { FAILED, GUEST_KEY, GUEST_BUTTON, GUEST_POINTER, GUEST_MOTION, GUEST_WHEEL, SIGNAL_COUNT };
static guint signals[SIGNAL_COUNT];

// What is opened besides the target: a device of the vGPU that it names, or a source in its place.
typedef struct {
  gint fd;
  gint process;
  const VgpuSourceFunctions *functions;
  gpointer source;
} Opening;

static const Opening nothing_else = {.fd = -1};

// The rule that Swift's callers keep by @MainActor.
#define is_gtk_thread() (vgpu_is_first_thread() != 0)

// ---- What is shown ----

static gboolean emit_failed(gpointer data) {
  VgpuView *view = data;
  view->failed_id = 0;
  // A handler may open another target, and so end this error.
  GError *error = g_error_copy(view->error);
  g_signal_emit(view, signals[FAILED], 0, error);
  g_error_free(error);
  return G_SOURCE_REMOVE;
}

// Takes over the error, which says why there is no picture and will be none.
static void set_content(VgpuView *view, VgpuViewState state, const gchar *message, GError *error) {
  GObject *object = G_OBJECT(view);
  g_object_freeze_notify(object);
  if (state != view->state) {
    view->state = state;
    g_object_notify_by_pspec(object, properties[PROP_STATE]);
  }
  if (g_strcmp0(message, view->message) != 0) {
    g_free(view->message);
    view->message = g_strdup(message);
    g_object_notify_by_pspec(object, properties[PROP_MESSAGE]);
  }
  if (error != NULL || view->error != NULL) {
    g_clear_error(&view->error);
    view->error = error;
    g_object_notify_by_pspec(object, properties[PROP_ERROR]);
  }
  g_clear_handle_id(&view->failed_id, g_source_remove);
  if (error != NULL) view->failed_id = g_idle_add_full(G_PRIORITY_DEFAULT, emit_failed, view, NULL);
  g_object_thaw_notify(object);
}

void vgpu_view_tell_content(VgpuView *view, const char *message, gboolean is_final) {
  VgpuViewState state = message == NULL ? VGPU_VIEW_STATE_SHOWING
                        : is_final      ? VGPU_VIEW_STATE_FAILED
                                        : VGPU_VIEW_STATE_WAITING;
  GError *error =
      is_final ? g_error_new_literal(VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_SYSTEM, message) : NULL;
  set_content(view, state, message, error);
}

void vgpu_view_tell_size(VgpuView *view, uint32_t width, uint32_t height) {
  GObject *object = G_OBJECT(view);
  g_object_freeze_notify(object);
  if (width != view->width) {
    view->width = width;
    g_object_notify_by_pspec(object, properties[PROP_GUEST_WIDTH]);
  }
  if (height != view->height) {
    view->height = height;
    g_object_notify_by_pspec(object, properties[PROP_GUEST_HEIGHT]);
  }
  g_object_thaw_notify(object);
}

void vgpu_view_tell_grabbed(VgpuView *view, gboolean is_grabbed) {
  if (is_grabbed == view->is_grabbed) return;
  view->is_grabbed = is_grabbed;
  g_object_notify_by_pspec(G_OBJECT(view), properties[PROP_GRABBED]);
}

void vgpu_view_tell_process(VgpuView *view, int32_t process) {
  if (process == view->process) return;
  view->process = process;
  g_object_notify_by_pspec(G_OBJECT(view), properties[PROP_PROCESS]);
}

void vgpu_view_tell_key(VgpuView *view, uint32_t key, gboolean is_pressed) {
  g_signal_emit(view, signals[GUEST_KEY], 0, key, is_pressed);
}

void vgpu_view_tell_button(VgpuView *view, uint32_t button, gboolean is_pressed) {
  g_signal_emit(view, signals[GUEST_BUTTON], 0, button, is_pressed);
}

void vgpu_view_tell_pointer(VgpuView *view, int32_t x, int32_t y) {
  g_signal_emit(view, signals[GUEST_POINTER], 0, x, y);
}

void vgpu_view_tell_motion(VgpuView *view, int32_t dx, int32_t dy) {
  g_signal_emit(view, signals[GUEST_MOTION], 0, dx, dy);
}

void vgpu_view_tell_wheel(VgpuView *view, int32_t dx, int32_t dy) {
  g_signal_emit(view, signals[GUEST_WHEEL], 0, dx, dy);
}

static void close_peer(VgpuView *view) {
  g_clear_pointer(&view->peer, vgpu_peer_close);
  vgpu_view_tell_grabbed(view, FALSE);
  vgpu_view_tell_process(view, 0);
}

// Shows what `target` names now, or the source in its place.
static void open_target(VgpuView *view, const Opening *opening) {
  close_peer(view);
  vgpu_view_tell_size(view, 0, 0);
  if (view->target == NULL && opening->functions == NULL) {
    set_content(view, VGPU_VIEW_STATE_EMPTY, NULL, NULL);
  } else {
    vgpu_error problem = {0};
    const vgpu_peer_wish wish = {
        .target = view->target,
        .waits = view->waits,
        .device = view->device,
        .fd = opening->fd,
        .process = opening->process,
        .functions = opening->functions,
        .source = opening->source,
        .input = view->input,
        .qmp = view->qmp,
        .resizes = view->resizes,
    };
    view->peer = vgpu_peer_open(view, &wish, &problem);
    if (view->peer == NULL) {
      set_content(
          view, VGPU_VIEW_STATE_FAILED, problem.message,
          g_error_new_literal(VGPU_VIEW_ERROR, problem.code, problem.message));
    } else {
      vgpu_peer_set_scaling(view->peer, view->scaling);
      set_content(view, VGPU_VIEW_STATE_WAITING, NULL, NULL);
    }
  }
  gtk_widget_queue_draw(GTK_WIDGET(view));
  gtk_widget_queue_resize(GTK_WIDGET(view));
}

static void set_target(VgpuView *view, const gchar *target, const Opening *opening) {
  g_return_if_fail(target == NULL || !view->is_destroyed);
  GObject *object = G_OBJECT(view);
  g_object_freeze_notify(object);
  if (g_strcmp0(target, view->target) != 0) {
    g_free(view->target);
    view->target = g_strdup(target);
    g_object_notify_by_pspec(object, properties[PROP_TARGET]);
  }
  // With the other properties of the construction.
  if (view->is_constructed) open_target(view, opening);
  g_object_thaw_notify(object);
}

GtkWidget *vgpu_view_new(const gchar *target) {
  g_return_val_if_fail(is_gtk_thread(), NULL);
  return g_object_new(VGPU_TYPE_VIEW, "target", target, NULL);
}

static gboolean show(
    VgpuView *view, const gchar *target, const Opening *opening, GError **error) {
  // A handler of a notification may open another, or destroy the view.
  g_object_ref(view);
  g_object_freeze_notify(G_OBJECT(view));
  set_target(view, target, opening);
  GError *problem = view->error == NULL ? NULL : g_error_copy(view->error);
  g_object_thaw_notify(G_OBJECT(view));
  g_object_unref(view);
  if (problem == NULL) return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
}

gboolean vgpu_view_open(VgpuView *view, const gchar *target, GError **error) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  g_return_val_if_fail(target != NULL, FALSE);
  g_return_val_if_fail(!view->is_destroyed, FALSE);
  return show(view, target, &nothing_else, error);
}

gboolean vgpu_view_open_device(
    VgpuView *view, gint fd, const gchar *uuid, gint process, GError **error) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  g_return_val_if_fail(fd >= 0, FALSE);
  g_return_val_if_fail(uuid != NULL, FALSE);
  g_return_val_if_fail(!view->is_destroyed, FALSE);
  const Opening opening = {.fd = fd, .process = process};
  return show(view, uuid, &opening, error);
}

static gboolean are_complete(const VgpuSourceFunctions *functions) {
  return functions->size >= sizeof *functions && functions->poll != NULL &&
         functions->message != NULL && functions->get_buffer != NULL &&
         functions->describe != NULL && functions->dup_fd != NULL && functions->release != NULL &&
         functions->close != NULL;
}

gboolean vgpu_view_open_functions(
    VgpuView *view, const VgpuSourceFunctions *functions, gpointer source, GError **error) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  g_return_val_if_fail(functions != NULL && are_complete(functions), FALSE);
  g_return_val_if_fail(!view->is_destroyed, FALSE);
  const Opening opening = {.fd = -1, .functions = functions, .source = source};
  return show(view, NULL, &opening, error);
}

gboolean vgpu_view_send_keys(VgpuView *view, const guint *keys, gsize count) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  g_return_val_if_fail(keys != NULL || count == 0, FALSE);
  return view->peer != NULL && vgpu_peer_send_keys(view->peer, keys, count);
}

void vgpu_view_release_keys(VgpuView *view) {
  g_return_if_fail(is_gtk_thread());
  g_return_if_fail(VGPU_IS_VIEW(view));
  if (view->peer != NULL) vgpu_peer_release_keys(view->peer);
}

gboolean vgpu_view_take_back(VgpuView *view) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  return view->peer != NULL && vgpu_peer_take_back(view->peer);
}

static void take_problem(GError **error, const vgpu_error *problem) {
  g_set_error_literal(error, VGPU_VIEW_ERROR, problem->code, problem->message);
}

static gboolean has_peer(VgpuView *view, GError **error) {
  if (view->peer != NULL) return TRUE;
  g_set_error_literal(
      error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_ARGUMENT, "the view has no target: open one");
  return FALSE;
}

gboolean vgpu_view_resize_guest(VgpuView *view, guint width, guint height, GError **error) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  if (!has_peer(view, error)) return FALSE;
  vgpu_error problem = {0};
  if (vgpu_peer_resize_guest(view->peer, width, height, &problem) == VGPU_OK) return TRUE;
  take_problem(error, &problem);
  return FALSE;
}

GdkPixbuf *vgpu_view_get_pixbuf(VgpuView *view, GError **error) {
  g_return_val_if_fail(is_gtk_thread(), NULL);
  g_return_val_if_fail(VGPU_IS_VIEW(view), NULL);
  if (!has_peer(view, error)) return NULL;
  vgpu_error problem = {0};
  GdkPixbuf *picture = vgpu_peer_get_pixbuf(view->peer, &problem);
  if (picture == NULL) take_problem(error, &problem);
  return picture;
}

void vgpu_view_get_statistics(VgpuView *view, VgpuViewStatistics *statistics) {
  g_return_if_fail(statistics != NULL);
  *statistics = (VgpuViewStatistics){0};
  g_return_if_fail(is_gtk_thread());
  g_return_if_fail(VGPU_IS_VIEW(view));
  if (view->peer != NULL) vgpu_peer_get_statistics(view->peer, statistics);
}

// ---- The class ----

static void vgpu_view_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  VgpuView *view = VGPU_VIEW(object);
  g_return_if_fail(is_gtk_thread());
  switch (id) {
    case PROP_TARGET: set_target(view, g_value_get_string(value), &nothing_else); break;
    case PROP_WAIT: view->waits = g_value_get_boolean(value); break;
    case PROP_DEVICE: view->device = g_value_get_int(value); break;
    case PROP_SCALING:
      view->scaling = (VgpuScaling)g_value_get_enum(value);
      if (view->peer != NULL) vgpu_peer_set_scaling(view->peer, view->scaling);
      break;
    case PROP_INPUT: view->input = (VgpuInput)g_value_get_enum(value); break;
    case PROP_RESIZE_GUEST: view->resizes = g_value_get_boolean(value); break;
    case PROP_QMP:
      g_free(view->qmp);
      view->qmp = g_value_dup_string(value);
      if (view->peer != NULL) vgpu_peer_set_qmp(view->peer, view->qmp);
      break;
    case PROP_GRABBED:
      if (view->peer != NULL) vgpu_peer_set_grabbed(view->peer, g_value_get_boolean(value));
      break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void vgpu_view_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  VgpuView *view = VGPU_VIEW(object);
  VgpuViewStatistics statistics;
  g_return_if_fail(is_gtk_thread());
  switch (id) {
    case PROP_TARGET: g_value_set_string(value, view->target); break;
    case PROP_WAIT: g_value_set_boolean(value, view->waits); break;
    case PROP_DEVICE: g_value_set_int(value, view->device); break;
    case PROP_SCALING: g_value_set_enum(value, view->scaling); break;
    case PROP_INPUT: g_value_set_enum(value, view->input); break;
    case PROP_QMP: g_value_set_string(value, view->qmp); break;
    case PROP_INPUT_MESSAGE:
      g_value_take_string(value, view->peer == NULL ? NULL : vgpu_peer_input_message(view->peer));
      break;
    case PROP_RESIZE_GUEST: g_value_set_boolean(value, view->resizes); break;
    case PROP_PROCESS: g_value_set_int(value, view->process); break;
    case PROP_GRABBED: g_value_set_boolean(value, view->is_grabbed); break;
    case PROP_STATE: g_value_set_enum(value, view->state); break;
    case PROP_MESSAGE: g_value_set_string(value, view->message); break;
    case PROP_ERROR: g_value_set_boxed(value, view->error); break;
    case PROP_GUEST_WIDTH: g_value_set_uint(value, view->width); break;
    case PROP_GUEST_HEIGHT: g_value_set_uint(value, view->height); break;
    case PROP_FRAMES_PRESENTED:
      vgpu_view_get_statistics(view, &statistics);
      g_value_set_uint64(value, statistics.frames_presented);
      break;
    default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void vgpu_view_constructed(GObject *object) {
  VgpuView *view = VGPU_VIEW(object);
  G_OBJECT_CLASS(vgpu_view_parent_class)->constructed(object);
  g_return_if_fail(is_gtk_thread());
  view->is_constructed = TRUE;
  if (view->target != NULL) open_target(view, &nothing_else);
}

// Can come more than once.
static void vgpu_view_destroy(GtkWidget *widget) {
  VgpuView *view = VGPU_VIEW(widget);
  if (is_gtk_thread()) {
    view->is_destroyed = TRUE;
    close_peer(view);
    g_clear_handle_id(&view->failed_id, g_source_remove);
  } else {
    g_critical("a VgpuView was destroyed on another thread than GTK's; it stays");
  }
  GTK_WIDGET_CLASS(vgpu_view_parent_class)->destroy(widget);
}

static void vgpu_view_finalize(GObject *object) {
  VgpuView *view = VGPU_VIEW(object);
  g_free(view->target);
  g_free(view->qmp);
  g_free(view->message);
  g_clear_error(&view->error);
  G_OBJECT_CLASS(vgpu_view_parent_class)->finalize(object);
}

// Only without a peer, who draws by itself.
static gboolean vgpu_view_draw(GtkWidget *widget, cairo_t *context) {
  VgpuView *view = VGPU_VIEW(widget);
  vgpu_peer_draw_message(widget, context, view->message == NULL ? "" : view->message);
  return GDK_EVENT_STOP;
}

static guint input_signal(const gchar *name, GType first, GType second) {
  return g_signal_new(
      name, VGPU_TYPE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, first, second);
}

static void measure(GtkWidget *widget, GtkOrientation orientation, gint *minimum, gint *natural) {
  VgpuView *view = VGPU_VIEW(widget);
  *minimum = *natural = 0;
  if (view->peer != NULL) vgpu_peer_get_preferred_size(view->peer, orientation, minimum, natural);
}

static void vgpu_view_get_preferred_width(GtkWidget *widget, gint *minimum, gint *natural) {
  measure(widget, GTK_ORIENTATION_HORIZONTAL, minimum, natural);
}

static void vgpu_view_get_preferred_height(GtkWidget *widget, gint *minimum, gint *natural) {
  measure(widget, GTK_ORIENTATION_VERTICAL, minimum, natural);
}

static void vgpu_view_class_init(VgpuViewClass *class) {
  GObjectClass *object_class = G_OBJECT_CLASS(class);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(class);
  const GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  const GParamFlags construct = read | G_PARAM_WRITABLE | G_PARAM_CONSTRUCT;
  // Notified when they really change.
  const GParamFlags explicit = G_PARAM_EXPLICIT_NOTIFY;

  object_class->set_property = vgpu_view_set_property;
  object_class->get_property = vgpu_view_get_property;
  object_class->constructed = vgpu_view_constructed;
  object_class->finalize = vgpu_view_finalize;
  widget_class->destroy = vgpu_view_destroy;
  widget_class->draw = vgpu_view_draw;
  widget_class->get_preferred_width = vgpu_view_get_preferred_width;
  widget_class->get_preferred_height = vgpu_view_get_preferred_height;

  properties[PROP_TARGET] =
      g_param_spec_string("target", "Target", "What is shown", NULL, construct | explicit);
  properties[PROP_WAIT] = g_param_spec_boolean(
      "wait", "Wait", "Whether a vGPU without a guest is waited for", TRUE, construct);
  properties[PROP_DEVICE] = g_param_spec_int(
      "device", "Device", "The device's descriptor in its process, or -1", -1, G_MAXINT, -1,
      construct);
  properties[PROP_SCALING] = g_param_spec_enum(
      "scaling", "Scaling", "How the picture is sized to the widget", VGPU_TYPE_SCALING,
      VGPU_SCALING_FIT, construct);
  properties[PROP_INPUT] = g_param_spec_enum(
      "input", "Input", "Who gets keyboard and mouse", VGPU_TYPE_INPUT, VGPU_INPUT_NONE, construct);
  properties[PROP_QMP] = g_param_spec_string(
      "qmp", "QMP", "The path of QEMU's QMP socket, for input", NULL, construct);
  properties[PROP_INPUT_MESSAGE] = g_param_spec_string(
      "input-message", "Input message", "Why the guest gets no input", NULL, read);
  properties[PROP_RESIZE_GUEST] = g_param_spec_boolean(
      "resize-guest", "Resize guest", "Whether the guest's monitor follows the widget's size", FALSE,
      construct);
  properties[PROP_PROCESS] = g_param_spec_int(
      "process", "Process", "The process that has the guest's device", 0, G_MAXINT, 0, read);
  properties[PROP_GRABBED] = g_param_spec_boolean(
      "grabbed", "Grabbed", "Whether keyboard and mouse are the guest's alone", FALSE,
      read | G_PARAM_WRITABLE | explicit);
  properties[PROP_STATE] = g_param_spec_enum(
      "state", "State", "What is shown now", VGPU_TYPE_VIEW_STATE, VGPU_VIEW_STATE_EMPTY, read);
  properties[PROP_MESSAGE] =
      g_param_spec_string("message", "Message", "What is shown instead of a picture", NULL, read);
  properties[PROP_ERROR] = g_param_spec_boxed(
      "error", "Error", "Why there will be no picture", G_TYPE_ERROR, read);
  properties[PROP_GUEST_WIDTH] = g_param_spec_uint(
      "guest-width", "Guest's width", "The picture's width in pixels", 0, G_MAXUINT, 0, read);
  properties[PROP_GUEST_HEIGHT] = g_param_spec_uint(
      "guest-height", "Guest's height", "The picture's height in pixels", 0, G_MAXUINT, 0, read);
  properties[PROP_FRAMES_PRESENTED] = g_param_spec_uint64(
      "frames-presented", "Frames presented", "Frames handed to the display server", 0,
      G_MAXUINT64, 0, read);
  g_object_class_install_properties(object_class, PROP_COUNT, properties);

  signals[FAILED] = g_signal_new(
      "failed", VGPU_TYPE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
      G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
  signals[GUEST_KEY] = input_signal("guest-key", G_TYPE_UINT, G_TYPE_BOOLEAN);
  signals[GUEST_BUTTON] = input_signal("guest-button", G_TYPE_UINT, G_TYPE_BOOLEAN);
  signals[GUEST_POINTER] = input_signal("guest-pointer", G_TYPE_INT, G_TYPE_INT);
  signals[GUEST_MOTION] = input_signal("guest-motion", G_TYPE_INT, G_TYPE_INT);
  signals[GUEST_WHEEL] = input_signal("guest-wheel", G_TYPE_INT, G_TYPE_INT);
}

static void vgpu_view_init(VgpuView *view) {
  GtkWidget *widget = GTK_WIDGET(view);
  gtk_widget_set_hexpand(widget, TRUE);
  gtk_widget_set_vexpand(widget, TRUE);
  gtk_widget_set_can_focus(widget, TRUE);
}
