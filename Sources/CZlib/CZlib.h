// SPDX-License-Identifier: Apache-2.0
#ifndef C_ZLIB_H
#define C_ZLIB_H

#include <stddef.h>
#include <string.h>
#include <zlib.h>

/// Unpacks one gzip stream into `target`. Returns the count of bytes, or -1 when it is no such
/// stream, when it is cut off, and when it does not fit. A function, as inflateInit2 is a macro.
static inline long vgpu_gunzip(const void *source, size_t size, void *target, size_t room) {
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  // 16: a gzip header, and no other.
  if (size > 1u << 30 || room > 1u << 30 || inflateInit2(&stream, 15 + 16) != Z_OK) return -1;
  stream.next_in = (Bytef *)source;
  stream.avail_in = (uInt)size;
  stream.next_out = target;
  stream.avail_out = (uInt)room;
  int answer = inflate(&stream, Z_FINISH);
  long count = (long)(room - stream.avail_out);
  inflateEnd(&stream);
  return answer == Z_STREAM_END ? count : -1;
}

#endif
