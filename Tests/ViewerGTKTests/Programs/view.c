/* SPDX-License-Identifier: Apache-2.0 */

/* Uses VgpuView in every way, and in wrong ones; prints what is not as it should be, or "done". */

#define _GNU_SOURCE
#include <X11/Xlib.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vgpu/vgpu-gtk3.h>

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) {                                        \
      printf("line %d: %s\n", __LINE__, #condition);           \
      exit(1);                                                 \
    }                                                          \
  } while (0)

/* What g_return_if_fail says, and nothing else may. */
static int criticals;

static void on_log(
    const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data) {
  (void)domain, (void)data;
  if ((level & G_LOG_LEVEL_CRITICAL) == 0) return;
  g_atomic_int_inc(&criticals);
  fprintf(stderr, "%s\n", message);
}

static int take_criticals(void) {
  int count = criticals;
  criticals = 0;
  return count;
}

static int entries(const char *path) {
  int count = 0;
  DIR *folder = opendir(path);
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

static void iterate(void) {
  /* A frame alone wakes nobody here. */
  g_usleep(2000);
  while (gtk_events_pending()) gtk_main_iteration();
}

static guint64 frames(VgpuView *view) {
  guint64 count;
  g_object_get(view, "frames-presented", &count, NULL);
  return count;
}

static VgpuViewState state(VgpuView *view) {
  VgpuViewState state;
  g_object_get(view, "state", &state, NULL);
  return state;
}

static void wait_for_frames(VgpuView *view) {
  while (frames(view) < 3 || state(view) != VGPU_VIEW_STATE_SHOWING) iterate();
}

static void count(GObject *object, GParamSpec *property, int *counter) {
  (void)object, (void)property;
  *counter += 1;
}

static void on_failed(VgpuView *view, const GError *error, GError **told) {
  CHECK(VGPU_IS_VIEW(view) && *told == NULL);
  *told = g_error_copy(error);
}

static GtkWidget *window_with(VgpuView *view) {
  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_container_add(GTK_CONTAINER(window), GTK_WIDGET(view));
  gtk_widget_show_all(window);
  return window;
}

static void expect_no_error(VgpuView *view) {
  GError *error;
  gchar *message;
  g_object_get(view, "error", &error, "message", &message, NULL);
  CHECK(error == NULL && message == NULL);
}

/* Properties, notifications and statistics of a view that shows its guest. */
static void shows(VgpuView *view) {
  int widths = 0, states = 0;
  guint width, height;
  gint device;
  gboolean waits, is_grabbed;
  VgpuScaling scaling;
  gchar *target, *qmp;
  VgpuViewStatistics shown;
  g_signal_connect(view, "notify::guest-width", G_CALLBACK(count), &widths);
  g_signal_connect(view, "notify::state", G_CALLBACK(count), &states);
  GtkWidget *window = window_with(view);
  wait_for_frames(view);
  CHECK(widths == 1 && states == 1);
  expect_no_error(view);
  vgpu_view_get_statistics(view, &shown);
  CHECK(shown.frames_presented >= 3 && shown.path != VGPU_PATH_NONE);
  CHECK(shown.first_presented_ns > 0 && shown.last_presented_ns > shown.first_presented_ns);
  g_object_get(
      view, "guest-width", &width, "guest-height", &height, "device", &device, "wait", &waits,
      "scaling", &scaling, "target", &target, "qmp", &qmp, "grabbed", &is_grabbed, NULL);
  CHECK(width == 1024 && height == 768 && device == -1 && waits);
  CHECK(scaling == VGPU_SCALING_INTEGER && strcmp(target, "demo") == 0);
  CHECK(qmp == NULL && !is_grabbed);
  g_free(target);

  /* Nobody to give the input to. */
  g_object_set(view, "scaling", VGPU_SCALING_FILL, "qmp", "/no/such/socket", NULL);
  g_object_set(view, "grabbed", TRUE, NULL);
  g_object_get(view, "scaling", &scaling, "qmp", &qmp, "grabbed", &is_grabbed, NULL);
  CHECK(scaling == VGPU_SCALING_FILL && strcmp(qmp, "/no/such/socket") == 0 && !is_grabbed);
  g_free(qmp);

  /* Another target on the same widget, as it is on the screen. */
  CHECK(vgpu_view_open(view, "demo", NULL));
  CHECK(state(view) == VGPU_VIEW_STATE_WAITING && frames(view) < 3);
  wait_for_frames(view);
  CHECK(states == 3);
  g_object_set(view, "target", NULL, NULL);
  CHECK(state(view) == VGPU_VIEW_STATE_EMPTY && frames(view) == 0);
  iterate();
  g_object_set(view, "target", "demo", NULL);
  wait_for_frames(view);
  g_signal_handlers_disconnect_by_data(view, &widths);
  g_signal_handlers_disconnect_by_data(view, &states);

  /* What is destroyed says so, and is no crash. */
  g_object_ref(view);
  gtk_widget_destroy(window);
  CHECK(frames(view) == 0 && take_criticals() == 0);
  CHECK(!vgpu_view_open(view, "demo", NULL) && take_criticals() == 1);
  g_object_set(view, "target", "demo", NULL);
  CHECK(frames(view) == 0 && take_criticals() == 1);
  g_object_set(view, "scaling", VGPU_SCALING_FIT, "qmp", NULL, "target", NULL, NULL);
  CHECK(state(view) == VGPU_VIEW_STATE_EMPTY && take_criticals() == 0);
  g_object_unref(view);
}

/* Errors: at once, as properties, and by the main loop. */
static void fails(void) {
  GError *error = NULL, *told = NULL;
  gchar *message;
  VgpuView *view = VGPU_VIEW(g_object_ref_sink(vgpu_view_new("demos")));
  g_signal_connect(view, "failed", G_CALLBACK(on_failed), &told);
  CHECK(state(view) == VGPU_VIEW_STATE_FAILED && told == NULL);
  while (told == NULL) iterate();
  CHECK(g_error_matches(told, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_ARGUMENT));
  g_object_get(view, "error", &error, "message", &message, NULL);
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_ARGUMENT));
  CHECK(strcmp(error->message, message) == 0 && strcmp(told->message, message) == 0);
  CHECK(g_str_has_prefix(message, "demos: no target"));
  g_clear_error(&error);
  g_clear_error(&told);
  g_free(message);

  /* One that is opened before the main loop comes by is not told of what was. */
  CHECK(!vgpu_view_open(view, "pid:2147483647", &error));
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_NOT_FOUND));
  g_clear_error(&error);
  CHECK(vgpu_view_open(view, "demo", &error) && error == NULL);
  expect_no_error(view);
  for (int turn = 0; turn < 20; turn++) iterate();
  CHECK(told == NULL);

  /* Nor what is no more. */
  CHECK(!vgpu_view_open(view, "pid:1x", NULL));
  g_object_unref(view);
  for (int turn = 0; turn < 20; turn++) iterate();
  CHECK(told == NULL && take_criticals() == 0);
}

