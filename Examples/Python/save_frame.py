#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Saves what a guest shows as a PPM picture, by libvgpu and ctypes.

    python3 save_frame.py demo frame.ppm
"""

import ctypes
import select
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


class BufferInfo(ctypes.Structure):
    """vgpu_buffer_info"""

    _fields_ = (
        [(name, ctypes.c_uint64) for name in ("id", "modifier", "size")]
        + [(name, ctypes.c_uint32) for name in ("width", "height", "fourcc", "stride", "offset")]
        + [("storage", ctypes.c_int32)]
    )


STATE_FRAME, STATE_ENDED = 1, 5
PLANE_PRIMARY = 1
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
    ("vgpu_source_get_buffer", handle, handle, ctypes.c_int32, error_p),
    ("vgpu_buffer_release", None, handle),
    ("vgpu_buffer_describe", ctypes.c_int32, handle, ctypes.POINTER(BufferInfo), error_p),
    ("vgpu_buffer_copy_rgb", ctypes.c_int32, handle, ctypes.c_char_p, ctypes.c_size_t, error_p),
):
    function = getattr(vgpu, name)
    function.restype, function.argtypes = result, parameters


class Failure(Exception):
    """What the library says."""


def checked(answer, error):
    """Raises what a call without a result says."""
    if not answer:
        raise Failure(error.message.decode())
    return answer


def wait_for_frame(source, error):
    """Looks 60 times a second, for ten seconds at most."""
    timer = vgpu.vgpu_source_fd(source, 60.0, error)
    checked(timer >= 0, error)
    for _ in range(600):
        state = vgpu.vgpu_source_poll(source, Frame())
        if state == STATE_FRAME:
            return
        if state == STATE_ENDED:
            break
        select.select([timer], [], [])
    message = ctypes.create_string_buffer(504)
    vgpu.vgpu_source_message(source, message, len(message))
    raise Failure(message.value.decode())


def save(target, path):
    """One frame of a target as a PPM file."""
    error, info = Error(), BufferInfo()
    source = checked(vgpu.vgpu_source_open(target.encode(), 0, -1, error), error)
    try:
        wait_for_frame(source, error)
        buffer = checked(vgpu.vgpu_source_get_buffer(source, PLANE_PRIMARY, error), error)
        vgpu.vgpu_buffer_describe(buffer, info, None)
        rgb = ctypes.create_string_buffer(info.width * info.height * 3)
        code = vgpu.vgpu_buffer_copy_rgb(buffer, rgb, len(rgb), error)
        vgpu.vgpu_buffer_release(buffer)
        checked(code == 0, error)
    finally:
        vgpu.vgpu_source_close(source)
    with open(path, "wb") as file:
        file.write(f"P6\n{info.width} {info.height}\n255\n".encode() + rgb.raw)


def main():
    """The command."""
    if len(sys.argv) != 3:
        sys.exit("usage: save_frame.py TARGET FILE.ppm")
    if vgpu.vgpu_abi_version() != ABI_VERSION:
        sys.exit("libvgpu: another ABI than this program's")
    try:
        save(sys.argv[1], sys.argv[2])
    except Failure as failure:
        sys.exit(f"save_frame.py: {failure}")


main()
