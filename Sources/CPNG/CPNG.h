// SPDX-License-Identifier: Apache-2.0
//
// libpng's simplified interface. The full one reports errors by longjmp(), which must not cross
// Swift frames; this one returns them.
#ifndef C_PNG_H
#define C_PNG_H

#include <png.h>
#include <string.h>

/// Encodes `width` x `height` pixels of red, green and blue as PNG. With `memory` NULL, `*count`
/// becomes the bytes that are needed at most. Returns 0 and fills `message` on failure.
static inline int vgpu_png_encode(const void *rgb, unsigned width, unsigned height, void *memory,
                                  size_t *count, char message[64]) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = *count;
  int answer = png_image_write_to_memory(&image, memory, &size, 0, rgb, 0, NULL);
  *count = size;
  memcpy(message, image.message, 64);
  return answer;
}

/// Decodes a PNG file into red, green and blue. With `rgb` NULL only the size is told. Returns 0 on
/// failure.
static inline int vgpu_png_decode(const void *bytes, size_t count, unsigned *width,
                                  unsigned *height, void *rgb) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&image, bytes, count)) return 0;
  *width = image.width;
  *height = image.height;
  image.format = PNG_FORMAT_RGB;
  int answer = rgb == NULL ? 1 : png_image_finish_read(&image, NULL, rgb, 0, NULL);
  png_image_free(&image);
  return answer;
}

#endif
