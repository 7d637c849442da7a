#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tells how a guest's screen changes, with libvgpu in asyncio's loop: the loop waits for the source's descriptor.

    python3 watch.py demo        until Ctrl-C
    python3 watch.py demo 30     until the guest has flipped 30 times
"""

import asyncio
import ctypes
import sys


class Error(ctypes.Structure):
    """vgpu_error"""

    _fields_ = [
        ("code", ctypes.c_int32),
        ("system_errno", ctypes.c_int32),
        ("message", ctypes.c_char * 504),
    ]


class Frame(ctypes.Structure):
    """vgpu_frame"""

    _fields_ = [(name, ctypes.c_uint64) for name in ("flip", "detected_ns", "buffer_id", "cursor_id")] + [
        (name, ctypes.c_int32) for name in ("cursor_x", "cursor_y", "hotspot_x", "hotspot_y")
    ]


STATE_FRAME, STATE_ENDED = 1, 5
OPEN_WAIT = 1
ABI_VERSION = 0

vgpu = ctypes.CDLL("libvgpu.so.0")
error_p = ctypes.POINTER(Error)
handle = ctypes.c_void_p
for name, result, *parameters in (
    ("vgpu_abi_version", ctypes.c_uint32),
    ("vgpu_source_open", handle, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_int32, error_p),
    ("vgpu_source_close", None, handle),
    ("vgpu_source_fd", ctypes.c_int32, handle, ctypes.c_double, error_p),
    ("vgpu_source_poll", ctypes.c_int32, handle, ctypes.POINTER(Frame)),
    ("vgpu_source_message", ctypes.c_size_t, handle, ctypes.c_char_p, ctypes.c_size_t),
):
    function = getattr(vgpu, name)
    function.restype, function.argtypes = result, parameters


class Source:
    """A guest's screen, whose states come as asyncio sees them: `async for state, frame in source.changes(60)`."""

    def __init__(self, target):
        self.error = Error()
        self.handle = vgpu.vgpu_source_open(target.encode(), OPEN_WAIT, -1, self.error)
        if not self.handle:
            raise OSError(self.error.message.decode())

    def close(self):
        vgpu.vgpu_source_close(self.handle)
        self.handle = None

    def message(self):
        """Why there is no picture."""
        text = ctypes.create_string_buffer(504)
        vgpu.vgpu_source_message(self.handle, text, len(text))
        return text.value.decode()

    async def changes(self, rate):
        """Yields the state and the frame whenever the guest has flipped or its state has changed."""
        descriptor = vgpu.vgpu_source_fd(self.handle, rate, self.error)
        if descriptor < 0:
            raise OSError(self.error.message.decode())
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(descriptor, ready.set)
        try:
            last = None
            while True:
                # The poll makes the descriptor unreadable until the next time.
                frame = Frame()
                state = vgpu.vgpu_source_poll(self.handle, frame)
                if (state, frame.flip) != last:
                    last = state, frame.flip
                    yield state, frame
                ready.clear()
                await ready.wait()
        finally:
            loop.remove_reader(descriptor)


async def watch(target, most_flips):
    source = Source(target)
    try:
        async for state, frame in source.changes(60):
            if state == STATE_FRAME:
                print(f"flip {frame.flip}: buffer {frame.buffer_id} at {frame.detected_ns / 1e9:.6f} s", flush=True)
            else:
                print(source.message(), flush=True)
            if state == STATE_ENDED or frame.flip >= most_flips:
                return
    finally:
        source.close()


def main():
    if len(sys.argv) not in (2, 3) or vgpu.vgpu_abi_version() != ABI_VERSION:
        print("usage: watch.py TARGET [FLIPS], with version 0 of libvgpu's ABI", file=sys.stderr)
        return 64
    try:
        asyncio.run(watch(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else float("inf")))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        print(f"watch.py: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
