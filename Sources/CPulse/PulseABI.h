// SPDX-License-Identifier: Apache-2.0
//
// What this package uses of libpulse's stable ABI (libpulse.so.0), declared here, so that whoever builds
// it needs none of its headers. A test compares all of it with libpulse's own headers.

#ifndef PULSE_ABI_H
#define PULSE_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct pa_mainloop pa_mainloop;
typedef struct pa_mainloop_api pa_mainloop_api;
typedef struct pa_context pa_context;
typedef struct pa_stream pa_stream;
typedef struct pa_operation pa_operation;
typedef struct pa_proplist pa_proplist;
typedef struct pa_spawn_api pa_spawn_api;
typedef struct pa_cvolume pa_cvolume;

typedef enum { PA_CONTEXT_NOAUTOSPAWN = 0x0001 } pa_context_flags_t;

typedef enum {
  PA_CONTEXT_UNCONNECTED = 0,
  PA_CONTEXT_READY = 4,
  PA_CONTEXT_FAILED = 5,
  PA_CONTEXT_TERMINATED = 6
} pa_context_state_t;

typedef enum {
  PA_STREAM_UNCONNECTED = 0,
  PA_STREAM_CREATING = 1,
  PA_STREAM_READY = 2,
  PA_STREAM_FAILED = 3,
  PA_STREAM_TERMINATED = 4
} pa_stream_state_t;

typedef enum {
  PA_STREAM_START_CORKED = 0x0001,
  PA_STREAM_VARIABLE_RATE = 0x0400,
  PA_STREAM_ADJUST_LATENCY = 0x2000
} pa_stream_flags_t;

// Floating point of 32 bits in this machine's order, which is little endian wherever this package runs.
typedef enum { PA_SAMPLE_FLOAT32LE = 5 } pa_sample_format_t;

typedef struct pa_sample_spec {
  pa_sample_format_t format;
  uint32_t rate;
  uint8_t channels;
} pa_sample_spec;

typedef enum { PA_CHANNEL_POSITION_INVALID = -1 } pa_channel_position_t;

// The order of WAVE's extensible format: front left, front right, centre, low frequencies, rear.
typedef enum { PA_CHANNEL_MAP_WAVEEX = 3 } pa_channel_map_def_t;

enum { PA_CHANNELS_MAX = 32 };

typedef struct pa_channel_map {
  uint8_t channels;
  pa_channel_position_t map[PA_CHANNELS_MAX];
} pa_channel_map;

typedef struct pa_buffer_attr {
  uint32_t maxlength;
  uint32_t tlength;
  uint32_t prebuf;
  uint32_t minreq;
  uint32_t fragsize;
} pa_buffer_attr;

typedef enum { PA_SEEK_RELATIVE = 0 } pa_seek_mode_t;

typedef void (*pa_free_cb_t)(void *data);
typedef void (*pa_stream_notify_cb_t)(pa_stream *stream, void *data);
typedef void (*pa_stream_success_cb_t)(pa_stream *stream, int success, void *data);

pa_mainloop *pa_mainloop_new(void);
void pa_mainloop_free(pa_mainloop *loop);
pa_mainloop_api *pa_mainloop_get_api(pa_mainloop *loop);
int pa_mainloop_prepare(pa_mainloop *loop, int timeout);
int pa_mainloop_poll(pa_mainloop *loop);
int pa_mainloop_dispatch(pa_mainloop *loop);
void pa_mainloop_wakeup(pa_mainloop *loop);

pa_proplist *pa_proplist_new(void);
int pa_proplist_sets(pa_proplist *list, const char *key, const char *value);
void pa_proplist_free(pa_proplist *list);

pa_context *pa_context_new_with_proplist(
    pa_mainloop_api *api, const char *name, const pa_proplist *properties);
int pa_context_connect(
    pa_context *context, const char *server, pa_context_flags_t flags, const pa_spawn_api *api);
pa_context_state_t pa_context_get_state(const pa_context *context);
int pa_context_errno(const pa_context *context);
void pa_context_disconnect(pa_context *context);
void pa_context_unref(pa_context *context);
const char *pa_strerror(int error);

pa_channel_map *pa_channel_map_init_extend(
    pa_channel_map *map, unsigned channels, pa_channel_map_def_t definition);
pa_stream *pa_stream_new_with_proplist(
    pa_context *context, const char *name, const pa_sample_spec *spec, const pa_channel_map *map,
    pa_proplist *properties);
int pa_stream_connect_playback(
    pa_stream *stream, const char *device, const pa_buffer_attr *attributes,
    pa_stream_flags_t flags, const pa_cvolume *volume, pa_stream *sync);
int pa_stream_connect_record(
    pa_stream *stream, const char *device, const pa_buffer_attr *attributes,
    pa_stream_flags_t flags);
pa_stream_state_t pa_stream_get_state(const pa_stream *stream);
size_t pa_stream_writable_size(const pa_stream *stream);
int pa_stream_write(
    pa_stream *stream, const void *data, size_t size, pa_free_cb_t free, int64_t offset,
    pa_seek_mode_t seek);
int pa_stream_peek(pa_stream *stream, const void **data, size_t *size);
int pa_stream_drop(pa_stream *stream);
pa_operation *pa_stream_cork(
    pa_stream *stream, int is_corked, pa_stream_success_cb_t done, void *data);
pa_operation *pa_stream_update_sample_rate(
    pa_stream *stream, uint32_t rate, pa_stream_success_cb_t done, void *data);
pa_operation *pa_stream_set_buffer_attr(
    pa_stream *stream, const pa_buffer_attr *attributes, pa_stream_success_cb_t done, void *data);
void pa_stream_set_underflow_callback(
    pa_stream *stream, pa_stream_notify_cb_t underflow, void *data);
void pa_stream_set_started_callback(
    pa_stream *stream, pa_stream_notify_cb_t started, void *data);
int pa_stream_disconnect(pa_stream *stream);
void pa_stream_unref(pa_stream *stream);
void pa_operation_unref(pa_operation *operation);

#endif
