/* SPDX-License-Identifier: Apache-2.0 */

/* Compiled twice, with libpulse's own headers (-DTHEIRS) and with the package's declarations of them: both
 * print the same, and each declaration has the type that stands here. */

#ifdef THEIRS
#include <pulse/pulseaudio.h>
#else
#include <PulseABI.h>
#endif
#include <stddef.h>
#include <stdio.h>

#define VALUE(name) printf(#name " %lld\n", (long long)(name));
#define SIZE(type) printf(#type " %zu\n", sizeof(type));
#define MEMBER(type, name) printf(#type "." #name " %zu\n", offsetof(type, name));

/* A difference of types does not compile. */
#define FUNCTION(type, name) _Static_assert(__builtin_types_compatible_p(__typeof__(&name), type), #name)
FUNCTION(pa_mainloop *(*)(void), pa_mainloop_new);
FUNCTION(void (*)(pa_mainloop *), pa_mainloop_free);
FUNCTION(pa_mainloop_api *(*)(pa_mainloop *), pa_mainloop_get_api);
FUNCTION(int (*)(pa_mainloop *, int), pa_mainloop_prepare);
FUNCTION(int (*)(pa_mainloop *), pa_mainloop_poll);
FUNCTION(int (*)(pa_mainloop *), pa_mainloop_dispatch);
FUNCTION(void (*)(pa_mainloop *), pa_mainloop_wakeup);
FUNCTION(pa_proplist *(*)(void), pa_proplist_new);
FUNCTION(int (*)(pa_proplist *, const char *, const char *), pa_proplist_sets);
FUNCTION(void (*)(pa_proplist *), pa_proplist_free);
FUNCTION(pa_context *(*)(pa_mainloop_api *, const char *, const pa_proplist *), pa_context_new_with_proplist);
FUNCTION(int (*)(pa_context *, const char *, pa_context_flags_t, const pa_spawn_api *), pa_context_connect);
FUNCTION(pa_context_state_t (*)(const pa_context *), pa_context_get_state);
FUNCTION(int (*)(const pa_context *), pa_context_errno);
FUNCTION(void (*)(pa_context *), pa_context_disconnect);
FUNCTION(void (*)(pa_context *), pa_context_unref);
FUNCTION(const char *(*)(int), pa_strerror);
FUNCTION(pa_channel_map *(*)(pa_channel_map *, unsigned, pa_channel_map_def_t), pa_channel_map_init_extend);
FUNCTION(pa_stream *(*)(pa_context *, const char *, const pa_sample_spec *, const pa_channel_map *, pa_proplist *), pa_stream_new_with_proplist);
FUNCTION(int (*)(pa_stream *, const char *, const pa_buffer_attr *, pa_stream_flags_t, const pa_cvolume *, pa_stream *), pa_stream_connect_playback);
FUNCTION(int (*)(pa_stream *, const char *, const pa_buffer_attr *, pa_stream_flags_t), pa_stream_connect_record);
FUNCTION(pa_stream_state_t (*)(const pa_stream *), pa_stream_get_state);
FUNCTION(size_t (*)(const pa_stream *), pa_stream_writable_size);
FUNCTION(int (*)(pa_stream *, const void *, size_t, pa_free_cb_t, int64_t, pa_seek_mode_t), pa_stream_write);
FUNCTION(int (*)(pa_stream *, const void **, size_t *), pa_stream_peek);
FUNCTION(int (*)(pa_stream *), pa_stream_drop);
FUNCTION(pa_operation *(*)(pa_stream *, int, pa_stream_success_cb_t, void *), pa_stream_cork);
FUNCTION(pa_operation *(*)(pa_stream *, uint32_t, pa_stream_success_cb_t, void *), pa_stream_update_sample_rate);
FUNCTION(pa_operation *(*)(pa_stream *, const pa_buffer_attr *, pa_stream_success_cb_t, void *), pa_stream_set_buffer_attr);
FUNCTION(void (*)(pa_stream *, pa_stream_notify_cb_t, void *), pa_stream_set_underflow_callback);
FUNCTION(int (*)(pa_stream *), pa_stream_disconnect);
FUNCTION(void (*)(pa_stream *), pa_stream_unref);
FUNCTION(void (*)(pa_operation *), pa_operation_unref);
_Static_assert(__builtin_types_compatible_p(pa_free_cb_t, void (*)(void *)), "pa_free_cb_t");
_Static_assert(__builtin_types_compatible_p(pa_stream_notify_cb_t, void (*)(pa_stream *, void *)), "notify");
_Static_assert(__builtin_types_compatible_p(pa_stream_success_cb_t, void (*)(pa_stream *, int, void *)), "success");

int main(void) {
  VALUE(PA_CONTEXT_NOAUTOSPAWN)
  VALUE(PA_CONTEXT_UNCONNECTED)
  VALUE(PA_CONTEXT_READY)
  VALUE(PA_CONTEXT_FAILED)
  VALUE(PA_CONTEXT_TERMINATED)
  VALUE(PA_STREAM_UNCONNECTED)
  VALUE(PA_STREAM_CREATING)
  VALUE(PA_STREAM_READY)
  VALUE(PA_STREAM_FAILED)
  VALUE(PA_STREAM_TERMINATED)
  VALUE(PA_STREAM_START_CORKED)
  VALUE(PA_STREAM_VARIABLE_RATE)
  VALUE(PA_STREAM_ADJUST_LATENCY)
  VALUE(PA_SAMPLE_FLOAT32LE)
  VALUE(PA_CHANNEL_POSITION_INVALID)
  VALUE(PA_CHANNEL_MAP_WAVEEX)
  VALUE(PA_CHANNELS_MAX)
  VALUE(PA_SEEK_RELATIVE)
  SIZE(pa_context_flags_t)
  SIZE(pa_stream_flags_t)
  SIZE(pa_seek_mode_t)
  SIZE(pa_channel_map_def_t)
  SIZE(pa_sample_spec)
  MEMBER(pa_sample_spec, format)
  MEMBER(pa_sample_spec, rate)
  MEMBER(pa_sample_spec, channels)
  SIZE(pa_channel_map)
  MEMBER(pa_channel_map, channels)
  MEMBER(pa_channel_map, map)
  SIZE(pa_buffer_attr)
  MEMBER(pa_buffer_attr, maxlength)
  MEMBER(pa_buffer_attr, tlength)
  MEMBER(pa_buffer_attr, prebuf)
  MEMBER(pa_buffer_attr, minreq)
  MEMBER(pa_buffer_attr, fragsize)
  return 0;
}