/* A view is a widget as others: nobody else's reference keeps it. */
static void ends(void) {
  gpointer weak = vgpu_view_new("demo");
  CHECK(VGPU_IS_VIEW(weak) && GTK_IS_DRAWING_AREA(weak) && g_object_is_floating(weak));
  CHECK(gtk_widget_get_hexpand(weak) && gtk_widget_get_can_focus(weak));
  g_object_add_weak_pointer(weak, &weak);
  g_object_ref_sink(weak);
  g_object_unref(weak);
  CHECK(weak == NULL);

  weak = vgpu_view_new(NULL);
  CHECK(state(weak) == VGPU_VIEW_STATE_EMPTY && frames(weak) == 0);
  g_object_add_weak_pointer(weak, &weak);
  GtkWidget *window = window_with(weak);
  for (int turn = 0; turn < 20; turn++) iterate();
  gtk_widget_destroy(window);
  CHECK(weak == NULL && take_criticals() == 0);
}

static void destroy_window(VgpuView *view, GParamSpec *property, gpointer data) {
  (void)property, (void)data;
  if (state(view) == VGPU_VIEW_STATE_SHOWING)
    gtk_widget_destroy(gtk_widget_get_toplevel(GTK_WIDGET(view)));
}

/* A handler may do what it likes with the view that tells it. */
static void ends_within_a_handler(void) {
  gpointer weak = vgpu_view_new("demo");
  g_object_add_weak_pointer(weak, &weak);
  g_signal_connect(weak, "notify::state", G_CALLBACK(destroy_window), NULL);
  window_with(weak);
  while (weak != NULL) iterate();
  CHECK(take_criticals() == 0);
}

