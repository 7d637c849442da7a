// SPDX-License-Identifier: Apache-2.0

#include "CPulse.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "PulseABI.h"

// Every function. The type of each pointer is that of the header's declaration.
#define FUNCTIONS(X)                  \
  X(pa_mainloop_new)                  \
  X(pa_mainloop_free)                 \
  X(pa_mainloop_get_api)              \
  X(pa_mainloop_prepare)              \
  X(pa_mainloop_poll)                 \
  X(pa_mainloop_dispatch)             \
  X(pa_mainloop_wakeup)               \
  X(pa_proplist_new)                  \
  X(pa_proplist_sets)                 \
  X(pa_proplist_free)                 \
  X(pa_context_new_with_proplist)     \
  X(pa_context_connect)               \
  X(pa_context_get_state)             \
  X(pa_context_errno)                 \
  X(pa_context_disconnect)            \
  X(pa_context_unref)                 \
  X(pa_strerror)                      \
  X(pa_channel_map_init_extend)       \
  X(pa_stream_new_with_proplist)      \
  X(pa_stream_connect_playback)       \
  X(pa_stream_connect_record)         \
  X(pa_stream_get_state)              \
  X(pa_stream_writable_size)          \
  X(pa_stream_write)                  \
  X(pa_stream_peek)                   \
  X(pa_stream_drop)                   \
  X(pa_stream_cork)                   \
  X(pa_stream_update_sample_rate)     \
  X(pa_stream_set_buffer_attr)        \
  X(pa_stream_set_underflow_callback) \
  X(pa_stream_set_started_callback)   \
  X(pa_stream_disconnect)             \
  X(pa_stream_unref)                  \
  X(pa_operation_unref)

static struct {
#define POINTER(name) __typeof__(&name) name;
  FUNCTIONS(POINTER)
#undef POINTER
} pulse_library;

#define CALL(name) pulse_library.pa_##name

struct vgpu_pulse {
  pa_mainloop *loop;
  pa_context *context;
};

struct vgpu_pulse_stream {
  pa_stream *stream;
  bool records;
  size_t frame;
  uint32_t underflows;
  bool is_dry;
};

