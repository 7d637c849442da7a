/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Prints which threads of a program with a source and a control take SIGALRM: `threads QMP-SOCKET`.
 * The first thread is the program's own.
 */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vgpu/vgpu.h>

static int fail(const char *what, const vgpu_error *error) {
  printf("%s: %s\n", what, error->message);
  return 1;
}

int main(int argc, char **argv) {
  vgpu_error error;
  memset(&error, 0, sizeof error);
  if (argc != 2) return 2;
  vgpu_source *source = vgpu_source_open("demo", 0, -1, &error);
  if (!source) return fail("source", &error);
  /* Any target will do: the socket says which QEMU is meant. */
  vgpu_control *control = vgpu_control_open("pid:1", argv[1], 0, &error);
  if (!control) return fail("control", &error);
  int threads = 0;
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks) return 2;
  struct dirent *entry;
  while ((entry = readdir(tasks))) {
    char path[300], line[256];
    if (atoi(entry->d_name) == 0 || atoi(entry->d_name) == (int)getpid()) continue;
    threads++;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE *status = fopen(path, "r");
    if (!status) continue;
    while (fgets(line, sizeof line, status))
      if (strncmp(line, "SigBlk:", 7) == 0 && !(strtoull(line + 7, NULL, 16) >> (SIGALRM - 1) & 1))
        printf("thread %s takes SIGALRM: %s", entry->d_name, line);
    fclose(status);
  }
  closedir(tasks);
  vgpu_control_close(control);
  vgpu_source_close(source);
  return threads > 0 ? 0 : 3;
}
