// SPDX-License-Identifier: Apache-2.0
//
// What the C compiler says of the kernel ABI, to hold Swift's view against.
#ifndef C_ABI_FACTS_H
#define C_ABI_FACTS_H

#include <stddef.h>

struct abi_field {
  const char *structure;
  const char *field;
  size_t offset;
  size_t size;
};

size_t abi_field_count(void);
struct abi_field abi_field_at(size_t index);

struct abi_number {
  const char *name;
  unsigned long value;
};

/// fourccs of <drm/drm_fourcc.h>.
size_t abi_fourcc_count(void);
struct abi_number abi_fourcc_at(size_t index);

/// Format modifiers of <drm/drm_fourcc.h>.
size_t abi_modifier_count(void);
struct abi_number abi_modifier_at(size_t index);

#endif
