// SPDX-License-Identifier: Apache-2.0
//
// libvirt's C library as Swift can call it, found at run time: a program that can look at libvirt's
// domains must start on a machine without libvirt. Each function forwards to the one of the same name
// (LibvirtABI.h), and keeps SIGPIPE away from its thread meanwhile. None may be called before
// vgpu_libvirt_load has succeeded.

#ifndef CLIBVIRT_H
#define CLIBVIRT_H

#include <stdbool.h>
#include <stddef.h>

#include "LibvirtABI.h"

// Loads libvirt.so.0 and libvirt-qemu.so.0 (dlopen) and sets them up; to be called once. They stay
// for the life of the process. On failure `reason` says what is missing, cut to `size` bytes.
bool vgpu_libvirt_load(char *reason, size_t size);

// The last error of the calling thread, valid until its next call of libvirt; NULL for none.
virErrorPtr vgpu_virGetLastError(void);

virConnectPtr vgpu_virConnectOpen(const char *uri);
virConnectPtr vgpu_virConnectOpenReadOnly(const char *uri);
int vgpu_virConnectClose(virConnectPtr connection);
int vgpu_virConnectIsAlive(virConnectPtr connection);
int vgpu_virConnectListAllDomains(
    virConnectPtr connection, virDomainPtr **domains, unsigned int flags);

virDomainPtr vgpu_virDomainLookupByName(virConnectPtr connection, const char *name);
virDomainPtr vgpu_virDomainLookupByUUIDString(virConnectPtr connection, const char *uuid);
int vgpu_virDomainFree(virDomainPtr domain);
const char *vgpu_virDomainGetName(virDomainPtr domain);
int vgpu_virDomainGetUUIDString(virDomainPtr domain, char *text);
int vgpu_virDomainIsActive(virDomainPtr domain);
/// (unsigned int)-1 for a domain that did not run when the handle was made.
unsigned int vgpu_virDomainGetID(virDomainPtr domain);
int vgpu_virDomainGetState(virDomainPtr domain, int *state, int *reason, unsigned int flags);
char *vgpu_virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags);
int vgpu_virDomainCreate(virDomainPtr domain);
int vgpu_virDomainOpenGraphicsFD(virDomainPtr domain, unsigned int index, unsigned int flags);
int vgpu_virDomainQemuMonitorCommand(
    virDomainPtr domain, const char *command, char **result, unsigned int flags);

#endif
