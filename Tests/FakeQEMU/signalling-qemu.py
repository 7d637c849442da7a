#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A QEMU whose console changes while it is asked: the signal of each change comes before the answer, which is older.

  signalling-qemu.py SOCKET

The pointer takes places from then on, until a key is pressed, and the console becomes wider.
"""
import socket
import sys

sys.dont_write_bytecode = True
from qemu_peer import CALL, SIGNAL, Connection, describe, serve  # noqa: E402

CONSOLE = "/org/qemu/Display1/Console_0"


def tell(peer, interface, name, value):
    peer.send(
        SIGNAL, [(1, ("o", CONSOLE)), (2, ("s", "org.freedesktop.DBus.Properties")), (3, ("s", "PropertiesChanged"))],
        "sa{sv}as", ("org.qemu.Display1." + interface, [(name, value)], []))


def attach(file):
    peer = Connection(file)
    peer.authenticate()
    while True:
        kind, serial, body, fields = peer.message()
        if kind != CALL:
            continue
        if b"RegisterListener" in fields:
            listener = Connection(socket.socket(fileno=peer.descriptors.pop(0)))
            peer.answer(serial)
            listener.authenticate()
        elif b"Display1.Mouse" in body:
            tell(peer, "Mouse", "IsAbsolute", ("b", 1))
            peer.answer(serial, "a{sv}", ([("IsAbsolute", ("b", 0))],))
        elif b"Display1.Keyboard" in fields:
            tell(peer, "Mouse", "IsAbsolute", ("b", 0))
            peer.answer(serial)
        else:
            if b"Display1.Console" in body:
                tell(peer, "Console", "Width", ("u", 800))
            describe(peer, serial, body, size=(640, 480))


serve(sys.argv[1], attach)
