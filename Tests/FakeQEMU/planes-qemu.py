#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A QEMU 10.1 or newer as far as a listener sees it: it asks for the listener's interfaces, and sends its pictures as ScanoutDMABUF2.

  planes-qemu.py SOCKET

Shows one picture after the other, each time that a line comes on standard input, and prints one line for each: `shown`, or the error's name.
The pictures are parts of an image in a memory file, whose pixel (x, y) has R = x, G = y, B = the picture's number.
"""
import fcntl
import os
import socket
import struct
import sys

sys.dont_write_bytecode = True
from qemu_peer import ANSWER, CALL, ERROR, LISTENER, Connection, describe, serve  # noqa: E402

XRGB = 0x34325258
WIDTH, HEIGHT = 96, 80
STRIDE, OFFSET = 400, 4096
INVALID, TILED = (1 << 56) - 1, 1 << 56 | 1

# What differs from a picture that is all of its image: the arguments of ScanoutDMABUF2 by name.
PICTURES = [
    {},
    {"part": (16, 8, 64, 48)},
    {"part": (16, 8, 64, 48), "upside_down": 1},
    {"modifier": INVALID, "part": (1, 2, 3, 4)},
    # From here on nothing is shown.
    {"modifier": TILED, "offsets": [0, OFFSET], "strides": [STRIDE, STRIDE], "files": 2},
    {"part": (64, 8, 64, 48)},
    {"part": (0, 0, 0, 0)},
    {"offsets": [0xFFFFFFFF]},
    {"offsets": []},
    {"offsets": [0, 0, 0, 0, 0], "strides": [STRIDE] * 5, "files": 5},
    {"strides": [4]},
    {"backing": (WIDTH, 1 << 31)},
    {"planes": 0},
    {"files": 0},
    {"others": True, "modifier": TILED, "offsets": [0, 0], "strides": [STRIDE, STRIDE], "files": 2},
]


def image(number):
    file = os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    data = bytearray(OFFSET)
    for y in range(HEIGHT):
        line = b"".join(struct.pack("<I", x << 16 | y << 8 | number) for x in range(WIDTH))
        data += line.ljust(STRIDE, b"\xaa")
    os.write(file, data)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return file


def answer(peer):
    """The answer to the last call: its body, or `None` for an error."""
    while True:
        kind, _, body, fields = peer.message()
        if kind in (ANSWER, ERROR):
            return body if kind == ANSWER else None


def show(peer, number):
    picture = PICTURES[number]
    offsets = picture.get("offsets", [OFFSET])
    strides = picture.get("strides", [STRIDE])
    count = picture.get("files", 1)
    files = [image(number)]
    files += [image(number) if picture.get("others") else os.dup(files[0]) for _ in range(1, count)]
    files = files[:count]
    width, height = picture.get("backing", (WIDTH, HEIGHT))
    peer.call(
        "ScanoutDMABUF2", "ahuuuuauauuuuutb",
        (list(range(len(files))), *picture.get("part", (0, 0, WIDTH, HEIGHT)), offsets, strides, picture.get("planes", len(offsets)),
         XRGB, width, height, picture.get("modifier", 0), picture.get("upside_down", 0)),
        interface=LISTENER + ".Unix.ScanoutDMABUF2", descriptors=files)
    for file in files:
        os.close(file)
    if answer(peer) is None:
        return "refused"
    peer.call("UpdateDMABUF", "iiii", (0, 0, 8, 8))
    return "shown" if answer(peer) is not None else "not updated"


def attach(file):
    peer = Connection(file)
    peer.authenticate()
    while True:
        kind, serial, body, fields = peer.message()
        if kind != CALL:
            continue
        if b"RegisterListener" not in fields:
            describe(peer, serial, body, size=(WIDTH, HEIGHT))
            continue
        listener = Connection(socket.socket(fileno=peer.descriptors.pop(0)))
        listener.authenticate()
        # QEMU asks before it answers the registration.
        listener.call("GetAll", "s", (LISTENER,), interface="org.freedesktop.DBus.Properties")
        interfaces = answer(listener) or b""
        peer.answer(serial)
        known = (LISTENER + ".Unix.ScanoutDMABUF2").encode() in interfaces
        print("interface" if known else "no interface", flush=True)
        for line in sys.stdin:
            print(show(listener, int(line)), flush=True)


serve(sys.argv[1], attach)
