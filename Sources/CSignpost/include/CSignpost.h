// SPDX-License-Identifier: Apache-2.0
//
// Statically defined tracepoints (USDT) at the steps of a frame's way, provider `vgpu`. Each is one
// nop in the code and a note in the section .note.stapsdt, from which perf, bpftrace, systemtap and
// gdb know where it is and where its arguments are: nothing is called or tested while nobody
// traces. Times are in nanoseconds.
#ifndef C_SIGNPOST_H
#define C_SIGNPOST_H

#include <stdint.h>
#include <sys/sdt.h>

/// The guest was asked what it shows, which took so long.
static inline void vgpu_signpost_query(uint64_t duration) { DTRACE_PROBE1(vgpu, query, duration); }

/// The guest shows another buffer than before, as was seen then (CLOCK_MONOTONIC).
static inline void vgpu_signpost_new_frame(uint64_t detected) {
  DTRACE_PROBE1(vgpu, new_frame, detected);
}

/// A buffer was imported, which took so long.
static inline void vgpu_signpost_import(uint64_t duration) {
  DTRACE_PROBE1(vgpu, import, duration);
}

/// A frame was drawn, which took the CPU so long.
static inline void vgpu_signpost_draw(uint64_t duration) { DTRACE_PROBE1(vgpu, draw, duration); }

/// A frame was handed to the display server then (CLOCK_MONOTONIC).
static inline void vgpu_signpost_commit(uint64_t time) { DTRACE_PROBE1(vgpu, commit, time); }

/// A frame was shown then, by the display's clock, with a new picture first seen so long before, or
/// 0 with an old one.
static inline void vgpu_signpost_present(uint64_t time, uint64_t latency) {
  DTRACE_PROBE2(vgpu, present, time, latency);
}

#endif
