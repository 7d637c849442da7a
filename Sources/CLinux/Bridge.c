// SPDX-License-Identifier: Apache-2.0
//
// What a server of packets needs of the kernel, and how it gives its privileges up.
#define _GNU_SOURCE
#include "CLinux.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>

long vgpu_unix_listen(int socket, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  if (bind(socket, (const struct sockaddr *)&address, sizeof(address)) < 0) return -(long)errno;
  if (chmod(path, 0666) < 0 || listen(socket, 64) < 0) {
    long error = -(long)errno;
    unlink(path);
    return error;
  }
  return 0;
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

static void *close_sockets(void *argument) {
  int queue = (int)(intptr_t)argument, socket;
  // A pipe does not mix writes as short as these.
  while (read(queue, &socket, sizeof socket) == sizeof socket) close(socket);
  close(queue);
  return NULL;
}

long vgpu_start_closing(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -(long)errno;
  long started = vgpu_start_thread(close_sockets, (void *)(intptr_t)ends[0]);
  if (started == 0) return ends[1];
  close(ends[0]);
  close(ends[1]);
  return started;
}

void vgpu_close_elsewhere(int queue, int socket) {
  shutdown(socket, SHUT_RDWR);
  if (write(queue, &socket, sizeof socket) != sizeof socket) close(socket);
}

long vgpu_waiting_to_close(int queue) {
  int bytes = 0;
  if (ioctl(queue, FIONREAD, &bytes) < 0) return -(long)errno;
  return bytes / (int)sizeof(int);
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
