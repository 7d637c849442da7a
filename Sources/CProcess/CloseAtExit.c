// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

struct ending {
  sem_t has_copies, is_over;
  int has_own;
  size_t count;
  int sockets[];
};

static void *end_with_copies(void *argument) {
  struct ending *ending = argument;
  ending->has_own = unshare(CLONE_FILES) == 0;
  int has_own = ending->has_own;
  sem_post(&ending->has_copies);
  while (sem_wait(&ending->is_over) < 0) continue;
  // Forbidden, as by a filter: then this thread waits for them, and nobody else.
  for (size_t i = 0; !has_own && i < ending->count; i++) close(ending->sockets[i]);
  sem_destroy(&ending->has_copies);
  sem_destroy(&ending->is_over);
  free(ending);
  return NULL;
}

long vgpu_close_at_exit(const int *sockets, size_t count) {
  struct ending *ending = calloc(1, sizeof *ending + count * sizeof *sockets);
  if (ending == NULL) return -ENOMEM;
  ending->count = count;
  memcpy(ending->sockets, sockets, count * sizeof *sockets);
  sem_init(&ending->has_copies, 0, 0);
  sem_init(&ending->is_over, 0, 0);
  long started = vgpu_start_thread(end_with_copies, ending);
  if (started < 0) {
    sem_destroy(&ending->has_copies);
    sem_destroy(&ending->is_over);
    free(ending);
    return started;
  }
  while (sem_wait(&ending->has_copies) < 0) continue;
  for (size_t i = 0; ending->has_own && i < count; i++) close(sockets[i]);
  sem_post(&ending->is_over);
  return 0;
}