/* In a container that is not on the screen, and moved to another one. */
static void moves(void) {
  VgpuView *view = VGPU_VIEW(vgpu_view_new("demo"));
  GtkWidget *first = window_with(view);
  wait_for_frames(view);
  g_object_ref(view);
  gtk_container_remove(GTK_CONTAINER(first), GTK_WIDGET(view));
  CHECK(state(view) == VGPU_VIEW_STATE_SHOWING);
  CHECK(vgpu_view_open(view, "demo", NULL) && frames(view) == 0);
  GtkWidget *second = window_with(view);
  g_object_unref(view);
  wait_for_frames(view);
  gtk_widget_destroy(first);
  gtk_widget_destroy(second);
  CHECK(take_criticals() == 0);
}

/* The natural size is the guest's; where the view scrolls, it is the least one too. */
static void has_the_guests_size(void) {
  VgpuView *view = VGPU_VIEW(vgpu_view_new("demo"));
  GtkWidget *window = window_with(view), *scrolled = gtk_scrolled_window_new(NULL, NULL);
  gint least, natural;
  wait_for_frames(view);
  gtk_widget_get_preferred_width(GTK_WIDGET(view), &least, &natural);
  CHECK(least == 0 && natural == 1024);
  gtk_widget_get_preferred_height(GTK_WIDGET(view), &least, &natural);
  CHECK(least == 0 && natural == 768);
  g_object_ref(view);
  gtk_container_remove(GTK_CONTAINER(window), GTK_WIDGET(view));
  gtk_container_add(GTK_CONTAINER(scrolled), GTK_WIDGET(view));
  gtk_container_add(GTK_CONTAINER(window), scrolled);
  gtk_widget_show_all(window);
  g_object_unref(view);
  /* GTK remembers what was asked for in the window, until the next frame. */
  do {
    iterate();
    gtk_widget_get_preferred_width(GTK_WIDGET(view), &least, &natural);
  } while (least != 1024);
  gtk_scrolled_window_set_policy(
      GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  do {
    iterate();
    gtk_widget_get_preferred_width(GTK_WIDGET(view), &least, &natural);
  } while (least != 0);
  gtk_widget_get_preferred_height(GTK_WIDGET(view), &least, &natural);
  CHECK(least == 768 && natural == 768);
  g_object_set(view, "target", NULL, NULL);
  gtk_widget_get_preferred_height(GTK_WIDGET(view), &least, &natural);
  CHECK(least == 0 && natural == 0);
  gtk_widget_destroy(window);
  CHECK(take_criticals() == 0);
}

static void is_built(void) {
  static const gchar interface[] =
      "<interface><object class='GtkWindow' id='window'><child>"
      "<object class='VgpuView' id='view'><property name='target'>demo</property>"
      "<property name='wait'>False</property><property name='hexpand'>False</property>"
      "<property name='scaling'>one-to-one</property></object></child></object></interface>";
  GtkBuilder *builder = gtk_builder_new_from_string(interface, -1);
  VgpuView *view = VGPU_VIEW(gtk_builder_get_object(builder, "view"));
  GtkWidget *window = GTK_WIDGET(gtk_builder_get_object(builder, "window"));
  VgpuScaling scaling;
  gboolean waits;
  g_object_get(view, "scaling", &scaling, "wait", &waits, NULL);
  CHECK(scaling == VGPU_SCALING_ONE_TO_ONE && !waits);
  CHECK(!gtk_widget_get_hexpand(GTK_WIDGET(view)) && gtk_widget_get_can_focus(GTK_WIDGET(view)));
  gtk_widget_show_all(window);
  wait_for_frames(view);
  gtk_widget_destroy(window);
  g_object_unref(builder);
  CHECK(take_criticals() == 0);
}

/* Input for the program itself: keys by their codes, each once down and once up. */
static void on_key(VgpuView *view, guint key, gboolean is_pressed, GString *told) {
  (void)view;
  g_string_append_printf(told, "%s%u ", is_pressed ? "+" : "-", key);
}

static void has_input(void) {
  const guint chord[] = {29, 56, 111, 99999};
  GString *told = g_string_new("");
  gchar *message;
  VgpuView *view = g_object_new(VGPU_TYPE_VIEW, "target", "demo", "input", VGPU_INPUT_SIGNALS, NULL);
  g_signal_connect(view, "guest-key", G_CALLBACK(on_key), told);
  GtkWidget *window = window_with(view);
  wait_for_frames(view);
  CHECK(vgpu_view_send_keys(view, chord, 4));
  CHECK(strcmp(told->str, "+29 +56 +111 -111 -56 -29 ") == 0);
  vgpu_view_release_keys(view);
  CHECK(vgpu_view_send_keys(view, NULL, 0));
  CHECK(strcmp(told->str, "+29 +56 +111 -111 -56 -29 ") == 0);
  g_object_get(view, "input-message", &message, NULL);
  CHECK(message == NULL);

  /* The synthetic guest takes none, and the view says so. */
  g_object_set(view, "input", VGPU_INPUT_GUEST, NULL);
  CHECK(vgpu_view_open(view, "demo", NULL));
  CHECK(!vgpu_view_send_keys(view, chord, 3));
  // Nobody else can have the synthetic guest.
  CHECK(!vgpu_view_take_back(view));
  g_object_get(view, "input-message", &message, NULL);
  CHECK(message != NULL && strlen(message) > 10);
  g_free(message);
  g_string_free(told, TRUE);
  gtk_widget_destroy(window);
  CHECK(take_criticals() == 0);
}

/* The demo's pixels: red and green tell the place. */
static void expect_demo(VgpuView *view) {
  GError *error = NULL;
  GdkPixbuf *picture = vgpu_view_get_pixbuf(view, &error);
  CHECK(picture != NULL && error == NULL);
  CHECK(gdk_pixbuf_get_width(picture) == 1024 && gdk_pixbuf_get_height(picture) == 768);
  CHECK(!gdk_pixbuf_get_has_alpha(picture));
  for (int y = 100; y < 768; y += 7) {
    for (int x = 0; x < 1024; x += 11) {
      const guchar *pixel = gdk_pixbuf_read_pixels(picture) +
                            (gsize)y * (gsize)gdk_pixbuf_get_rowstride(picture) + (gsize)x * 3;
      CHECK(pixel[0] == (x & 255) && pixel[1] == (y & 255));
    }
  }
  g_object_unref(picture);
}

static void has_pictures_and_sizes(void) {
  GError *error = NULL;
  gint process;
  VgpuView *view = VGPU_VIEW(vgpu_view_new(NULL));
  GtkWidget *window = window_with(view);
  CHECK(vgpu_view_get_pixbuf(view, &error) == NULL);
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_ARGUMENT));
  g_clear_error(&error);
  CHECK(vgpu_view_open(view, "demo", NULL));
  wait_for_frames(view);
  expect_demo(view);
  CHECK(!vgpu_view_resize_guest(view, 800, 600, &error));
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_ARGUMENT));
  g_clear_error(&error);
  g_object_set(view, "resize-guest", TRUE, NULL);
  CHECK(vgpu_view_open(view, "demo", NULL));
  CHECK(!vgpu_view_resize_guest(view, 800, 600, &error));
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_UNSUPPORTED));
  g_clear_error(&error);
  g_object_get(view, "process", &process, NULL);
  CHECK(process == 0);

  CHECK(!vgpu_view_open_device(view, 0, "no uuid", getpid(), &error));
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_ARGUMENT));
  g_clear_error(&error);
  const gchar nowhere[] = "5f3a9b12-1c2d-4e5f-8a9b-0123456789ab";
  CHECK(!vgpu_view_open_device(view, 0, nowhere, getpid(), &error));
  CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_NOT_FOUND));
  g_clear_error(&error);
  gtk_widget_destroy(window);
  CHECK(take_criticals() == 0);
}

