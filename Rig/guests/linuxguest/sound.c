// SPDX-License-Identifier: Apache-2.0
// The sound of the rig's Linux guest, by ALSA's own calls: see sound.h.
#include "say.h"
#include "sound.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sound/asound.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    RATE = 48000,
    CHANNELS = 2,
    PERIOD = 480,
    // The frames that wait in the guest: 200 ms for a tone, because a busy host's guest writes late, and 40 ms for marks.
    TONE_BUFFER = 20 * PERIOD,
    MARK_BUFFER = 4 * PERIOD,
    FREQUENCY = 997,
    // QEMU's debugging port: what is written there leaves the guest at once.
    DEBUG_PORT = 0xE9,
};

struct frame {
    int16_t samples[CHANNELS];
};

static void stop(const char *what) {
    say("error: sound: %s: %s\n", what, strerror(errno));
    _exit(1);
}

// Opens a file of the device, which comes a little after its driver.
static int open_device(const char *path, int flags) {
    for (int i = 0; i < 1000; i++) {
        int file = open(path, flags | O_CLOEXEC);
        if (file >= 0) return file;
        if (errno != ENOENT && errno != ENODEV) break;
        usleep(50000);
    }
    stop(path);
    return -1;
}

// MARK: The mixer

// Full volume everywhere: ALSA begins with silence.
static void turn_up(void) {
    int control = open_device("/dev/snd/controlC0", O_RDWR);
    struct snd_ctl_elem_id ids[64];
    struct snd_ctl_elem_list list = {.space = 64, .pids = ids};
    if (ioctl(control, SNDRV_CTL_IOCTL_ELEM_LIST, &list) < 0) stop("ELEM_LIST");
    for (unsigned int i = 0; i < list.used; i++) {
        struct snd_ctl_elem_info info = {.id = ids[i]};
        if (ioctl(control, SNDRV_CTL_IOCTL_ELEM_INFO, &info) < 0) continue;
        bool is_switch = info.type == SNDRV_CTL_ELEM_TYPE_BOOLEAN;
        if (!is_switch && info.type != SNDRV_CTL_ELEM_TYPE_INTEGER) continue;
        if (!(info.access & SNDRV_CTL_ELEM_ACCESS_WRITE) || info.count > 128) continue;
        struct snd_ctl_elem_value value = {.id = ids[i]};
        for (unsigned int channel = 0; channel < info.count; channel++)
            value.value.integer.value[channel] = is_switch ? 1 : info.value.integer.max;
        if (ioctl(control, SNDRV_CTL_IOCTL_ELEM_WRITE, &value) < 0) stop((char *)ids[i].name);
    }
    close(control);
}

// MARK: The streams

static struct snd_interval *interval(struct snd_pcm_hw_params *wish, int parameter) {
    return &wish->intervals[parameter - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL];
}

static void set_mask(struct snd_pcm_hw_params *wish, int parameter, unsigned int value) {
    struct snd_mask *mask = &wish->masks[parameter - SNDRV_PCM_HW_PARAM_FIRST_MASK];
    memset(mask, 0, sizeof *mask);
    mask->bits[value / 32] = 1u << value % 32;
}

static void set_interval(struct snd_pcm_hw_params *wish, int parameter, unsigned int value) {
    *interval(wish, parameter) = (struct snd_interval){.min = value, .max = value, .integer = 1};
}

static int open_stream(const char *path, int flags, unsigned int buffer) {
    int stream = open_device(path, flags);
    struct snd_pcm_hw_params wish;
    memset(&wish, 0, sizeof wish);
    memset(wish.masks, 0xFF, sizeof wish.masks);
    for (int i = SNDRV_PCM_HW_PARAM_FIRST_INTERVAL; i <= SNDRV_PCM_HW_PARAM_LAST_INTERVAL; i++)
        *interval(&wish, i) = (struct snd_interval){.max = UINT32_MAX};
    set_mask(&wish, SNDRV_PCM_HW_PARAM_ACCESS, SNDRV_PCM_ACCESS_RW_INTERLEAVED);
    set_mask(&wish, SNDRV_PCM_HW_PARAM_FORMAT, SNDRV_PCM_FORMAT_S16_LE);
    set_mask(&wish, SNDRV_PCM_HW_PARAM_SUBFORMAT, SNDRV_PCM_SUBFORMAT_STD);
    set_interval(&wish, SNDRV_PCM_HW_PARAM_CHANNELS, CHANNELS);
    set_interval(&wish, SNDRV_PCM_HW_PARAM_RATE, RATE);
    set_interval(&wish, SNDRV_PCM_HW_PARAM_PERIOD_SIZE, PERIOD);
    set_interval(&wish, SNDRV_PCM_HW_PARAM_BUFFER_SIZE, buffer);
    wish.rmask = UINT32_MAX;
    if (ioctl(stream, SNDRV_PCM_IOCTL_HW_PARAMS, &wish) < 0) stop("HW_PARAMS");
    struct snd_pcm_sw_params rules = {
        .period_step = 1, .avail_min = PERIOD, .start_threshold = flags == O_RDONLY ? 1 : buffer,
        .stop_threshold = buffer, .boundary = (snd_pcm_uframes_t)buffer << 20,
    };
    if (ioctl(stream, SNDRV_PCM_IOCTL_SW_PARAMS, &rules) < 0) stop("SW_PARAMS");
    if (ioctl(stream, SNDRV_PCM_IOCTL_PREPARE) < 0) stop("PREPARE");
    return stream;
}

