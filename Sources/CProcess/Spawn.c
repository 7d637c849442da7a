// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <signal.h>
#include <spawn.h>

int vgpu_spawn(const char *path, char *const *arguments, int output, int errors,
               const int *sources, size_t count, int keeps_session, int *pid) {
  extern char **environ;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  error = posix_spawnattr_setflags(
      &attributes,
      (keeps_session ? 0 : POSIX_SPAWN_SETSID) | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  // To numbers above every source first: none may overwrite one that is still to be copied.
  int highest = 3 + (int)count;
  if (output >= highest) highest = output + 1;
  if (errors >= highest) highest = errors + 1;
  for (size_t i = 0; i < count; i++)
    if (sources[i] >= highest) highest = sources[i] + 1;
  for (size_t i = 0; error == 0 && i < count; i++)
    error = posix_spawn_file_actions_adddup2(&actions, sources[i], highest + (int)i);
  int copied = highest + (int)count;
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, output, copied);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, errors, copied + 1);
  if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, copied, 1);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, copied + 1, 2);
  for (size_t i = 0; error == 0 && i < count; i++)
    error = posix_spawn_file_actions_adddup2(&actions, highest + (int)i, 3 + (int)i);
  if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&actions, 3 + (int)count);
  if (error == 0) error = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}