/* A source of libvgpu's, and one of the program's own: a picture of 64x32 pixels, or a lie about one. */
typedef struct {
  int file, is_closed, references, polls;
  vgpu_buffer_info info;
} Own;

static gint32 own_poll(gpointer source, vgpu_frame *frame) {
  Own *own = source;
  *frame = (vgpu_frame){.flip = (guint64)++own->polls, .buffer_id = own->info.id, .hotspot_x = -1,
                        .hotspot_y = -1};
  return VGPU_STATE_FRAME;
}

static gsize own_message(gpointer source, gchar *text, gsize size) {
  (void)source;
  return (gsize)g_snprintf(text, size, "nothing");
}

static gpointer own_get_buffer(gpointer source, gint32 plane, vgpu_error *error) {
  (void)error;
  CHECK(plane == VGPU_PLANE_PRIMARY);
  ((Own *)source)->references += 1;
  return source;
}

static gint32 own_describe(gpointer buffer, vgpu_buffer_info *info, vgpu_error *error) {
  (void)error;
  *info = ((Own *)buffer)->info;
  return VGPU_OK;
}

static gint32 own_dup_fd(gpointer buffer, vgpu_error *error) {
  (void)error;
  return fcntl(((Own *)buffer)->file, F_DUPFD_CLOEXEC, 0);
}

