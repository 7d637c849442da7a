// SPDX-License-Identifier: Apache-2.0
//
// A client of a sound server (PipeWire's pipewire-pulse, or PulseAudio) by libpulse, which is found at run
// time: a program that can play sound must start on a machine without the library.
//
// One thread owns a loop with everything of it, and looks at states and sizes after each turn of the loop.
// Only vgpu_pulse_wake may be called by other threads. Nothing here waits for the server, but
// vgpu_pulse_turn, for as long as it is told.

#ifndef CPULSE_H
#define CPULSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vgpu_pulse vgpu_pulse;
typedef struct vgpu_pulse_stream vgpu_pulse_stream;

// Whether a connection or a stream can be used.
typedef enum {
  VGPU_PULSE_BEGINNING = 0,
  VGPU_PULSE_READY = 1,
  VGPU_PULSE_ENDED = 2
} vgpu_pulse_state;

// Loads libpulse.so.0 (dlopen), once for the process, on any thread. On failure `reason` says what is
// missing, cut to `size` bytes. Nothing else may be called before it has succeeded.
bool vgpu_pulse_load(char *reason, size_t size);

// A loop without a connection; NULL without memory or descriptors.
vgpu_pulse *vgpu_pulse_new(void);
// Ends the connection and the loop. Its streams must have been freed.
void vgpu_pulse_free(vgpu_pulse *pulse);

// One turn: waits until something happens, for `microseconds` at most, or without end when negative.
// Returns whether the loop goes on.
bool vgpu_pulse_turn(vgpu_pulse *pulse, int microseconds);
// Ends the wait of a turn, or of the next one. Any thread may call it.
void vgpu_pulse_wake(vgpu_pulse *pulse);

// Begins to connect, to the user's own server when `server` is NULL, under the application's name. Starts
// no server. Returns whether it has begun.
bool vgpu_pulse_connect(
    vgpu_pulse *pulse, const char *server, const char *application, const char *identifier);
vgpu_pulse_state vgpu_pulse_get_state(const vgpu_pulse *pulse);
// The connection's last error, in words. It lives until the next call.
const char *vgpu_pulse_error(const vgpu_pulse *pulse);
// Ends the connection. Its streams must have been freed.
void vgpu_pulse_disconnect(vgpu_pulse *pulse);

typedef struct {
  // Whether it records.
  bool records;
  // In frames a second.
  uint32_t rate;
  uint8_t channels;
  // How much the server holds of what is played, and how much it sends of what is recorded, in frames.
  uint32_t length;
} vgpu_pulse_format;

// Begins a stream of 32-bit floating-point samples on a connection that is ready. A playback stream begins
// at rest. NULL when it cannot begin.
vgpu_pulse_stream *vgpu_pulse_stream_new(
    vgpu_pulse *pulse, const char *name, vgpu_pulse_format format);
void vgpu_pulse_stream_free(vgpu_pulse_stream *stream);
vgpu_pulse_state vgpu_pulse_stream_get_state(const vgpu_pulse_stream *stream);

// The frames that the server wants now.
size_t vgpu_pulse_stream_writable(const vgpu_pulse_stream *stream);
// Copies frames for the server.
bool vgpu_pulse_stream_write(vgpu_pulse_stream *stream, const float *samples, size_t frames);
// How often the server had nothing to play since it was asked last.
uint32_t vgpu_pulse_stream_take_underflows(vgpu_pulse_stream *stream);
// Whether the server had nothing to play, and has not played since.
bool vgpu_pulse_stream_is_dry(const vgpu_pulse_stream *stream);

// The next recorded frames. They live until the next drop. NULL with frames is a hole of silence; no frames
// means that there are none yet.
const float *vgpu_pulse_stream_peek(vgpu_pulse_stream *stream, size_t *frames);
// Lets the frames of the last peek go.
void vgpu_pulse_stream_drop(vgpu_pulse_stream *stream);

// Lets the stream rest, or go on.
void vgpu_pulse_stream_set_resting(vgpu_pulse_stream *stream, bool rests);
// Has the server resample from another rate, in frames a second.
void vgpu_pulse_stream_set_rate(vgpu_pulse_stream *stream, uint32_t rate);
// Has the server hold another number of frames.
void vgpu_pulse_stream_set_length(vgpu_pulse_stream *stream, uint32_t length);

#endif
