// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <dlfcn.h>
#include <link.h>
#include <linux/kcmp.h>
#include <linux/kvm.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define EXPORT(name) const unsigned long vgpu_##name = name

EXPORT(VFIO_GET_API_VERSION);
EXPORT(VFIO_CHECK_EXTENSION);
EXPORT(VFIO_SET_IOMMU);
EXPORT(VFIO_GROUP_GET_STATUS);
EXPORT(VFIO_GROUP_SET_CONTAINER);
EXPORT(VFIO_GROUP_UNSET_CONTAINER);
EXPORT(VFIO_GROUP_GET_DEVICE_FD);
EXPORT(VFIO_DEVICE_GET_INFO);
EXPORT(VFIO_DEVICE_GET_REGION_INFO);
EXPORT(VFIO_DEVICE_GET_IRQ_INFO);
EXPORT(VFIO_DEVICE_SET_IRQS);
EXPORT(VFIO_DEVICE_RESET);
EXPORT(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO);
EXPORT(VFIO_DEVICE_PCI_HOT_RESET);
EXPORT(VFIO_DEVICE_QUERY_GFX_PLANE);
EXPORT(VFIO_DEVICE_GET_GFX_DMABUF);
EXPORT(VFIO_DEVICE_IOEVENTFD);
EXPORT(VFIO_DEVICE_FEATURE);
EXPORT(VFIO_IOMMU_GET_INFO);
EXPORT(VFIO_IOMMU_MAP_DMA);
EXPORT(VFIO_IOMMU_UNMAP_DMA);

// Linux 6.6; Debian 12's headers are of 6.1.
const unsigned long vgpu_VFIO_DEVICE_BIND_IOMMUFD = _IO(VFIO_TYPE, VFIO_BASE + 18);
const unsigned long vgpu_VFIO_DEVICE_ATTACH_IOMMUFD_PT = _IO(VFIO_TYPE, VFIO_BASE + 19);
const unsigned long vgpu_VFIO_DEVICE_DETACH_IOMMUFD_PT = _IO(VFIO_TYPE, VFIO_BASE + 20);
// Linux 6.2.
const unsigned long vgpu_VFIO_MIG_GET_PRECOPY_INFO = _IO(VFIO_TYPE, VFIO_BASE + 21);

// Linux 6.2. iommufd counts its commands from 0x80 within the VFIO type character.
enum { iommufd_type = ';', iommufd_base = 0x80 };
const unsigned long vgpu_IOMMU_DESTROY = _IO(iommufd_type, iommufd_base + 0);
const unsigned long vgpu_IOMMU_IOAS_ALLOC = _IO(iommufd_type, iommufd_base + 1);
const unsigned long vgpu_IOMMU_IOAS_ALLOW_IOVAS = _IO(iommufd_type, iommufd_base + 2);
const unsigned long vgpu_IOMMU_IOAS_COPY = _IO(iommufd_type, iommufd_base + 3);
const unsigned long vgpu_IOMMU_IOAS_IOVA_RANGES = _IO(iommufd_type, iommufd_base + 4);
const unsigned long vgpu_IOMMU_IOAS_MAP = _IO(iommufd_type, iommufd_base + 5);
const unsigned long vgpu_IOMMU_IOAS_UNMAP = _IO(iommufd_type, iommufd_base + 6);
const unsigned long vgpu_IOMMU_OPTION = _IO(iommufd_type, iommufd_base + 7);
const unsigned long vgpu_IOMMU_GET_HW_INFO = _IO(iommufd_type, iommufd_base + 0xa);
const unsigned long vgpu_IOMMU_IOAS_MAP_FILE = _IO(iommufd_type, iommufd_base + 0xf);
const unsigned long vgpu_IOMMU_IOAS_CHANGE_PROCESS = _IO(iommufd_type, iommufd_base + 0x12);

EXPORT(DMA_BUF_IOCTL_SYNC);
EXPORT(UDMABUF_CREATE);
EXPORT(KVM_CREATE_VM);
EXPORT(KVM_CREATE_DEVICE);
EXPORT(KVM_SET_DEVICE_ATTR);
EXPORT(KVM_CREATE_IRQCHIP);
EXPORT(KVM_IRQFD);

const int vgpu_O_PATH = O_PATH;
const int vgpu_POLLRDHUP = POLLRDHUP;
const int vgpu_F_ADD_SEALS = F_ADD_SEALS;
const int vgpu_F_SEAL_SHRINK = F_SEAL_SHRINK;
const int vgpu_F_SEAL_GROW = F_SEAL_GROW;
const int vgpu_F_SEAL_FUTURE_WRITE = F_SEAL_FUTURE_WRITE;
const int vgpu_F_GET_SEALS = F_GET_SEALS;