// Moves a period. A stream that ran out of frames begins anew, and the host is told.
static bool move_period(int stream, unsigned long request, struct frame *frames) {
    struct snd_xferi moved = {.buf = frames, .frames = PERIOD};
    if (ioctl(stream, request, &moved) >= 0) return true;
    if (errno != EPIPE) stop(request == SNDRV_PCM_IOCTL_WRITEI_FRAMES ? "WRITEI" : "READI");
    say("sound late\n");
    if (ioctl(stream, SNDRV_PCM_IOCTL_PREPARE) < 0) stop("PREPARE");
    return false;
}

static bool play_period(int stream, struct frame *frames) {
    return move_period(stream, SNDRV_PCM_IOCTL_WRITEI_FRAMES, frames);
}

// MARK: What is played

// A second of the tone: its frequency is a whole number, so that it goes on where it began.
static struct frame second[RATE];

static void make_tone(void) {
    for (int i = 0; i < RATE; i++) {
        int16_t sample = (int16_t)lrint(16384 * sin(2 * M_PI * FREQUENCY * i / RATE));
        for (int channel = 0; channel < CHANNELS; channel++) second[i].samples[channel] = sample;
    }
}

static void play_tone(void) {
    int stream = open_stream("/dev/snd/pcmC0D0p", O_WRONLY, TONE_BUFFER);
    say("sound tone\n");
    for (int place = 0;; place = (place + PERIOD) % RATE) play_period(stream, &second[place]);
}

static void play_echo(void) {
    int heard = open_stream("/dev/snd/pcmC0D0c", O_RDONLY, TONE_BUFFER);
    int stream = open_stream("/dev/snd/pcmC0D0p", O_WRONLY, TONE_BUFFER);
    struct frame frames[PERIOD] = {0};
    say("sound echo\n");
    for (;;) {
        // Silence first, which waits while more is recorded.
        for (int i = 0; i < TONE_BUFFER / PERIOD / 2; i++) play_period(stream, frames);
        while (move_period(heard, SNDRV_PCM_IOCTL_READI_FRAMES, frames) && play_period(stream, frames)) continue;
        memset(frames, 0, sizeof frames);
    }
}

static void tell(const char *text) {
    for (; *text; text++) outb((unsigned char)*text, DEBUG_PORT);
}

static void play_marks(void) {
    if (ioperm(DEBUG_PORT, 1, 1) < 0) stop("ioperm");
    int stream = open_stream("/dev/snd/pcmC0D0p", O_WRONLY, MARK_BUFFER);
    struct frame frames[PERIOD], silence[PERIOD] = {0};
    say("sound marks\n");
    for (unsigned int number = 0;; number++) {
        // Uneven, so that no other clock keeps step with it.
        for (int left = 20 + rand() % 20; left > 0; left--) play_period(stream, silence);
        // One of three volumes tells the mark from its neighbours.
        int volume = 1 + (int)(number % 3);
        for (int i = 0; i < PERIOD; i++)
            for (int channel = 0; channel < CHANNELS; channel++)
                frames[i].samples[channel] = (int16_t)(second[i].samples[channel] * volume / 2);
        // There is room now, so the write takes no time.
        struct pollfd room = {.fd = stream, .events = POLLOUT};
        poll(&room, 1, 1000);
        snd_pcm_sframes_t delay = 0;
        ioctl(stream, SNDRV_PCM_IOCTL_DELAY, &delay);
        char text[64];
        snprintf(text, sizeof text, "mark %u %ld\n", number, (long)delay);
        tell(text);
        play_period(stream, frames);
    }
}

void play_sound(const char *what) {
    make_tone();
    turn_up();
    if (!strcmp(what, "tone")) play_tone();
    if (!strcmp(what, "echo")) play_echo();
    if (!strcmp(what, "marks")) play_marks();
    errno = EINVAL;
    stop(what);
}
