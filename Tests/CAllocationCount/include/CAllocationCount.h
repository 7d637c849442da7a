// SPDX-License-Identifier: Apache-2.0
//
// Counts the heap allocations of the calling thread, by standing in for the allocator's entry points
// in the program that it is linked into.
#ifndef C_ALLOCATION_COUNT_H
#define C_ALLOCATION_COUNT_H

/// Whether the functions below count; they cannot under the sanitizers.
int allocations_are_counted(void);

/// Heap allocations that the calling thread has made since it began.
unsigned long allocation_count(void);

/// Those of them that are Swift's: objects, boxes, closures. A graphics driver's are left out.
unsigned long swift_allocation_count(void);

#endif
