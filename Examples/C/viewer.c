/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Shows a guest in a GTK 3 window; without a guest's name it lists the host's vGPUs.
 *
 *     cc -std=c99 viewer.c $(pkg-config --cflags --libs vgpu-gtk3 vgpu x11) -o viewer
 *     ./viewer demo
 *     ./viewer UUID /run/guest/qmp        # with keyboard and mouse
 */

#include <X11/Xlib.h>
#include <gtk/gtk.h>
#include <stdio.h>

#include <vgpu/vgpu-gtk3.h>
#include <vgpu/vgpu.h>

static int list(void) {
  vgpu_device devices[64];
  vgpu_error error;
  size_t count = 0;
  if (vgpu_list(devices, G_N_ELEMENTS(devices), &count, &error) != VGPU_OK) {
    fprintf(stderr, "viewer: %s\n", error.message);
    return 1;
  }
  for (size_t index = 0; index < MIN(count, G_N_ELEMENTS(devices)); index++) {
    printf("%s %s\n", devices[index].uuid, devices[index].type);
  }
  printf("%u vGPUs\n", (unsigned)count);
  return 0;
}

/* The title tells the size and the frames so far, once a second. */
static gboolean update_title(gpointer data) {
  VgpuView *view = VGPU_VIEW(data);
  VgpuViewStatistics shown;
  guint width, height;
  vgpu_view_get_statistics(view, &shown);
  g_object_get(view, "guest-width", &width, "guest-height", &height, NULL);
  gchar *title = g_strdup_printf(
      "%ux%u, %" G_GUINT64_FORMAT " frames", width, height, shown.frames_presented);
  gtk_window_set_title(GTK_WINDOW(gtk_widget_get_toplevel(GTK_WIDGET(view))), title);
  g_free(title);
  return G_SOURCE_CONTINUE;
}

/* The guest is gone for good; the view says why in its place. */
static void on_failed(VgpuView *view, const GError *error, gpointer data) {
  (void)view, (void)data;
  fprintf(stderr, "viewer: %s\n", error->message);
}

int main(int count, char **arguments) {
  GError *error = NULL;
  if (count < 2) return list();
  /* The view's thread has an X connection of its own. */
  XInitThreads();
  gtk_init(&count, &arguments);

  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_default_size(GTK_WINDOW(window), 800, 600);
  g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), NULL);
  VgpuView *view = VGPU_VIEW(g_object_new(
      VGPU_TYPE_VIEW, "scaling", VGPU_SCALING_ONE_TO_ONE, "qmp", count > 2 ? arguments[2] : NULL,
      NULL));
  gtk_container_add(GTK_CONTAINER(window), GTK_WIDGET(view));

  /* A vGPU without a guest is waited for; the view says so meanwhile. */
  if (!vgpu_view_open(view, arguments[1], &error)) {
    fprintf(stderr, "viewer: %s\n", error->message);
    g_error_free(error);
    return 1;
  }
  g_signal_connect(view, "failed", G_CALLBACK(on_failed), NULL);
  guint timer = g_timeout_add_seconds(1, update_title, view);
  g_signal_connect_swapped(
      view, "destroy", G_CALLBACK(g_source_remove), GUINT_TO_POINTER(timer));
  gtk_widget_show_all(window);
  gtk_widget_grab_focus(GTK_WIDGET(view));
  gtk_main();
  return 0;
}
