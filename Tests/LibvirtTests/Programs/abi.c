/* SPDX-License-Identifier: Apache-2.0 */

/* Compiled twice, with libvirt's own headers (-DTHEIRS) and with the package's declarations of them: both
 * print the same, and each declaration has the type that stands here. */

#ifdef THEIRS
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#else
#include <LibvirtABI.h>
#endif
#include <stddef.h>
#include <stdio.h>

#define VALUE(name) printf(#name " %lld\n", (long long)(name));
#define MEMBER(name) printf("virError." #name " %zu\n", offsetof(virError, name));

/* A difference of types does not compile. */
#define FUNCTION(type, name) _Static_assert(__builtin_types_compatible_p(__typeof__(&name), type), #name)
FUNCTION(int (*)(void), virInitialize);
FUNCTION(virErrorPtr (*)(void), virGetLastError);
FUNCTION(virConnectPtr (*)(const char *), virConnectOpen);
FUNCTION(virConnectPtr (*)(const char *), virConnectOpenReadOnly);
FUNCTION(int (*)(virConnectPtr), virConnectClose);
FUNCTION(int (*)(virConnectPtr), virConnectIsAlive);
FUNCTION(int (*)(virConnectPtr, virDomainPtr **, unsigned int), virConnectListAllDomains);
FUNCTION(virDomainPtr (*)(virConnectPtr, const char *), virDomainLookupByName);
FUNCTION(virDomainPtr (*)(virConnectPtr, const char *), virDomainLookupByUUIDString);
FUNCTION(int (*)(virDomainPtr), virDomainFree);
FUNCTION(const char *(*)(virDomainPtr), virDomainGetName);
FUNCTION(int (*)(virDomainPtr, char *), virDomainGetUUIDString);
FUNCTION(unsigned int (*)(virDomainPtr), virDomainGetID);
FUNCTION(int (*)(virDomainPtr), virDomainIsActive);
FUNCTION(int (*)(virDomainPtr, int *, int *, unsigned int), virDomainGetState);
FUNCTION(char *(*)(virDomainPtr, unsigned int), virDomainGetXMLDesc);
FUNCTION(int (*)(virDomainPtr), virDomainCreate);
FUNCTION(int (*)(virDomainPtr, unsigned int, unsigned int), virDomainOpenGraphicsFD);
FUNCTION(int (*)(virDomainPtr, const char *, char **, unsigned int), virDomainQemuMonitorCommand);
FUNCTION(void (*)(void *, virErrorFunc), virSetErrorFunc);
_Static_assert(__builtin_types_compatible_p(virErrorFunc, void (*)(void *, virErrorPtr)), "virErrorFunc");
_Static_assert(__builtin_types_compatible_p(virErrorPtr, virError *), "virErrorPtr");

int main(void) {
  VALUE(VIR_ERR_INVALID_DOMAIN)
  VALUE(VIR_ERR_OPERATION_DENIED)
  VALUE(VIR_ERR_SYSTEM_ERROR)
  VALUE(VIR_ERR_NO_DOMAIN)
  VALUE(VIR_ERR_AUTH_FAILED)
  VALUE(VIR_ERR_OPERATION_INVALID)
  VALUE(VIR_ERR_AUTH_CANCELLED)
  VALUE(VIR_ERR_ACCESS_DENIED)
  VALUE(VIR_ERR_AUTH_UNAVAILABLE)
  VALUE(VIR_DOMAIN_NOSTATE)
  VALUE(VIR_DOMAIN_RUNNING)
  VALUE(VIR_DOMAIN_BLOCKED)
  VALUE(VIR_DOMAIN_PAUSED)
  VALUE(VIR_DOMAIN_SHUTDOWN)
  VALUE(VIR_DOMAIN_SHUTOFF)
  VALUE(VIR_DOMAIN_CRASHED)
  VALUE(VIR_DOMAIN_PMSUSPENDED)
  VALUE(VIR_UUID_STRING_BUFLEN)
  VALUE(sizeof(virErrorNumber))
  VALUE(sizeof(virDomainState))
  VALUE(sizeof(virError))
  MEMBER(code)
  MEMBER(domain)
  MEMBER(message)
  MEMBER(level)
  MEMBER(conn)
  MEMBER(dom)
  MEMBER(str1)
  MEMBER(str2)
  MEMBER(str3)
  MEMBER(int1)
  MEMBER(int2)
  MEMBER(net)
  return 0;
}
