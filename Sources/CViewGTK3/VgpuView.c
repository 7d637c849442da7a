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
  gchar *qmp;
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
  PROP_QMP,
  PROP_GRABBED,
  PROP_STATE,
  PROP_MESSAGE,
  PROP_ERROR,
  PROP_GUEST_WIDTH,
  PROP_GUEST_HEIGHT,
  PROP_FRAMES_PRESENTED,
  PROP_COUNT
};
static GParamSpec *properties[PROP_COUNT];
static guint failed_signal;

// The rule that Swift's callers keep by @MainActor.
#define is_gtk_thread() (vgpu_is_first_thread() != 0)

// ---- What is shown ----

static gboolean emit_failed(gpointer data) {
  VgpuView *view = data;
  view->failed_id = 0;
  // A handler may open another target, and so end this error.
  GError *error = g_error_copy(view->error);
  g_signal_emit(view, failed_signal, 0, error);
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

static void close_peer(VgpuView *view) {
  g_clear_pointer(&view->peer, vgpu_peer_close);
  vgpu_view_tell_grabbed(view, FALSE);
}

// Shows what `target` says now.
static void open_target(VgpuView *view) {
  close_peer(view);
  vgpu_view_tell_size(view, 0, 0);
  if (view->target == NULL) {
    set_content(view, VGPU_VIEW_STATE_EMPTY, NULL, NULL);
  } else {
    vgpu_error problem = {0};
    view->peer = vgpu_peer_open(view, view->target, view->waits, view->device, &problem);
    if (view->peer == NULL) {
      set_content(
          view, VGPU_VIEW_STATE_FAILED, problem.message,
          g_error_new_literal(VGPU_VIEW_ERROR, problem.code, problem.message));
    } else {
      vgpu_peer_set_scaling(view->peer, view->scaling);
      vgpu_peer_set_qmp(view->peer, view->qmp);
      set_content(view, VGPU_VIEW_STATE_WAITING, NULL, NULL);
    }
  }
  gtk_widget_queue_draw(GTK_WIDGET(view));
}

static void set_target(VgpuView *view, const gchar *target) {
  g_return_if_fail(target == NULL || !view->is_destroyed);
  GObject *object = G_OBJECT(view);
  g_object_freeze_notify(object);
  if (g_strcmp0(target, view->target) != 0) {
    g_free(view->target);
    view->target = g_strdup(target);
    g_object_notify_by_pspec(object, properties[PROP_TARGET]);
  }
  // With the other properties of the construction.
  if (view->is_constructed) open_target(view);
  g_object_thaw_notify(object);
}

GtkWidget *vgpu_view_new(const gchar *target) {
  g_return_val_if_fail(is_gtk_thread(), NULL);
  return g_object_new(VGPU_TYPE_VIEW, "target", target, NULL);
}

gboolean vgpu_view_open(VgpuView *view, const gchar *target, GError **error) {
  g_return_val_if_fail(is_gtk_thread(), FALSE);
  g_return_val_if_fail(VGPU_IS_VIEW(view), FALSE);
  g_return_val_if_fail(target != NULL, FALSE);
  g_return_val_if_fail(!view->is_destroyed, FALSE);
  // A handler of a notification may open another, or destroy the view.
  g_object_ref(view);
  g_object_freeze_notify(G_OBJECT(view));
  set_target(view, target);
  GError *problem = view->error == NULL ? NULL : g_error_copy(view->error);
  g_object_thaw_notify(G_OBJECT(view));
  g_object_unref(view);
  if (problem == NULL) return TRUE;
  g_propagate_error(error, problem);
  return FALSE;
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
    case PROP_TARGET: set_target(view, g_value_get_string(value)); break;
    case PROP_WAIT: view->waits = g_value_get_boolean(value); break;
    case PROP_DEVICE: view->device = g_value_get_int(value); break;
    case PROP_SCALING:
      view->scaling = (VgpuScaling)g_value_get_enum(value);
      if (view->peer != NULL) vgpu_peer_set_scaling(view->peer, view->scaling);
      break;
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
    case PROP_QMP: g_value_set_string(value, view->qmp); break;
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
  if (view->target != NULL) open_target(view);
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
  properties[PROP_QMP] = g_param_spec_string(
      "qmp", "QMP", "The path of QEMU's QMP socket, for input", NULL, construct);
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

  failed_signal = g_signal_new(
      "failed", VGPU_TYPE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
      G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
}

static void vgpu_view_init(VgpuView *view) {
  GtkWidget *widget = GTK_WIDGET(view);
  gtk_widget_set_hexpand(widget, TRUE);
  gtk_widget_set_vexpand(widget, TRUE);
  gtk_widget_set_can_focus(widget, TRUE);
}
