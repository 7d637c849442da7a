/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Opens a source, looks at it and closes it again, many times: `opens COUNT`. Prints the descriptors and the memory
 * (in KiB) before and after the last nine tenths.
 */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vgpu/vgpu.h>

static int descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  int count = 0;
  if (!folder) return -1;
  while (readdir(folder)) count++;
  closedir(folder);
  return count;
}

static long resident(void) {
  long size = 0, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return -1;
  if (fscanf(file, "%ld %ld", &size, &pages) != 2) pages = -1;
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv) {
  int count = argc == 2 ? atoi(argv[1]) : 0;
  for (int opens = 0; opens < count; opens++) {
    if (opens == count / 10) printf("%d %ld\n", descriptors(), resident());
    vgpu_source *source = vgpu_source_open("demo", 0, -1, NULL);
    vgpu_frame frame;
    if (vgpu_source_fd(source, 60, NULL) < 0) return 1;
    if (vgpu_source_poll(source, &frame) != VGPU_STATE_FRAME) return 1;
    vgpu_buffer *buffer = vgpu_source_get_buffer(source, VGPU_PLANE_PRIMARY, NULL);
    if (vgpu_buffer_fd(buffer) < 0) return 1;
    vgpu_source_close(source);
    vgpu_buffer_release(buffer);
  }
  printf("%d %ld\n", descriptors(), resident());
  return 0;
}
