// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcess.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>

long vgpu_unlink_socket_at_end(int folder, const char *name, const struct vgpu_file *file) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -(long)errno;
  pid_t child = fork();
  if (child != 0) {
    long error = child < 0 ? -(long)errno : 0;
    close(ends[0]);
    if (error == 0) return ends[1];
    close(ends[1]);
    return error;
  }
  // From here on only what may be called between fork(2) and exec(2). What ends the bridge, such as
  // Ctrl+C in its terminal, must not end this one first.
  setsid();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  int own = fcntl(folder, F_DUPFD, 3), end = fcntl(ends[0], F_DUPFD, 3);
  if (own < 0 || end < 0 || dup2(own, 0) < 0 || dup2(end, 1) < 0) _exit(1);
  closefrom(2);
  // The owner of a folder needs no capability to remove what is in it.
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {0};
  syscall(SYS_capset, &header, none);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  char byte;
  while (read(1, &byte, 1) < 0 && errno == EINTR) continue;
  vgpu_unlink_socket(0, name, file);
  _exit(0);
}
