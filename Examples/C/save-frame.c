/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Saves what a guest shows as a PPM picture.
 *
 *     cc -std=c99 save-frame.c $(pkg-config --cflags --libs vgpu) -o save-frame
 *     ./save-frame demo frame.ppm
 */

#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <vgpu/vgpu.h>

/* How often the guest is looked at until it shows something, in Hz, and how often at most. */
static const double rate = 60;
static const int most_looks = 600;

/* Waits for a picture: what an event loop does, with nothing else in it. */
static int wait_for_frame(vgpu_source *source, vgpu_error *error) {
  struct pollfd timer = {vgpu_source_fd(source, rate, error), POLLIN, 0};
  if (timer.fd < 0) return 0;
  for (int looks = 0; looks < most_looks; looks++) {
    vgpu_frame frame;
    int32_t state = vgpu_source_poll(source, &frame);
    if (state == VGPU_STATE_FRAME) return 1;
    if (state == VGPU_STATE_ENDED) break;
    if (poll(&timer, 1, -1) < 0) break;
  }
  error->code = VGPU_ERROR_NO_PICTURE;
  vgpu_source_message(source, error->message, sizeof error->message);
  return 0;
}

static int write_picture(
    const char *path, const vgpu_buffer_info *info, const uint8_t *rgb, size_t size) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) {
    perror(path);
    return 0;
  }
  fprintf(file, "P6\n%u %u\n255\n", (unsigned)info->width, (unsigned)info->height);
  size_t written = fwrite(rgb, 1, size, file);
  if (fclose(file) != 0 || written != size) {
    perror(path);
    return 0;
  }
  return 1;
}

static int save(vgpu_source *source, const char *path, vgpu_error *error) {
  vgpu_buffer_info info;
  vgpu_buffer *buffer = vgpu_source_get_buffer(source, VGPU_PLANE_PRIMARY, error);
  if (buffer == NULL) return 0;
  vgpu_buffer_describe(buffer, &info, NULL);

  size_t size = (size_t)info.width * info.height * 3;
  uint8_t *rgb = (uint8_t *)malloc(size);
  int done = 0;
  if (rgb == NULL) {
    perror("malloc");
  } else if (vgpu_buffer_copy_rgb(buffer, rgb, size, error) == VGPU_OK) {
    done = write_picture(path, &info, rgb, size);
  }
  free(rgb);
  vgpu_buffer_release(buffer);
  if (done) {
    printf(
        "%ux%u, %.4s, modifier 0x%llx\n", (unsigned)info.width, (unsigned)info.height,
        (const char *)&info.fourcc, (unsigned long long)info.modifier);
  }
  return done;
}

int main(int count, char **arguments) {
  vgpu_error error;
  error.code = VGPU_OK;
  if (count != 3) {
    fprintf(stderr, "usage: save-frame TARGET FILE.ppm\n");
    return 64;
  }
  if (vgpu_abi_version() != VGPU_ABI_VERSION) {
    fprintf(stderr, "libvgpu: another ABI than this program's; build it anew\n");
    return 1;
  }
  vgpu_source *source = vgpu_source_open(arguments[1], 0, -1, &error);
  int done =
      source != NULL && wait_for_frame(source, &error) && save(source, arguments[2], &error);
  if (error.code != VGPU_OK) fprintf(stderr, "save-frame: %s\n", error.message);
  vgpu_source_close(source);
  return done ? 0 : 1;
}
