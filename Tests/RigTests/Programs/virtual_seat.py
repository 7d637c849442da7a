#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A keyboard, a mouse and a power button that the kernel takes for real ones (uinput), for a test at the other end of a pipe.

Prints the first two devices' nodes, a line each. Then it reads orders, a line each, and answers each with a line:
  CODE VALUE             a key of the keyboard, or a button of the mouse, goes down (1) or up (0)
  move DX DY             the mouse moves
  wheel NOTCHES          its wheel turns
  free                   "yes" when nobody has the keyboard for himself, else the error
  power                  the same of a power button
Each is answered with "done".
"""
import errno
import fcntl
import glob
import os
import struct
import sys
import time

SYN, KEY, REL = 0, 1, 2
WHEEL = 8
SET_EVBIT, SET_KEYBIT, SET_RELBIT, SETUP, CREATE = 0x40045564, 0x40045565, 0x40045566, 0x405C5503, 0x5501
GRAB = 0x40044590


def device(name, product, kinds):
    """Makes a device. Returns its descriptor and its node."""
    before = set(glob.glob("/dev/input/event*"))
    fd = os.open("/dev/uinput", os.O_WRONLY)
    for kind, setting, codes in kinds:
        fcntl.ioctl(fd, SET_EVBIT, kind)
        for code in codes:
            fcntl.ioctl(fd, setting, code)
    fcntl.ioctl(fd, SETUP, struct.pack("HHHH80sI", 3, 0x1209, product, 1, name.encode(), 0))
    fcntl.ioctl(fd, CREATE)
    while not (new := set(glob.glob("/dev/input/event*")) - before):
        time.sleep(0.01)
    return fd, new.pop()


def send(fd, *events):
    for kind, code, value in (*events, (SYN, 0, 0)):
        os.write(fd, struct.pack("llHHi", 0, 0, kind, code, value))


def is_free(node):
    fd = os.open(node, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, GRAB, 1)
        return "yes"
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        os.close(fd)


keyboard, keyboard_node = device("virtual keyboard", 1, [(KEY, SET_KEYBIT, range(1, 249))])
mouse, mouse_node = device("virtual mouse", 2, [(KEY, SET_KEYBIT, range(0x110, 0x115)), (REL, SET_RELBIT, (0, 1, 6, WHEEL))])
_button, button_node = device("virtual power button", 3, [(KEY, SET_KEYBIT, (116,))])
print(keyboard_node, mouse_node, sep="\n", flush=True)
for line in sys.stdin:
    words = line.split()
    answer = "done"
    if words[0] == "move":
        send(mouse, (REL, 0, int(words[1])), (REL, 1, int(words[2])))
    elif words[0] == "wheel":
        send(mouse, (REL, WHEEL, int(words[1])))
    elif words[0] in ("free", "power"):
        answer = is_free(keyboard_node if words[0] == "free" else button_node)
    else:
        code, value = int(words[0]), int(words[1])
        send(mouse if 0x110 <= code < 0x115 else keyboard, (KEY, code, value))
    print(answer, flush=True)
