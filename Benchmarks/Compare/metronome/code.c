// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "metronome.h"

uint32_t guest_width, guest_height;

static uint32_t pixel(const struct picture *p, uint32_t x, uint32_t y) {
    uint32_t value;
    memcpy(&value, p->data + (uint64_t)y * p->stride + (uint64_t)x * 4, 4);
    return value & 0xFFFFFF;
}

static uint32_t block(void) {
    uint32_t size = guest_width / 32;
    return size < 1 ? 1 : size > 16 ? 16 : size;
}

// The 32 block centres of one line. False when one is neither black nor white.
static bool bits(const struct picture *p, uint32_t x, uint32_t y, uint32_t *number) {
    uint32_t value = 0, b = block();
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t colour = pixel(p, x + i * b + b / 2, y);
        if (colour != 0 && colour != 0xFFFFFF) return false;
        value = value << 1 | (colour != 0);
    }
    *number = value;
    return true;
}

bool code_read(const struct picture *p, const struct place *place, uint32_t *number) {
    uint32_t b = block(), complement;
    if (place->x + guest_width > p->width || place->y + guest_height > p->height) return false;
    return bits(p, place->x, place->y + b / 2, number) && bits(p, place->x, place->y + b + b / 2, &complement) &&
           *number == ~complement;
}

// The guest's own colours depend on the place in its picture: when a row of them is right, the place is right. In live mode, blue
// also depends on the frame, but equally in the whole row.
static bool is_corner(const struct picture *p, uint32_t left, uint32_t top) {
    uint32_t y = 2 * block(), live = (pixel(p, left, top + y) ^ y) & 255;
    for (uint32_t x = 0; x < 32; x++)
        if (pixel(p, left + x, top + y) != (x << 16 | (y & 255) << 8 | ((x ^ y ^ live) & 255))) return false;
    return true;
}

bool code_find(const struct picture *p, struct place *place) {
    place->found = false;
    if (p->width < guest_width || p->height < guest_height) return false;
    for (uint32_t y = 0; y <= p->height - guest_height; y++)
        for (uint32_t x = 0; x <= p->width - guest_width; x++) {
            struct place here = {true, x, y};
            uint32_t number;
            if (!is_corner(p, x, y) || !code_read(p, &here, &number)) continue;
            *place = here;
            return true;
        }
    return false;
}