static bool load(char *reason, size_t size) {
  void *library = dlopen("libpulse.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    // dlerror() names the file and what is wrong with it.
    snprintf(reason, size, "%s", dlerror());
    return false;
  }
#define FIND(name)                                             \
  {                                                            \
    void *function = dlsym(library, #name);                    \
    if (function == NULL) {                                    \
      snprintf(reason, size, "this libpulse has no %s", #name); \
      return false;                                            \
    }                                                          \
    /* POSIX's way from an object pointer to a function pointer. */ \
    *(void **)&pulse_library.name = function;                  \
  }
  FUNCTIONS(FIND)
#undef FIND
  return true;
}

bool vgpu_pulse_load(char *reason, size_t size) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static bool is_loaded = false;
  pthread_mutex_lock(&lock);
  if (!is_loaded) is_loaded = load(reason, size);
  bool answer = is_loaded;
  pthread_mutex_unlock(&lock);
  return answer;
}

vgpu_pulse *vgpu_pulse_new(void) {
  vgpu_pulse *pulse = calloc(1, sizeof *pulse);
  if (pulse == NULL) return NULL;
  pulse->loop = CALL(mainloop_new)();
  if (pulse->loop != NULL) return pulse;
  free(pulse);
  return NULL;
}

void vgpu_pulse_free(vgpu_pulse *pulse) {
  vgpu_pulse_disconnect(pulse);
  CALL(mainloop_free)(pulse->loop);
  free(pulse);
}

bool vgpu_pulse_turn(vgpu_pulse *pulse, int microseconds) {
  return CALL(mainloop_prepare)(pulse->loop, microseconds) >= 0 &&
         CALL(mainloop_poll)(pulse->loop) >= 0 && CALL(mainloop_dispatch)(pulse->loop) >= 0;
}

void vgpu_pulse_wake(vgpu_pulse *pulse) { CALL(mainloop_wakeup)(pulse->loop); }

bool vgpu_pulse_connect(
    vgpu_pulse *pulse, const char *server, const char *application, const char *identifier) {
  pa_proplist *properties = CALL(proplist_new)();
  if (properties == NULL) return false;
  CALL(proplist_sets)(properties, "application.name", application);
  CALL(proplist_sets)(properties, "application.id", identifier);
  CALL(proplist_sets)(properties, "application.icon_name", identifier);
  pulse->context =
      CALL(context_new_with_proplist)(CALL(mainloop_get_api)(pulse->loop), application, properties);
  CALL(proplist_free)(properties);
  return pulse->context != NULL &&
         CALL(context_connect)(pulse->context, server, PA_CONTEXT_NOAUTOSPAWN, NULL) >= 0;
}

vgpu_pulse_state vgpu_pulse_get_state(const vgpu_pulse *pulse) {
  if (pulse->context == NULL) return VGPU_PULSE_ENDED;
  switch (CALL(context_get_state)(pulse->context)) {
    case PA_CONTEXT_READY: return VGPU_PULSE_READY;
    case PA_CONTEXT_UNCONNECTED:
    case PA_CONTEXT_FAILED:
    case PA_CONTEXT_TERMINATED: return VGPU_PULSE_ENDED;
    default: return VGPU_PULSE_BEGINNING;
  }
}

const char *vgpu_pulse_error(const vgpu_pulse *pulse) {
  const char *text =
      pulse->context == NULL ? NULL : CALL(strerror)(CALL(context_errno)(pulse->context));
  return text == NULL ? "unknown" : text;
}

void vgpu_pulse_disconnect(vgpu_pulse *pulse) {
  if (pulse->context == NULL) return;
  CALL(context_disconnect)(pulse->context);
  CALL(context_unref)(pulse->context);
  pulse->context = NULL;
}

static void note_underflow(pa_stream *stream, void *data) {
  (void)stream;
  ((vgpu_pulse_stream *)data)->underflows += 1;
  ((vgpu_pulse_stream *)data)->is_dry = true;
}

static void note_start(pa_stream *stream, void *data) {
  (void)stream;
  ((vgpu_pulse_stream *)data)->is_dry = false;
}

// The server asks for a quarter of what it holds.
static pa_buffer_attr attributes(const vgpu_pulse_stream *stream, uint32_t length) {
  uint32_t bytes = (uint32_t)(length * stream->frame);
  uint32_t part = (uint32_t)(length / 4 * stream->frame);
  return (pa_buffer_attr){
      .maxlength = UINT32_MAX,
      .tlength = bytes,
      // What is missing is silence, and not a pause.
      .prebuf = 0,
      .minreq = part == 0 ? UINT32_MAX : part,
      .fragsize = bytes};
}

vgpu_pulse_stream *vgpu_pulse_stream_new(
    vgpu_pulse *pulse, const char *name, vgpu_pulse_format format) {
  pa_sample_spec spec = {PA_SAMPLE_FLOAT32LE, format.rate, format.channels};
  pa_channel_map map;
  if (CALL(channel_map_init_extend)(&map, format.channels, PA_CHANNEL_MAP_WAVEEX) == NULL)
    return NULL;
  vgpu_pulse_stream *stream = calloc(1, sizeof *stream);
  pa_proplist *properties = CALL(proplist_new)();
  if (stream == NULL || properties == NULL) {
    free(stream);
    if (properties != NULL) CALL(proplist_free)(properties);
    return NULL;
  }
  stream->records = format.records;
  stream->frame = sizeof(float) * format.channels;
  CALL(proplist_sets)(properties, "media.name", name);
  CALL(proplist_sets)(properties, "node.name", name);
  stream->stream =
      CALL(stream_new_with_proplist)(pulse->context, name, &spec, &map, properties);
  CALL(proplist_free)(properties);
  pa_buffer_attr buffer = attributes(stream, format.length);
  int answer = -1;
  if (stream->stream != NULL) {
    CALL(stream_set_underflow_callback)(stream->stream, note_underflow, stream);
    CALL(stream_set_started_callback)(stream->stream, note_start, stream);
    if (format.records)
      answer = CALL(stream_connect_record)(
          stream->stream, NULL, &buffer, PA_STREAM_ADJUST_LATENCY);
    else
      answer = CALL(stream_connect_playback)(
          stream->stream, NULL, &buffer,
          (pa_stream_flags_t)(PA_STREAM_START_CORKED | PA_STREAM_VARIABLE_RATE |
                              PA_STREAM_ADJUST_LATENCY),
          NULL, NULL);
  }
  if (answer >= 0) return stream;
  vgpu_pulse_stream_free(stream);
  return NULL;
}

void vgpu_pulse_stream_free(vgpu_pulse_stream *stream) {
  if (stream->stream != NULL) {
    CALL(stream_set_underflow_callback)(stream->stream, NULL, NULL);
    CALL(stream_set_started_callback)(stream->stream, NULL, NULL);
    CALL(stream_disconnect)(stream->stream);
    CALL(stream_unref)(stream->stream);
  }
  free(stream);
}

vgpu_pulse_state vgpu_pulse_stream_get_state(const vgpu_pulse_stream *stream) {
  switch (CALL(stream_get_state)(stream->stream)) {
    case PA_STREAM_CREATING: return VGPU_PULSE_BEGINNING;
    case PA_STREAM_READY: return VGPU_PULSE_READY;
    default: return VGPU_PULSE_ENDED;
  }
}

size_t vgpu_pulse_stream_writable(const vgpu_pulse_stream *stream) {
  size_t size = CALL(stream_writable_size)(stream->stream);
  return size == (size_t)-1 ? 0 : size / stream->frame;
}

bool vgpu_pulse_stream_write(vgpu_pulse_stream *stream, const float *samples, size_t frames) {
  return CALL(stream_write)(
             stream->stream, samples, frames * stream->frame, NULL, 0, PA_SEEK_RELATIVE) >= 0;
}

uint32_t vgpu_pulse_stream_take_underflows(vgpu_pulse_stream *stream) {
  uint32_t count = stream->underflows;
  stream->underflows = 0;
  return count;
}

bool vgpu_pulse_stream_is_dry(const vgpu_pulse_stream *stream) { return stream->is_dry; }

const float *vgpu_pulse_stream_peek(vgpu_pulse_stream *stream, size_t *frames) {
  const void *data = NULL;
  size_t size = 0;
  if (CALL(stream_peek)(stream->stream, &data, &size) < 0) size = 0;
  *frames = size / stream->frame;
  return data;
}

void vgpu_pulse_stream_drop(vgpu_pulse_stream *stream) { CALL(stream_drop)(stream->stream); }

static void forget(pa_operation *operation) {
  if (operation != NULL) CALL(operation_unref)(operation);
}

void vgpu_pulse_stream_set_resting(vgpu_pulse_stream *stream, bool rests) {
  forget(CALL(stream_cork)(stream->stream, rests, NULL, NULL));
}

void vgpu_pulse_stream_set_rate(vgpu_pulse_stream *stream, uint32_t rate) {
  forget(CALL(stream_update_sample_rate)(stream->stream, rate, NULL, NULL));
}

void vgpu_pulse_stream_set_length(vgpu_pulse_stream *stream, uint32_t length) {
  pa_buffer_attr buffer = attributes(stream, length);
  forget(CALL(stream_set_buffer_attr)(stream->stream, &buffer, NULL, NULL));
}
