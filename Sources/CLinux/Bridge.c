// SPDX-License-Identifier: Apache-2.0
//
// What a server of packets needs of the kernel, and how it gives its privileges up.
#define _GNU_SOURCE
#include "CLinux.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>

long vgpu_unix_listen(int socket, int folder, const char *path, const char *name,
                      struct vgpu_file *file) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  if (bind(socket, (const struct sockaddr *)&address, sizeof(address)) < 0) return -(long)errno;
  // What is there now is looked at before its mode is changed: never that of what a link leads to.
  int made = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (made < 0) return -(long)errno;
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", made);
  struct stat status;
  long error = 0;
  if (fstat(made, &status) < 0) {
    error = -(long)errno;
  } else if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
    error = -ESTALE;
  } else {
    *file = (struct vgpu_file){.device = status.st_dev, .number = status.st_ino};
    if (chmod(link, 0666) < 0 || listen(socket, SOMAXCONN) < 0) {
      error = -(long)errno;
      vgpu_unlink_socket(folder, name, file);
    }
  }
  close(made);
  return error;
}

long vgpu_find_socket(int folder, const char *name, struct vgpu_file *file) {
  struct stat status;
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return -(long)errno;
  if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
  *file = (struct vgpu_file){.device = status.st_dev, .number = status.st_ino};
  return 0;
}

long vgpu_unlink_socket(int folder, const char *name, const struct vgpu_file *file) {
  struct vgpu_file found;
  long error = vgpu_find_socket(folder, name, &found);
  if (error < 0) return error;
  if (found.device != file->device || found.number != file->number) return -ESTALE;
  return vgpu_result(unlinkat(folder, name, 0));
}

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

long vgpu_adopt_listener(int fd) {
  int type = 0, domain = 0, listens = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return -(long)errno;
  size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0) return -(long)errno;
  size = sizeof listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0) return -(long)errno;
  if (type != SOCK_SEQPACKET || domain != AF_UNIX || !listens) return -EPROTOTYPE;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -(long)errno;
  return vgpu_result(fcntl(fd, F_SETFD, FD_CLOEXEC));
}

long vgpu_accept(int socket) {
  return vgpu_result(accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

long vgpu_peer(int socket, uint32_t *user, uint32_t *group, int32_t *process) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -(long)errno;
  *user = peer.uid;
  *group = peer.gid;
  *process = peer.pid;
  return 0;
}

long vgpu_peer_groups(int socket, uint32_t *groups, size_t count) {
  socklen_t size = (socklen_t)(count * sizeof *groups);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0) return -(long)errno;
  return (long)(size / sizeof *groups);
}

long vgpu_least_send_buffer(int socket) {
  int least = 0;
  return vgpu_result(setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &least, sizeof least));
}

long vgpu_receive_alone(int socket, void *bytes, size_t length, int *descriptors) {
  struct iovec part = {.iov_base = bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  *descriptors = 0;
  // Without room for descriptors their message is marked as cut.
  long count = vgpu_result(recvmsg(socket, &message, MSG_PEEK));
  if (count < 0) return count;
  *descriptors = (message.msg_flags & MSG_CTRUNC) != 0;
  return *descriptors ? count : vgpu_result(recv(socket, bytes, length, 0));
}

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

long vgpu_notify(const char *path, const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  long fd = vgpu_result(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return fd;
  long sent = vgpu_result(sendto(
      (int)fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)));
  close((int)fd);
  return sent;
}

long vgpu_become(const char *name, uint32_t user, uint32_t group, uint64_t keep) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return -(long)errno;
  // What is permitted now stays so beyond the change of user, and is taken away right after it.
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(name, group) < 0 ||
      setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0)
    return -(long)errno;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {
      {.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
      {.effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32)},
  };
  if (syscall(SYS_capset, &header, data) < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return -(long)errno;
  return 0;
}

// Written before the handler can run, and never again.
static int end_signals = -1;

static void tell_of_end(int signal) {
  (void)signal;
  int error = errno;
  eventfd_write(end_signals, 1);
  errno = error;
}

long vgpu_tell_of_end_signals(int fd) {
  struct sigaction action = {.sa_handler = tell_of_end, .sa_flags = SA_RESTART};
  if (end_signals >= 0) return -EALREADY;
  end_signals = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (end_signals < 0 || sigaction(SIGTERM, &action, NULL) < 0 || sigaction(SIGINT, &action, NULL) < 0)
    return -(long)errno;
  // Whoever started this may have left them blocked, as Swift's threads do.
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGTERM);
  sigaddset(&both, SIGINT);
  return -(long)pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}