long vgpu_uevent_socket(void) {
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (fd < 0) return -(long)errno;
  // Group 1 is the kernel's; group 2 is that of udev's rules.
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  long problem = -(long)errno;
  close(fd);
  return problem;
}

long vgpu_receive_uevent(int socket, void *buffer, size_t size) {
  for (;;) {
    struct sockaddr_nl sender = {.nl_pid = 1};
    socklen_t length = sizeof sender;
    ssize_t count = recvfrom(socket, buffer, size, 0, (struct sockaddr *)&sender, &length);
    if (count < 0) return -(long)errno;
    if (sender.nl_pid == 0) return count;
  }
}

long vgpu_wait_for_end(int pidfd, int options, int *by_signal, int *status) {
  enum { p_pidfd = 3 };  // Linux 5.4; glibc has the name since 2.36.
  siginfo_t info = {.si_pid = 0};
  if (waitid(p_pidfd, (id_t)pidfd, &info, WEXITED | options) < 0) return -(long)errno;
  if (info.si_pid == 0) return 0;
  *by_signal = info.si_code != CLD_EXITED;
  *status = info.si_status;
  return 1;
}

long vgpu_send_fd(int socket, const void *bytes, size_t length, int fd) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return vgpu_result(sendmsg(socket, &message, MSG_NOSIGNAL));
}

long vgpu_receive_fds(int socket, void *bytes, size_t length, int *fds, size_t *count) {
  // Room for all: those that a peer sends beyond it would be closed here and now, however long that
  // takes.
  struct iovec part = {.iov_base = bytes, .iov_len = length};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * vgpu_most_descriptors)];
  } control;
  struct msghdr message = {
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = &control,
      .msg_controllen = sizeof control,
  };
  *count = 0;
  long length_received = vgpu_result(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
  if (length_received < 0) return length_received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < descriptors && *count < vgpu_most_descriptors; i++)
      memcpy(&fds[(*count)++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
  }
  return length_received;
}

long vgpu_unix_connect(int socket, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, length);
  return vgpu_result(connect(socket, (const struct sockaddr *)&address, sizeof(address)));
}

long vgpu_file_status(int descriptor, const char *path, struct vgpu_file_status *status) {
  struct statx file;
  int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (path[0] == 0 ? AT_EMPTY_PATH : 0);
  if (statx(descriptor, path, flags, STATX_TYPE | STATX_INO | STATX_MNT_ID, &file) < 0)
    return -(long)errno;
  *status = (struct vgpu_file_status){
      file.stx_mode, file.stx_rdev_major, file.stx_rdev_minor,
      file.stx_mask & STATX_MNT_ID ? file.stx_mnt_id : 0,
      (uint64_t)file.stx_dev_major << 32 | file.stx_dev_minor, file.stx_ino};
  return 0;
}

long vgpu_compare_files(int first, int process, int second) {
  return vgpu_result(syscall(SYS_kcmp, getpid(), process, KCMP_FILE, first, second));
}

static long start_thread(void *(*body)(void *), void *argument, int state, pthread_t *thread) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return -error;
  pthread_attr_setdetachstate(&attributes, state);
  // A thread inherits its creator's mask.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(thread, &attributes, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return -error;
}

long vgpu_start_thread(void *(*body)(void *), void *argument) {
  pthread_t thread;
  return start_thread(body, argument, PTHREAD_CREATE_DETACHED, &thread);
}

long vgpu_start_joinable_thread(void *(*body)(void *), void *argument, pthread_t *thread) {
  return start_thread(body, argument, PTHREAD_CREATE_JOINABLE, thread);
}

int vgpu_is_first_thread(void) { return gettid() == getpid(); }

long vgpu_open_plain_file(const char *path) {
  // A descriptor of the place alone, so that what was looked at is what is opened.
  int place = open(path, O_PATH | O_CLOEXEC);
  if (place < 0) return -(long)errno;
  struct stat file;
  long answer = -EINVAL;
  if (fstat(place, &file) == 0 && S_ISREG(file.st_mode)) {
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", place);
    answer = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (answer < 0) answer = -(long)errno;
  }
  close(place);
  return answer;
}

long vgpu_epoll_add_hangup(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLRDHUP, .data.fd = fd};
  return vgpu_result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

long vgpu_epoll_add_readable(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return vgpu_result(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

long vgpu_has_hung_up(int socket) {
  struct pollfd polled = {.fd = socket, .events = POLLRDHUP};
  long answer = vgpu_result(poll(&polled, 1, 0));
  return answer < 0 ? answer : (polled.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

long vgpu_unread_by_peer(int socket) {
  int bytes = 0;
  long answer = vgpu_result(ioctl(socket, SIOCOUTQ, &bytes));
  return answer < 0 ? answer : bytes;
}

const char *vgpu_library_of(const void *address) {
  Dl_info info;
  struct link_map *map = NULL;
  if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL) return NULL;
  return map->l_name;
}
