/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Calls what a VM manager calls, on a machine without vGPUs, so that valgrind can look on:
 * `manager SOCKET [QEMU FOLDER]`, with the QMP socket of a running QEMU, which it ends; with QEMU's
 * program it starts one too, which Debian 12's valgrind cannot (it has no pidfd_open). Prints what
 * went wrong, and ends with 1.
 */

#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vgpu/vgpu.h>

static vgpu_error error;

static void expect(int is_so, const char *what) {
  if (is_so) return;
  printf("%s: %s\n", what, error.message);
  exit(1);
}

#define EXPECT(what) expect((what), #what)

static void wait_for(int fd) {
  struct pollfd entry = {fd, POLLIN, 0};
  EXPECT(fd >= 0);
  EXPECT(poll(&entry, 1, -1) == 1);
}

static void look_at_lists(void) {
  vgpu_device device;
  vgpu_type type;
  vgpu_persistent_device persistent;
  size_t count = 0;
  EXPECT(vgpu_list(&device, 1, &count, &error) == VGPU_OK);
  EXPECT(vgpu_list_types(&type, 1, &count, &error) == VGPU_OK);
  EXPECT(vgpu_list_persistent(&persistent, 1, &count, &error) == VGPU_OK);
  EXPECT(vgpu_device_create("no-type", NULL, NULL, 0, &device, &error) == VGPU_ERROR_NOT_FOUND);
  EXPECT(vgpu_device_remove("x", 0, &error) == VGPU_ERROR_ARGUMENT);
}

static void look_at_a_screen(void) {
  vgpu_source *source = vgpu_source_open("demo", 0, -1, &error);
  vgpu_frame frame;
  vgpu_buffer_info info;
  char text[64];
  EXPECT(source != NULL);
  for (int frames = 0; frames < 4; frames++) {
    wait_for(vgpu_source_fd(source, 60, &error));
    EXPECT(vgpu_source_poll(source, &frame) == VGPU_STATE_FRAME);
  }
  EXPECT(vgpu_source_name(source, text, sizeof text) == strlen("demo"));
  vgpu_buffer *buffer = vgpu_source_get_buffer(source, VGPU_PLANE_PRIMARY, &error);
  EXPECT(vgpu_buffer_describe(buffer, &info, &error) == VGPU_OK);
  size_t size = (size_t)info.width * info.height * 3;
  uint8_t *rgb = (uint8_t *)malloc(size);
  EXPECT(rgb != NULL);
  EXPECT(vgpu_buffer_copy_rgb(buffer, rgb, size, &error) == VGPU_OK);
  free(rgb);
  EXPECT(vgpu_source_open_control(source, &error) == NULL);
  vgpu_source_close(source);
  vgpu_buffer_release(buffer);
}

/* A guest's agent that is not there. */
static void look_for_an_agent(void) {
  vgpu_agent *agent = vgpu_agent_open(NULL, "/nowhere/port", &error);
  vgpu_agent_event event;
  char *text = NULL;
  EXPECT(agent != NULL);
  wait_for(vgpu_agent_fd(agent, &error));
  EXPECT(vgpu_agent_read_event(agent, &event) == 1);
  EXPECT(event.kind == VGPU_AGENT_EVENT_DISCONNECTED);
  EXPECT(strstr(event.text, "/nowhere/port") != NULL);
  EXPECT(vgpu_agent_wait(agent, 1, &error) == VGPU_ERROR_NOT_RUNNING);
  EXPECT(vgpu_agent_offer_text(agent, "text", 4, &error) == VGPU_OK);
  EXPECT(vgpu_agent_get_text(agent, 1000, &text, NULL, &error) == VGPU_ERROR_NOT_RUNNING);
  vgpu_agent_close(agent);
}

