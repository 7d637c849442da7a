// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "metronome.h"

struct entry {
    bool refresh, known;
    uint32_t frame, width, height;
    uint64_t time, due, reading;
    const char *kind;
};

// Enough room for an hour; unwritten pages cost nothing.
enum { room = 4 << 20 };
static struct entry *entries;
static uint32_t count;

static struct entry *next(void) {
    if (!entries && !(entries = calloc(room, sizeof *entries))) fail("log", "no memory", "give the rig more: --mem");
    return count < room ? &entries[count++] : &entries[room - 1];
}

void log_commit(uint64_t time, bool known, uint32_t frame, uint64_t reading, uint32_t width, uint32_t height, const char *kind) {
    *next() = (struct entry){.time = time, .known = known, .frame = frame, .reading = reading, .width = width, .height = height, .kind = kind};
}

void log_refresh(uint64_t due, uint64_t time, bool known, uint32_t frame) {
    *next() = (struct entry){.refresh = true, .due = due, .time = time, .known = known, .frame = frame};
}

void log_found(uint64_t time, const struct picture *picture, const struct place *place) {
    printf("found %llu %ux%u %u %u\n", (unsigned long long)time, picture->width, picture->height, place->x, place->y);
    fflush(stdout);
}

// One line each, tabs between: commit TIME FRAME READING WIDTH HEIGHT KIND; refresh TIME FRAME DUE. Times in ns; a frame of -1 is unknown.
void log_write(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) fail(path, "cannot be written", "give --log a file in a folder that is there");
    for (uint32_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        long long frame = e->known ? (long long)e->frame : -1;
        if (e->refresh)
            fprintf(file, "refresh\t%llu\t%lld\t%llu\n", (unsigned long long)e->time, frame, (unsigned long long)e->due);
        else
            fprintf(file, "commit\t%llu\t%lld\t%llu\t%u\t%u\t%s\n", (unsigned long long)e->time, frame, (unsigned long long)e->reading,
                    e->width, e->height, e->kind);
    }
    if (fclose(file)) fail(path, "cannot be written", "is the disk full?");
}
