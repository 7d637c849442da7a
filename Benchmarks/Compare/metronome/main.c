// SPDX-License-Identifier: Apache-2.0
//
//   metronome --rate HZ --guest WxH --socket NAME --log FILE [--dmabuf]
//
// Serves Wayland at $XDG_RUNTIME_DIR/NAME until SIGTERM, then writes the log to FILE (log.c). --dmabuf offers zwp_linux_dmabuf_v1.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "metronome.h"
#include "presentation-time.h"

uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void fail(const char *object, const char *cause, const char *remedy) {
    fprintf(stderr, "metronome: %s: %s\n  -> %s\n", object, cause, remedy);
    exit(1);
}

static struct wl_display *display;
static double rate = 60;
static uint64_t start, ticks;
static int timer = -1;

static uint64_t due(uint64_t tick) { return start + (uint64_t)((double)tick * 1e9 / rate); }

static void arm(void) {
    uint64_t time = due(ticks + 1);
    struct itimerspec at = {.it_value = {(time_t)(time / 1000000000u), (long)(time % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static int on_tick(int fd, uint32_t mask, void *data) {
    (void)mask, (void)data;
    uint64_t expired;
    if (read(fd, &expired, sizeof expired) < 0) return 0;
    ticks++;
    compositor_refresh(due(ticks), (uint64_t)(1e9 / rate), ticks);
    // Refreshes during which this thread slept are lost, as on a monitor.
    while (due(ticks + 1) <= now()) ticks++;
    arm();
    return 0;
}

static int on_signal(int number, void *data) {
    (void)number, (void)data;
    wl_display_terminate(display);
    return 0;
}

// MARK: the output

static void output_release(struct wl_client *client, struct wl_resource *resource) {
    (void)client;
    wl_resource_destroy(resource);
}

static const struct wl_output_interface output = {output_release};

static void bind_output(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
    (void)data;
    struct wl_resource *resource = wl_resource_create(client, &wl_output_interface, (int)version, id);
    wl_resource_set_implementation(resource, &output, NULL, NULL);
    // A window with a title bar fits beside the monitor's other things: one that does not would be scaled.
    int32_t width = guest_width + 256 > 1920 ? (int32_t)guest_width + 256 : 1920;
    int32_t height = guest_height + 256 > 1080 ? (int32_t)guest_height + 256 : 1080;
    // 94 pixels an inch at any size.
    wl_output_send_geometry(resource, 0, 0, width * 27 / 100, height * 27 / 100, WL_OUTPUT_SUBPIXEL_UNKNOWN, "none", "metronome", WL_OUTPUT_TRANSFORM_NORMAL);
    wl_output_send_mode(resource, WL_OUTPUT_MODE_CURRENT | WL_OUTPUT_MODE_PREFERRED, width, height, (int32_t)(rate * 1000 + 0.5));
    if (version >= WL_OUTPUT_SCALE_SINCE_VERSION) wl_output_send_scale(resource, 1);
    if (version >= WL_OUTPUT_DONE_SINCE_VERSION) wl_output_send_done(resource);
}

int main(int argc, char **argv) {
    const char *socket = NULL, *log = NULL;
    bool dmabuf = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--dmabuf")) {
            dmabuf = true;
            continue;
        }
        if (!strcmp(argv[i], "--rate")) rate = atof(value);
        else if (!strcmp(argv[i], "--guest")) sscanf(value, "%ux%u", &guest_width, &guest_height);
        else if (!strcmp(argv[i], "--socket")) socket = value;
        else if (!strcmp(argv[i], "--log")) log = value;
        else fail(argv[i], "no such option", "see the head of main.c");
        i++;
    }
    if (!(rate >= 1 && rate <= 1000)) fail("--rate", "not a rate", "give 1 to 1000");
    if (guest_width < 64 || guest_height < 64 || guest_width > 8192 || guest_height > 8192) fail("--guest", "not a mode", "give e.g. 320x240");
    if (!socket || !log) fail(socket ? "--log" : "--socket", "missing", "name one");

    // A monitor refreshes even when the machine is busy. Without the right to this priority, the log shows how late a refresh
    // was.
    struct sched_param first = {.sched_priority = 10};
    if (sched_setscheduler(0, SCHED_FIFO, &first)) perror("metronome: SCHED_FIFO: going on without");

    display = wl_display_create();
    if (!display || wl_display_add_socket(display, socket)) fail(socket, strerror(errno), "set XDG_RUNTIME_DIR to a folder of yours");
    struct wl_event_loop *loop = wl_display_get_event_loop(display);
    wl_event_loop_add_signal(loop, SIGTERM, on_signal, NULL);
    wl_event_loop_add_signal(loop, SIGINT, on_signal, NULL);
    wl_display_init_shm(display);
    wl_global_create(display, &wl_output_interface, 3, NULL, bind_output);
    compositor_start(display);
    shell_start(display);
    if (dmabuf) dmabuf_start(display);

    timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0) fail("timerfd", strerror(errno), "this needs Linux");
    start = now();
    arm();
    wl_event_loop_add_fd(loop, timer, WL_EVENT_READABLE, on_tick, NULL);
    wl_display_run(display);
    log_write(log);
    wl_display_destroy_clients(display);
    wl_display_destroy(display);
    return 0;
}
