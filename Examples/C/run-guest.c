/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Starts a guest on a vGPU and tells what happens, until the guest ends. Ctrl-C presses its power
 * button; after the guest's end everything that was made for it is removed.
 *
 *     cc -std=c99 run-guest.c $(pkg-config --cflags --libs vgpu) -o run-guest
 *     ./run-guest i915-GVTg_V5_4 -cdrom debian.iso        a new vGPU of this type
 *     ./run-guest UUID -hda linux.img                     this vGPU
 *     ./run-guest none                                    no vGPU and no KVM, to try it anywhere
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vgpu/vgpu.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int number) { interrupted = number; }

static int fail(const vgpu_error *error) {
  fprintf(stderr, "run-guest: %s\n", error->message);
  return 1;
}

static vgpu_guest *start(int argc, char **argv, vgpu_error *error) {
  vgpu_plan *plan = vgpu_plan_new();
  int is_screenless = strcmp(argv[1], "none") == 0;
  int32_t code = is_screenless ? vgpu_plan_set_name(plan, "run-guest", error)
                               : vgpu_plan_set_vgpu(plan, argv[1], error);
  if (is_screenless) vgpu_plan_set_feature(plan, VGPU_FEATURE_KVM, 0, error);
  for (int index = 2; index < argc && code == VGPU_OK; index++)
    code = vgpu_plan_add_argument(plan, argv[index], error);
  vgpu_guest *guest = code == VGPU_OK ? vgpu_guest_start(plan, error) : NULL;
  vgpu_plan_free(plan);
  return guest;
}

static void tell(const vgpu_event *event) {
  static const char *const kinds[] = {
      "?", "connected", "disconnected", "machine", "reset", "shutdown", "unknown key"};
  int is_known = event->kind >= 1 && event->kind <= VGPU_EVENT_UNKNOWN_KEY;
  printf("%s %d %s\n", kinds[is_known ? event->kind : 0], (int)event->detail, event->text);
  fflush(stdout);
}

int main(int argc, char **argv) {
  vgpu_error error;
  char text[512];
  if (argc < 2) {
    fprintf(stderr, "usage: run-guest TYPE|UUID|none [QEMU-ARGUMENT]...\n");
    return 64;
  }
  vgpu_guest *guest = start(argc, argv, &error);
  if (!guest) return fail(&error);
  for (size_t index = 0; vgpu_guest_note(guest, index, text, sizeof text) > 0; index++)
    printf("note: %s\n", text);
  vgpu_guest_log(guest, text, sizeof text);
  printf("pid:%d, log: %s\n", (int)vgpu_guest_process(guest), text);

  vgpu_control *control = vgpu_guest_open_control(guest, &error);
  if (!control) fail(&error);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = interrupt;
  sigaction(SIGINT, &action, NULL);
  struct pollfd wait[2] = {
      {vgpu_guest_fd(guest), POLLIN, 0}, {vgpu_control_fd(control, NULL), POLLIN, 0}};
  /* What QEMU says at its end comes a moment after it. */
  int is_connected = control != NULL;
  while (wait[0].fd >= 0 || is_connected) {
    int ready = poll(wait, 2, 1000);
    if (ready < 0 && errno != EINTR) break;
    if (ready == 0 && wait[0].fd < 0) break;
    vgpu_event event;
    while (vgpu_control_read_event(control, &event)) {
      tell(&event);
      if (event.kind == VGPU_EVENT_CONNECTED) is_connected = 1;
      if (event.kind == VGPU_EVENT_DISCONNECTED) is_connected = 0;
    }
    if (vgpu_guest_state(guest, NULL) != VGPU_GUEST_RUNNING) wait[0].fd = -1;
    if (!interrupted) continue;
    interrupted = 0;
    if (vgpu_control_power_down(control, &error) != VGPU_OK) fail(&error);
  }
  vgpu_control_close(control);
  int32_t code = vgpu_guest_clean_up(guest, &error);
  vgpu_guest_close(guest);
  return code == VGPU_OK ? 0 : fail(&error);
}