static void own_release(gpointer buffer) { ((Own *)buffer)->references -= 1; }

static void own_close(gpointer source) {
  Own *own = source;
  CHECK(own->references == 0);
  own->is_closed = 1;
}

static const VgpuSourceFunctions own_functions = {
    sizeof(VgpuSourceFunctions), own_poll,    own_message, own_get_buffer, own_describe, own_dup_fd,
    own_release,                 own_close};

static void has_sources(void) {
  gchar *target, *message;
  GError *error = NULL;
  VgpuView *view = VGPU_VIEW(vgpu_view_new("demo"));
  GtkWidget *window = window_with(view);
  wait_for_frames(view);
  CHECK(vgpu_view_open_source(view, vgpu_source_open("demo", 0, -1, NULL), &error));
  g_object_get(view, "target", &target, NULL);
  CHECK(target == NULL);
  wait_for_frames(view);
  expect_demo(view);

  enum { width = 64, height = 32 };
  const vgpu_buffer_info truth = {
      .id = 1, .width = width, .height = height, .fourcc = 0x34325258, .stride = width * 4,
      .storage = VGPU_STORAGE_MEMORY_FILE};
  vgpu_buffer_info lies[] = {truth, truth, truth, truth, truth};
  lies[0].height = 33;
  lies[1].stride = 16;
  lies[2].fourcc = 1;
  lies[3].storage = VGPU_STORAGE_REGION;
  lies[4].width = 70000;
  for (int index = -1; index < 6; index++) {
    Own own = {.file = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    static guchar pixels[width * height * 4];
    memset(pixels, 0x55, sizeof pixels);
    CHECK(write(own.file, pixels, sizeof pixels) == (ssize_t)sizeof pixels);
    /* The last one may become shorter. */
    if (index < 5) CHECK(fcntl(own.file, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    own.info = index < 0 || index == 5 ? truth : lies[index];
    CHECK(vgpu_view_open_functions(view, &own_functions, &own, &error) && error == NULL);
    if (index < 0) {
      wait_for_frames(view);
      GdkPixbuf *picture = vgpu_view_get_pixbuf(view, NULL);
      CHECK(picture != NULL && gdk_pixbuf_get_width(picture) == width);
      CHECK(gdk_pixbuf_read_pixels(picture)[width * height * 3 - 1] == 0x55);
      g_object_unref(picture);
    } else {
      do {
        iterate();
        g_object_get(view, "message", &message, NULL);
        g_clear_pointer(&message, g_free);
      } while (own.polls < 3 || state(view) != VGPU_VIEW_STATE_WAITING);
      CHECK(vgpu_view_get_pixbuf(view, &error) == NULL);
      CHECK(g_error_matches(error, VGPU_VIEW_ERROR, VGPU_VIEW_ERROR_NO_PICTURE));
      g_clear_error(&error);
    }
    CHECK(!own.is_closed);
    g_object_set(view, "target", NULL, NULL);
    CHECK(own.is_closed && own.references == 0);
    close(own.file);
  }
  VgpuSourceFunctions incomplete = own_functions;
  incomplete.dup_fd = NULL;
  CHECK(!vgpu_view_open_functions(view, &incomplete, NULL, &error) && take_criticals() == 1);
  incomplete = own_functions;
  incomplete.size -= 1;
  CHECK(!vgpu_view_open_functions(view, &incomplete, NULL, &error) && take_criticals() == 1);
  CHECK(error == NULL);
  gtk_widget_destroy(window);
  CHECK(take_criticals() == 0);
}

static void *elsewhere(void *data) {
  VgpuView *view = data;
  VgpuViewStatistics shown = {.copies = 7};
  CHECK(vgpu_view_new("demo") == NULL);
  CHECK(!vgpu_view_open(view, "demo", NULL));
  vgpu_view_get_statistics(view, &shown);
  CHECK(shown.copies == 0);
  g_object_set(view, "scaling", VGPU_SCALING_FILL, NULL);
  return NULL;
}

static void is_for_one_thread(void) {
  VgpuView *view = VGPU_VIEW(g_object_ref_sink(vgpu_view_new("demo")));
  VgpuScaling scaling;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, elsewhere, view) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(take_criticals() == 4);
  g_object_get(view, "scaling", &scaling, NULL);
  CHECK(scaling == VGPU_SCALING_FIT && state(view) == VGPU_VIEW_STATE_WAITING);

  CHECK(!vgpu_view_open(view, NULL, NULL) && take_criticals() == 1);
  CHECK(!vgpu_view_open((VgpuView *)NULL, "demo", NULL) && take_criticals() == 1);
  g_object_unref(view);
}

int main(void) {
  int descriptors = 0, threads = 0;
  /* What hangs is ended. */
  alarm(600);
  XInitThreads();
  gtk_init(NULL, NULL);
  g_log_set_default_handler(on_log, NULL);
  for (int round = 0; round < 3; round++) {
    /* What is made once was made in the first round. */
    if (round == 1) {
      descriptors = entries("/proc/self/fd");
      threads = entries("/proc/self/task");
    }
    shows(g_object_new(VGPU_TYPE_VIEW, "target", "demo", "scaling", VGPU_SCALING_INTEGER, NULL));
    fails();
    ends();
    ends_within_a_handler();
    moves();
    has_the_guests_size();
    is_built();
    has_input();
    has_pictures_and_sizes();
    has_sources();
    is_for_one_thread();
  }
  /* What grows with each round; a thread that ends may still have something open. */
  CHECK(entries("/proc/self/fd") < descriptors + 6);
  CHECK(entries("/proc/self/task") < threads + 6);
  printf("done\n");
  return 0;
}
