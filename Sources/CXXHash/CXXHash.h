// SPDX-License-Identifier: Apache-2.0
#ifndef C_XXHASH_H
#define C_XXHASH_H

#include <xxhash.h>

#endif
