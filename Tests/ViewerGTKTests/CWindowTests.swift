// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing
import VGPUDisplay

/// The widget for C, in programs in C on a real X server.
@Suite(.serialized, .enabled(if: Screen.isPossible, Screen.isMissing))
final class CWindowTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("c-view-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Compiles a program as its author would, but for where the libraries are.
  private func compile(_ source: URL) throws -> String {
    let program = folder.appendingPathComponent("program").path
    let toolkit = try Program.run(["pkg-config", "--cflags", "--libs", "gtk+-3.0", "x11"]).text
      .split(whereSeparator: \.isWhitespace).map(String.init)
    let answer = try Program.run(
      ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", CLibraries.headers]
        + [source.path, "-L\(try CLibraries.folder())", "-lvgpu-gtk3", "-lvgpu"] + toolkit
        + ["-lpthread", "-o", program])
    try #require(answer.code == 0, "\(answer.text)")
    return program
  }

  private func start(_ program: String, _ arguments: [String], on screen: Screen) throws -> Tool {
    let others = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"].map { ":\($0)" } ?? ""
    return try Tool(
      program, arguments, in: folder,
      environment: screen.environment.merging(
        ["LD_LIBRARY_PATH": try CLibraries.folder() + others]) { $1 })
  }

  /// The demo's picture of 1024x768, one to one in the middle of a window of 800x600 in the screen's
  /// corner: red and green tell the place, blue the frame. The pointer may be anywhere.
  private func isDemo(_ picture: Picture) -> Bool {
    guard picture.width >= 800, picture.height >= 600 else { return false }
    var wrong = 0
    for y in 0..<600 {
      for x in 0..<800 {
        let color = picture.color(x: x, y: y)
        let there = (UInt32(x + 112) & 255) << 8 | (UInt32(y + 84) & 255)
        if color >> 8 != there { wrong += 1 }
      }
    }
    return wrong <= 64 * 64
  }

  @Test func exampleShowsTheGuest() throws {
    let screen = try Screen(.xvfb)
    let program = try compile(
      CLibraries.package.appendingPathComponent("Examples/C/viewer.c"))
    let viewer = try start(program, ["demo"], on: screen)
    try Screen.wait(for: viewer) { try screen.picture().map(isDemo) ?? false }
    // Its title has the view's statistics.
    try Screen.wait(for: viewer) {
      let found = try Tool(
        "xdotool", ["search", "--name", "^1024x768, [1-9][0-9]* frames$"], in: folder,
        environment: screen.environment
      ).finish()
      return found.status == 0
    }
    viewer.terminate()
    _ = try viewer.finish()

    let list = try start(program, [], on: screen).finish()
    #expect(list.status == 0)
    #expect(String(decoding: list.output, as: UTF8.self).contains(/[0-9]+ vGPUs\n/))
    #expect(try start(program, ["pid:1x"], on: screen).finish().status == 1)
  }

  @Test func viewsEndAndLeaveNothing() throws {
    let source = folder.appendingPathComponent("views.c")
    try Self.views.write(to: source, atomically: true, encoding: .utf8)
    let screen = try Screen(.xvfb)
    let end = try start(try compile(source), [], on: screen).finish()
    #expect(end.status == 0)
    #expect(String(decoding: end.output, as: UTF8.self) == "done\n")
  }

  /// Makes views and destroys them, some in a container, and misuses them.
  private static let views = """
    #define _POSIX_C_SOURCE 200809L
    #include <X11/Xlib.h>
    #include <dirent.h>
    #include <pthread.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <unistd.h>
    #include <vgpu/vgpu-gtk3.h>

    static void check(int is_so, const char *what) {
      if (is_so) return;
      printf("%s\\n", what);
      exit(1);
    }
    #define CHECK(condition) check(condition, #condition)

    static int descriptors(void) {
      int count = 0;
      DIR *folder = opendir("/proc/self/fd");
      while (readdir(folder) != NULL) count++;
      closedir(folder);
      return count;
    }

    static void *elsewhere(void *view) {
      vgpu_error error = {0};
      CHECK(vgpu_view_new("demo", 0, -1, &error) == NULL);
      CHECK(error.code == VGPU_ERROR_ARGUMENT);
      CHECK(vgpu_view_set_scaling(view, VGPU_SCALING_FIT, NULL) == VGPU_ERROR_ARGUMENT);
      return NULL;
    }

    int main(void) {
      /* What hangs is ended. */
      alarm(600);
      XInitThreads();
      gtk_init(NULL, NULL);
      vgpu_error error = {0};
      vgpu_view_statistics shown;
      int before = 0;
      for (int round = 0; round < 8; round++) {
        /* What is made once was made in the first rounds. */
        if (round == 2) before = descriptors();
        GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
        GtkWidget *view = vgpu_view_new("demo", 0, -1, &error);
        CHECK(view != NULL && GTK_IS_DRAWING_AREA(view));
        gtk_container_add(GTK_CONTAINER(window), view);
        gtk_widget_show_all(window);
        do {
          /* A frame alone wakes nobody here. */
          g_usleep(2000);
          while (gtk_events_pending()) gtk_main_iteration();
          CHECK(vgpu_view_get_statistics(view, &shown, &error) == VGPU_OK);
        } while (shown.frames_presented < 3);
        CHECK(shown.width == 1024 && shown.height == 768 && shown.path != VGPU_PATH_NONE);
        CHECK(shown.first_presented_ns > 0 && shown.last_presented_ns > shown.first_presented_ns);
        CHECK(vgpu_view_set_scaling(view, VGPU_SCALING_FILL, &error) == VGPU_OK);
        CHECK(vgpu_view_set_scaling(view, 9, &error) == VGPU_ERROR_ARGUMENT);
        CHECK(vgpu_view_set_input(view, "/no/such/socket", &error) == VGPU_OK);
        CHECK(vgpu_view_set_grab(view, TRUE, &error) == VGPU_OK);
        CHECK(vgpu_view_set_input(view, NULL, &error) == VGPU_OK);
        CHECK(vgpu_view_get_statistics(view, NULL, &error) == VGPU_ERROR_ARGUMENT);
        CHECK(vgpu_view_get_statistics(window, &shown, &error) == VGPU_ERROR_ARGUMENT);

        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, elsewhere, view) == 0);
        CHECK(pthread_join(thread, NULL) == 0);

        g_object_ref(view);
        gtk_widget_destroy(window);
        CHECK(vgpu_view_get_statistics(view, &shown, &error) == VGPU_ERROR_ARGUMENT);
        g_object_unref(view);
        while (gtk_events_pending()) gtk_main_iteration();
      }
      CHECK(vgpu_view_new("demos", 0, -1, &error) == NULL);
      CHECK(error.code == VGPU_ERROR_ARGUMENT);
      CHECK(vgpu_view_set_grab(NULL, TRUE, NULL) == VGPU_ERROR_ARGUMENT);
      GtkWidget *alone = vgpu_view_new("demo", 0, -1, &error);
      CHECK(alone != NULL);
      gtk_widget_destroy(alone);
      /* What grows with each round; a thread that ends may still have something open. */
      CHECK(descriptors() < before + 6);
      printf("done\\n");
      return 0;
    }

    """
}
