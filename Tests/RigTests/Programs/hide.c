/* SPDX-License-Identifier: Apache-2.0 */

/* Shows a guest in a notebook: hide page|window|parent TARGET. SIGUSR1 hides the view in that way, SIGUSR2
 * shows it again. Prints each state of the view, a line each. */

#define _POSIX_C_SOURCE 200809L
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <vgpu/vgpu-gtk3.h>

static const char *way;
static GtkWidget *window, *notebook, *view;

static void on_state(GObject *object, GParamSpec *spec, gpointer data) {
  (void)spec, (void)data;
  gint state;
  g_object_get(object, "state", &state, NULL);
  GEnumClass *states = g_type_class_ref(VGPU_TYPE_VIEW_STATE);
  printf("%s\n", g_enum_get_value(states, state)->value_nick);
  fflush(stdout);
  g_type_class_unref(states);
}

static gboolean on_hide(gpointer data) {
  (void)data;
  if (strcmp(way, "page") == 0) {
    gtk_notebook_set_current_page(GTK_NOTEBOOK(notebook), 1);
  } else if (strcmp(way, "window") == 0) {
    gtk_widget_hide(window);
  } else {
    gtk_container_remove(GTK_CONTAINER(notebook), view);
  }
  printf("hidden\n");
  fflush(stdout);
  return G_SOURCE_CONTINUE;
}

static gboolean on_show(gpointer data) {
  (void)data;
  if (strcmp(way, "parent") == 0) gtk_notebook_insert_page(GTK_NOTEBOOK(notebook), view, NULL, 0);
  gtk_notebook_set_current_page(GTK_NOTEBOOK(notebook), 0);
  gtk_widget_show(window);
  return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
  /* Whoever starts this may have blocked them. */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  gtk_init(&argc, &argv);
  if (argc != 3) return 64;
  way = argv[1];
  window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_default_size(GTK_WINDOW(window), 700, 560);
  notebook = gtk_notebook_new();
  gtk_notebook_set_show_tabs(GTK_NOTEBOOK(notebook), FALSE);
  view = g_object_ref_sink(vgpu_view_new(argv[2]));
  g_object_set(view, "scaling", VGPU_SCALING_ONE_TO_ONE, NULL);
  g_signal_connect(view, "notify::state", G_CALLBACK(on_state), NULL);
  gtk_notebook_append_page(GTK_NOTEBOOK(notebook), view, NULL);
  gtk_notebook_append_page(GTK_NOTEBOOK(notebook), gtk_label_new("Another page"), NULL);
  gtk_container_add(GTK_CONTAINER(window), notebook);
  g_unix_signal_add(SIGUSR1, on_hide, NULL);
  g_unix_signal_add(SIGUSR2, on_show, NULL);
  gtk_widget_show_all(window);
  gtk_main();
  return 0;
}
