/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: a guest's sound, played at the desktop's sound server (PipeWire or PulseAudio, by libpulse, which
 * is loaded when it is wanted). A part of <vgpu/vgpu.h>.
 */

#ifndef VGPU_VGPU_H
#error "include <vgpu/vgpu.h>, not its parts"
#endif

#ifndef VGPU_SOUND_H
#define VGPU_SOUND_H

#ifdef __cplusplus
extern "C" {
#endif

/** A guest's sound. */
typedef struct vgpu_sound vgpu_sound;

/**
 * Plays the sound of the guest that a source shows, from now on and also when the guest comes back. The
 * desktop's mixer shows it by the guest's name. A sound server that stalls or ends costs the guest
 * nothing, and is connected to again. The sound may outlive the source.
 *
 * `server`: in libpulse's notation, such as "unix:PATH", or NULL for the user's own. The microphone is off at
 * first. VGPU_ERROR_UNSUPPORTED: there is no way to the guest's sound (`vgpu info` tells why), or libpulse
 * is not installed.
 */
vgpu_sound *vgpu_source_open_sound(
    vgpu_source *source, const char *server, vgpu_error *error);

/** Ends the sound. */
void vgpu_sound_close(vgpu_sound *sound);

/** Silences the guest (`muted` 1), or lets it be heard again (0). */
int32_t vgpu_sound_set_muted(vgpu_sound *sound, int32_t muted, vgpu_error *error);

/** Lets the guest hear the microphone (`on` 1) or silence (0). The desktop's microphone is in use only
 * while the guest records. */
int32_t vgpu_sound_set_microphone(vgpu_sound *sound, int32_t on, vgpu_error *error);

/** What a guest does with its sound devices; or'ed together. */
enum {
  VGPU_SOUND_PLAYS = 1,
  VGPU_SOUND_RECORDS = 2
};

/** What the guest does now: VGPU_SOUND_* or'ed together; 0 for NULL. A guest that plays silence plays. */
uint32_t vgpu_sound_activity(const vgpu_sound *sound);

/** Writes why nothing is heard although it should be: one line, empty when nothing is wrong. `text`, `size`
 * and the result are like vgpu_source_name's. */
size_t vgpu_sound_message(const vgpu_sound *sound, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