/* Works on a guest, ends it, and closes the control. */
static void end(vgpu_control *control) {
  vgpu_event event;
  size_t count = 0;
  EXPECT(control != NULL);
  EXPECT(vgpu_control_plug(control, "usb:dead:beef", &error) == VGPU_ERROR_NOT_FOUND);
  EXPECT(vgpu_control_list_plugged(control, NULL, 0, &count, &error) == VGPU_OK);
  EXPECT(vgpu_control_reset(control, &error) == VGPU_OK);
  EXPECT(vgpu_control_quit(control, &error) == VGPU_OK);
  do {
    wait_for(vgpu_control_fd(control, &error));
    while (vgpu_control_read_event(control, &event) == 1 && event.kind != VGPU_EVENT_SHUTDOWN) continue;
  } while (event.kind != VGPU_EVENT_SHUTDOWN);
  vgpu_control_close(control);
}

static void control_a_guest(const char *socket) {
  /* The socket says which QEMU is meant. */
  vgpu_control *control = vgpu_control_open("pid:1", socket, 0, &error);
  EXPECT(control != NULL);
  EXPECT(vgpu_control_key(control, 30, 1, &error) == VGPU_OK);
  EXPECT(vgpu_control_absolute(control, 1, 1, &error) == VGPU_OK);
  EXPECT(vgpu_control_wheel(control, VGPU_AXIS_VERTICAL, 1, &error) == VGPU_OK);
  EXPECT(vgpu_control_touch(control, VGPU_TOUCH_DOWN, 0, 1, 1, &error) == VGPU_ERROR_UNSUPPORTED);
  EXPECT(vgpu_control_touch(control, VGPU_TOUCH_DOWN, VGPU_MOST_TOUCHES, 1, 1, &error) == VGPU_ERROR_ARGUMENT);
  EXPECT(vgpu_control_release_all(control, &error) == VGPU_OK);
  end(control);
}

static vgpu_plan *describe(const char *qemu, const char *folder) {
  vgpu_plan *plan = vgpu_plan_new();
  EXPECT(vgpu_plan_set_name(plan, "held", &error) == VGPU_OK);
  EXPECT(vgpu_plan_set_memory(plan, 64, &error) == VGPU_OK);
  EXPECT(vgpu_plan_set_cpus(plan, 1, &error) == VGPU_OK);
  EXPECT(vgpu_plan_set_network(plan, "none", &error) == VGPU_OK);
  EXPECT(vgpu_plan_set_feature(plan, VGPU_FEATURE_KVM, 0, &error) == VGPU_OK);
  EXPECT(vgpu_plan_set_qemu(plan, qemu, &error) == VGPU_OK);
  EXPECT(vgpu_plan_set_folders(plan, folder, folder, &error) == VGPU_OK);
  EXPECT(vgpu_plan_add_argument(plan, "-S", &error) == VGPU_OK);
  EXPECT(vgpu_plan_add_disk(plan, "x,format=no", &error) == VGPU_ERROR_ARGUMENT);
  return plan;
}

static void run_a_guest(const char *qemu, const char *folder) {
  vgpu_plan *plan = describe(qemu, folder);
  char *xml = vgpu_plan_domain_xml(plan, &error);
  EXPECT(xml != NULL);
  free(xml);
  vgpu_guest *guest = vgpu_guest_start(plan, &error);
  EXPECT(guest != NULL);
  vgpu_plan_free(plan);
  vgpu_control *control = vgpu_guest_open_control(guest, &error);
  EXPECT(vgpu_control_key(control, 30, 1, &error) == VGPU_ERROR_NOT_RUNNING);
  end(control);
  wait_for(vgpu_guest_fd(guest));
  EXPECT(vgpu_guest_state(guest, NULL) == VGPU_GUEST_EXITED);
  EXPECT(vgpu_guest_clean_up(guest, &error) == VGPU_OK);
  vgpu_guest_close(guest);
}

int main(int argc, char **argv) {
  if ((argc != 2 && argc != 4) || vgpu_abi_version() != VGPU_ABI_VERSION) return 2;
  look_at_lists();
  look_at_a_screen();
  look_for_an_agent();
  control_a_guest(argv[1]);
  if (argc == 4) run_a_guest(argv[2], argv[3]);
  puts("done");
  return 0;
}
