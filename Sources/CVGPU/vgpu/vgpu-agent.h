/* SPDX-License-Identifier: Apache-2.0 */

/*
 * libvgpu: the agent that runs in a guest (spice-vdagent): the guest's clipboard, and files for the
 * guest. No SPICE server is needed. A part of <vgpu/vgpu.h>.
 */

#ifndef VGPU_VGPU_H
#error "include <vgpu/vgpu.h>, not its parts"
#endif

#ifndef VGPU_AGENT_H
#define VGPU_AGENT_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The connection --------------------------------------------------------------------------- */

/** A connection to a guest's agent. */
typedef struct vgpu_agent vgpu_agent;

/**
 * Begins to connect to a guest's agent, and connects again after each end. Does not wait.
 *
 * `socket`: the path of the Unix socket to the agent's port (com.redhat.spice.0), or NULL to find it by
 * `target`, which is as for vgpu_source_open; with a socket, `target` may be NULL. A port serves one
 * program at a time: a window of vgpu's is one. VGPU_ERROR_UNSUPPORTED: the guest has no such port.
 */
vgpu_agent *vgpu_agent_open(const char *target, const char *socket, vgpu_error *error);

/** Speaks to an agent on a stream socket that is connected already, such as one from libvirt's
 * virDomainOpenChannel, until its end. Takes a duplicate: the caller goes on owning `fd`, and closes it. */
vgpu_agent *vgpu_agent_open_fd(int32_t fd, vgpu_error *error);

/** Begins to connect to the agent of a guest that was started by this process. The connection may
 * outlive the guest's handle. */
vgpu_agent *vgpu_guest_open_agent(vgpu_guest *guest, vgpu_error *error);

/** Tells the agent of the end, cancels files on their way, and closes the connection. Blocks until the
 * guest was told, 1 s at most. */
void vgpu_agent_close(vgpu_agent *agent);

/** Waits until the agent is there, so many milliseconds at most. VGPU_ERROR_NOT_RUNNING: it is not;
 * nobody may have logged in in the guest. */
int32_t vgpu_agent_wait(vgpu_agent *agent, uint32_t timeout_ms, vgpu_error *error);

/** The state of a connection. */
enum {
  /** There is no connection to the port; vgpu_agent_message says why. */
  VGPU_AGENT_UNAVAILABLE = 0,
  /** The port is connected, and no agent has spoken. */
  VGPU_AGENT_WAITING = 1,
  /** The agent is there. */
  VGPU_AGENT_CONNECTED = 2
};

/** The connection's state: VGPU_AGENT_*; VGPU_AGENT_UNAVAILABLE for NULL. */
int32_t vgpu_agent_state(const vgpu_agent *agent);

/** Writes why there is no connection: one line, empty when there is one. `text`, `size` and the result
 * are like vgpu_source_name's. */
size_t vgpu_agent_message(const vgpu_agent *agent, char *text, size_t size);

/* ---- Events ----------------------------------------------------------------------------------- */

/** What has happened. More kinds may come: ignore those that you do not know. */
enum {
  /** The agent is there. An agent that begins anew knows nothing of what was before; it gets the offer
   * of vgpu_agent_offer_text again. */
  VGPU_AGENT_EVENT_CONNECTED = 1,
  /** It is there no more, or was not found; `text` says why. */
  VGPU_AGENT_EVENT_DISCONNECTED = 2,
  /** The guest's clipboard is another one; `detail` is 1 when it has a text, else 0. */
  VGPU_AGENT_EVENT_CLIPBOARD = 3,
  /** How far a transfer is, ten times a second at most; only the last one of each transfer waits. */
  VGPU_AGENT_EVENT_PROGRESS = 4,
  /** A transfer is over; `text` says why the first file failed, and is empty when none did. */
  VGPU_AGENT_EVENT_ENDED = 5
};

/** An event of a guest's agent. A longer text is cut. */
typedef struct vgpu_agent_event {
  /** One of VGPU_AGENT_EVENT_*. */
  int32_t kind;
  int32_t detail;
  /** The transfer's number, and how far it is; else 0. The bytes are those that were given to the
   * port, and those of all files. */
  uint64_t transfer;
  uint64_t bytes_sent;
  uint64_t bytes_total;
  /** The files that the guest has, those that it does not get, and all. */
  uint32_t files_done;
  uint32_t files_failed;
  uint32_t files_total;
  char text[212];
} vgpu_agent_event;

/** A descriptor that is readable while vgpu_agent_read_event has an event (an eventfd). The connection
 * owns it: wait for it, never read or close it. The events are those since the connection was opened, the
 * last 256 at most. -1 on failure. */
int32_t vgpu_agent_fd(vgpu_agent *agent, vgpu_error *error);

/** Takes the oldest event. Never blocks. Returns 1, or 0 when there is none, which sets `event` to
 * zero. */
int32_t vgpu_agent_read_event(vgpu_agent *agent, vgpu_agent_event *event);

/* ---- The clipboard ---------------------------------------------------------------------------- */

/** The most bytes of a text. */
#define VGPU_AGENT_MOST_TEXT 67108864u

/** Offers a text to the guest, in place of what its clipboard has, until somebody copies in the guest
 * or until vgpu_agent_withdraw. `text`: UTF-8, `size` bytes of it, which are copied. The guest gets them when
 * somebody pastes. Waits for nobody. */
int32_t vgpu_agent_offer_text(
    vgpu_agent *agent, const char *text, size_t size, vgpu_error *error);

/** Takes the offer back. Does nothing when there is none. */
int32_t vgpu_agent_withdraw(vgpu_agent *agent, vgpu_error *error);

/** Gets the text of the guest's clipboard, and waits for it so many milliseconds at most. `text`: gets
 * the bytes as the guest sent them and a NUL, to be freed with free(3); they may have further NULs. `size`:
 * gets their number without the last NUL; may be NULL. VGPU_ERROR_NOT_FOUND: the clipboard has no text.
 * VGPU_ERROR_NOT_RUNNING: there is no agent, or it does not answer in time. */
int32_t vgpu_agent_get_text(
    vgpu_agent *agent, uint32_t timeout_ms, char **text, size_t *size, vgpu_error *error);

/* ---- Files ------------------------------------------------------------------------------------ */

/** Sends files, and folders with the files in them, to the guest, whose agent chooses the folder. Looks
 * for the files first, then returns; events tell the rest. `transfer`: gets the transfer's number, from 1;
 * may be NULL. VGPU_ERROR_NOT_FOUND: a path names nothing, or there is no file in the folders. */
int32_t vgpu_agent_send_files(
    vgpu_agent *agent, const char *const *paths, size_t count, uint64_t *transfer,
    vgpu_error *error);

/** Cancels the files of a transfer that the guest does not have yet; the guest removes their parts. Does
 * nothing when it is over. */
int32_t vgpu_agent_cancel(vgpu_agent *agent, uint64_t transfer, vgpu_error *error);

#ifdef __cplusplus
}
#endif

#endif
