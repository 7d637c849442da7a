// SPDX-License-Identifier: Apache-2.0
//
// What this package uses of libvirt's stable ABI (libvirt.so.0, libvirt-qemu.so.0), declared here, so that
// whoever builds it needs none of libvirt's headers. A test compares all of it with libvirt's own headers.

#ifndef LIBVIRT_ABI_H
#define LIBVIRT_ABI_H

typedef struct _virConnect *virConnectPtr;
typedef struct _virDomain *virDomainPtr;

// virErrorNumber: those that this package tells apart.
typedef enum {
  VIR_ERR_INVALID_DOMAIN = 7,
  VIR_ERR_OPERATION_DENIED = 29,
  VIR_ERR_SYSTEM_ERROR = 38,
  VIR_ERR_NO_DOMAIN = 42,
  VIR_ERR_AUTH_FAILED = 45,
  VIR_ERR_OPERATION_INVALID = 55,
  VIR_ERR_AUTH_CANCELLED = 79,
  VIR_ERR_ACCESS_DENIED = 88,
  VIR_ERR_AUTH_UNAVAILABLE = 94
} virErrorNumber;

// virDomainState.
typedef enum {
  VIR_DOMAIN_NOSTATE = 0,
  VIR_DOMAIN_RUNNING = 1,
  VIR_DOMAIN_BLOCKED = 2,
  VIR_DOMAIN_PAUSED = 3,
  VIR_DOMAIN_SHUTDOWN = 4,
  VIR_DOMAIN_SHUTOFF = 5,
  VIR_DOMAIN_CRASHED = 6,
  VIR_DOMAIN_PMSUSPENDED = 7
} virDomainState;

// The bytes of a UUID's text with its NUL.
enum { VIR_UUID_STRING_BUFLEN = 37 };

// virError. The pointers that this package does not follow have no type of their own.
typedef struct _virError {
  int code;
  int domain;
  char *message;
  int level;
  void *conn;
  void *dom;
  char *str1;
  char *str2;
  char *str3;
  int int1;
  int int2;
  void *net;
} virError;
typedef virError *virErrorPtr;
typedef void (*virErrorFunc)(void *context, virErrorPtr error);

int virInitialize(void);
void virSetErrorFunc(void *context, virErrorFunc handler);
virErrorPtr virGetLastError(void);

virConnectPtr virConnectOpen(const char *uri);
virConnectPtr virConnectOpenReadOnly(const char *uri);
int virConnectClose(virConnectPtr connection);
int virConnectIsAlive(virConnectPtr connection);
int virConnectListAllDomains(virConnectPtr connection, virDomainPtr **domains, unsigned int flags);

virDomainPtr virDomainLookupByName(virConnectPtr connection, const char *name);
virDomainPtr virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid);
int virDomainFree(virDomainPtr domain);
const char *virDomainGetName(virDomainPtr domain);
int virDomainGetUUIDString(virDomainPtr domain, char *text);
int virDomainIsActive(virDomainPtr domain);
unsigned int virDomainGetID(virDomainPtr domain);
int virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags);
char *virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags);
int virDomainCreate(virDomainPtr domain);
int virDomainOpenGraphicsFD(virDomainPtr domain, unsigned int index, unsigned int flags);
int virDomainQemuMonitorCommand(
    virDomainPtr domain, const char *command, char **result, unsigned int flags);

#endif
