// SPDX-License-Identifier: Apache-2.0
//
// Statically defined tracepoints (USDT) at the steps of a frame's way, provider `vgpu`. Each is one
// nop in the code and a note in the section .note.stapsdt. The note tells perf, bpftrace, systemtap and
// gdb the places of the nop and of its arguments: without a tracer nothing is called or tested. Times
// are in nanoseconds.
#ifndef C_SIGNPOST_H
#define C_SIGNPOST_H

#include <stdint.h>
#include <sys/sdt.h>

/// The guest was asked for its picture; that took `duration`.
static inline void vgpu_signpost_query(uint64_t duration) { DTRACE_PROBE1(vgpu, query, duration); }

/// The guest shows another buffer than before, first seen at `detected` (CLOCK_MONOTONIC).
static inline void vgpu_signpost_new_frame(uint64_t detected) {
  DTRACE_PROBE1(vgpu, new_frame, detected);
}

/// A buffer was imported; that took `duration`.
static inline void vgpu_signpost_import(uint64_t duration) {
  DTRACE_PROBE1(vgpu, import, duration);
}

/// A frame was drawn; that took the CPU `duration`.
static inline void vgpu_signpost_draw(uint64_t duration) { DTRACE_PROBE1(vgpu, draw, duration); }

/// A frame was handed to the display server at `time` (CLOCK_MONOTONIC).
static inline void vgpu_signpost_commit(uint64_t time) { DTRACE_PROBE1(vgpu, commit, time); }

/// A frame was shown at `time`, by the display's clock. `latency` is the age of its new picture since
/// that was first seen; 0 for an old picture.
static inline void vgpu_signpost_present(uint64_t time, uint64_t latency) {
  DTRACE_PROBE2(vgpu, present, time, latency);
}

#endif
