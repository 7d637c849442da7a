// SPDX-License-Identifier: Apache-2.0
#ifndef C_RAW_QUERY_H
#define C_RAW_QUERY_H

/// Asks for the primary plane `count` times, as a program in C would. Returns how many calls failed.
long raw_query(int fd, long count);

#endif
