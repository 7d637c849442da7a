#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hostile QEMU: a display on D-Bus that sends what no QEMU sends.

  hostile-qemu.py SOCKET PART PARTS [stays]

Each connection to the display gets the next attack of its part of them. Those that come before a listener come once; then those on the listener's
connection in rounds, for ever. Prints `round N` when one ends. With `stays` a connection to the display goes on after the first attack: each new
listener gets the next one of all of them.
"""
import fcntl
import os
import random
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
from qemu_peer import CALL, ERROR, LISTENER, SIGNAL, Connection, describe, serve  # noqa: E402

def files(stack):
    """Files that are no picture's buffers, and some that are."""
    pair = os.pipe()
    small = os.memfd_create("small")
    os.ftruncate(small, 4096)
    large = os.memfd_create("large")
    os.ftruncate(large, 64 << 20)
    null = os.open("/dev/null", os.O_RDWR)
    zero = os.open("/dev/zero", os.O_RDWR)
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    unix = socket.socket(socket.AF_UNIX)
    sealed = os.memfd_create("sealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(sealed, 1 << 20)
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    stack.extend([*pair, small, large, null, zero, folder, unix.detach(), sealed])
    return stack


# ---- The attacks: functions of a listener's connection and a generator of random numbers ------------------------------------------

NUMBERS = [0, 1, 2, 3, 16, 63, 64, 255, 256, 1023, 1024, 4096, 16384, 16385, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
FORMATS = [0x20020888, 0x20028888, 0x10020565, 0x34325258, 0x34325241, 0, 0xFFFFFFFF]


def sign(value):
    return value - (1 << 32) if value >= 1 << 31 else value


def sizes(peer, random):
    for _ in range(200):
        width, height, stride = (random.choice(NUMBERS) for _ in range(3))
        form = random.choice(FORMATS)
        data = bytes(random.choice([0, 1, 4096, 65536]))
        peer.call("Scanout", "uuuuay", (width, height, stride, form, data))
        peer.call(
            "Update", "iiiiuuay", (*(sign(random.choice(NUMBERS)) for _ in range(4)), stride, form, data))
        peer.call("CursorDefine", "iiiiay", (*(sign(random.choice(NUMBERS)) for _ in range(4)), data))
        peer.call("MouseSet", "iii", tuple(sign(random.choice(NUMBERS)) for _ in range(3)))


def outside(peer, random):
    peer.call("Scanout", "uuuuay", (64, 64, 256, FORMATS[0], bytes(16384)))
    for _ in range(300):
        part = tuple(sign(random.choice(NUMBERS)) for _ in range(4))
        peer.call("Update", "iiiiuuay", (*part, 256, FORMATS[0], bytes(16384)))
        peer.call("UpdateDMABUF", "iiii", part)


def buffers(peer, random):
    stack = files([])
    for _ in range(150):
        values = [random.choice(NUMBERS) for _ in range(4)]
        peer.call(
            "ScanoutDMABUF", "huuuutb", (0, *values, random.choice([0, 1, 1 << 56, 2**64 - 1]), 1), descriptors=[random.choice(stack)])
        peer.call("UpdateDMABUF", "iiii", (0, 0, 64, 64))
        peer.call(
            "ScanoutMap", "huuuuu", (random.choice([0, 1, 9]), *values, random.choice(FORMATS)),
            interface=LISTENER + ".Unix.Map", descriptors=[random.choice(stack)])
        planes = random.choice([0, 1, 2, 4, 5, 64])
        numbers = [random.choice(NUMBERS) for _ in range(planes)]
        peer.call(
            "ScanoutDMABUF2", "ahuuuuauauuuuutb",
            (list(range(planes)), *values, numbers, numbers, planes, FORMATS[3], values[2], values[3], 0, 1),
            interface=LISTENER + ".Unix.ScanoutDMABUF2", descriptors=[random.choice(stack) for _ in range(min(planes, 4))])
    for number in stack:
        os.close(number)


def shrinking(peer, random):
    """A map that is cut short while it is read."""
    size = 512 * 512 * 4
    file = os.memfd_create("shrinks")
    for _ in range(40):
        os.ftruncate(file, size)
        peer.call(
            "ScanoutMap", "huuuuu", (0, 0, 512, 512, 2048, FORMATS[0]), interface=LISTENER + ".Unix.Map", descriptors=[file])
        peer.call("UpdateMap", "iiii", (0, 0, 512, 512), interface=LISTENER + ".Unix.Map")
        os.ftruncate(file, random.choice([0, 4096, size // 2]))
        time.sleep(0.01)
    os.close(file)


def wrong_types(peer, random):
    values = {"s": "x", "u": 7, "ay": b"12", "v": ("u", 3), "(ii)": (1, 2), "a{sv}": [("a", ("u", 1))], "h": 0, "t": 1 << 63}
    members = ["Scanout", "Update", "ScanoutDMABUF", "UpdateDMABUF", "Disable", "MouseSet", "CursorDefine", "ScanoutMap", "Nonsense"]
    for _ in range(400):
        kinds = [random.choice(list(values)) for _ in range(random.randrange(6))]
        peer.call(random.choice(members), "".join(kinds), [values[kind] for kind in kinds])
        peer.call("Get", "ss", ("x", "y"), interface="org.freedesktop.DBus.Properties")
    peer.call("Scanout", "uuuuay", (8, 8, 32, FORMATS[0], bytes(256)), path="/other")
    # A handle without a descriptor, and more handles than descriptors.
    peer.call("ScanoutDMABUF", "huuuutb", (0, 64, 64, 256, FORMATS[3], 0, 0))


def flood(peer, random):
    """Answers are never read; pictures come faster than anybody takes them."""
    peer.call("Scanout", "uuuuay", (256, 256, 1024, FORMATS[0], bytes(262144)))
    peer.file.settimeout(2)
    try:
        for _ in range(30000):
            peer.call("Update", "iiiiuuay", (0, 0, 16, 16, 64, FORMATS[0], bytes(1024)))
        for _ in range(200):
            peer.call("Scanout", "uuuuay", (1024, 1024, 4096, FORMATS[0], bytes(4194304)))
    except TimeoutError:
        pass


def descriptors(peer, random):
    """More descriptors than anybody wants."""
    null = os.open("/dev/null", os.O_RDWR)
    peer.file.settimeout(2)
    try:
        for _ in range(2000):
            peer.call("MouseSet", "iii", (1, 2, 1), descriptors=[null] * 16)
    except TimeoutError:
        pass
    os.close(null)


def garbage(peer, random):
    peer.call("Scanout", "uuuuay", (64, 64, 256, FORMATS[0], bytes(16384)))
    peer.file.sendall(random.randbytes(4096))


def cut(peer, random):
    peer.call("Scanout", "uuuuay", (64, 64, 256, FORMATS[0], bytes(16384)), cut=random.randrange(1, 400))


def claimed(peer, random):
    """A message of 128 MiB that never comes."""
    peer.file.sendall(b"l\1\0\1" + struct.pack("<III", 1 << 27, 9, 0))
    time.sleep(0.5)


def cursors(peer, random):
    """Pointers come faster than anybody draws them."""
    peer.call("Scanout", "uuuuay", (64, 64, 256, FORMATS[0], bytes(16384)))
    peer.file.settimeout(2)
    try:
        for number in range(3000):
            side = random.choice([1, 16, 64, 256])
            peer.call("CursorDefine", "iiiiay", (side, side, number % 99, -number, bytes([number & 255]) * (side * side * 4)))
            peer.call("MouseSet", "iii", (number % 64, number % 48, number & 1))
    except TimeoutError:
        pass


def appearing(peer, random):
    """A screen that comes and goes a thousand times, never of the same size."""
    peer.file.settimeout(2)
    try:
        for number in range(1000):
            side = 1 + number % 200
            peer.call("Scanout", "uuuuay", (side, side, side * 4, FORMATS[0], bytes(side * side * 4)))
            peer.call("Disable")
    except TimeoutError:
        pass


def huge(peer, random):
    """Files without pages of their own, for the largest pictures that numbers can tell."""
    file = os.memfd_create("huge")
    os.ftruncate(file, 1 << 32)
    for width, height in [(16384, 16384), (16384, 8192), (8193, 8192), (2, 16384), (16384, 1), (65536, 65536)]:
        peer.call(
            "ScanoutMap", "huuuuu", (0, 0, width, height, width * 4 & 0xFFFFFFFF, FORMATS[0]), interface=LISTENER + ".Unix.Map",
            descriptors=[file])
        peer.call("UpdateMap", "iiii", (0, 0, width, height), interface=LISTENER + ".Unix.Map")
    os.close(file)


def ends(peer, random):
    """A listener that ends at once."""


ATTACKS = [
    sizes, outside, buffers, shrinking, wrong_types, flood, descriptors, garbage, cut, claimed, cursors, appearing, huge, *[ends] * 10]
# Attacks that come before there is a listener.
EARLY = [
    "silence", "no authentication", "endless line", "no console", "consoles", "wrong properties", "no listener", "signals", "long texts",
    "long errors"]


class Display:
    def __init__(self, part, parts, stays):
        self.early, self.attacks = EARLY[part::parts], ATTACKS if stays else ATTACKS[part::parts]
        self.seed, self.stays = part, stays
        self.turn = 0
        self.lock = threading.Lock()

    def next_attack(self):
        with self.lock:
            turn, self.turn = self.turn, self.turn + 1
        done, place = divmod(turn - len(self.early), len(self.attacks))
        if place == 0 and done > 0:
            print(f"round {done}", flush=True)
        return self.early[turn] if turn < len(self.early) else self.attacks[place], random.Random(self.seed + turn)

    def attach(self, file):
        try:
            self.run(Connection(file), *self.next_attack())
        except (OSError, EOFError):
            pass
        finally:
            file.close()

    def run(self, peer, chosen, numbers):
        if chosen == "silence":
            time.sleep(1)
            return
        if chosen == "no authentication":
            peer.file.sendall(b"ERROR\r\n" * 100)
            return
        if chosen == "endless line":
            peer.file.settimeout(1)
            for _ in range(64):
                peer.file.sendall(b"OK" + b"a" * 65536)
            return
        peer.authenticate()
        deadline = time.monotonic() + 3
        peer.file.settimeout(3)
        while time.monotonic() < deadline:
            kind, serial, body, fields = peer.message()
            if kind != CALL:
                continue
            if b"RegisterListener" in fields:
                if chosen == "no listener":
                    continue
                number = peer.descriptors.pop(0)
                peer.answer(serial)
                self.listen(Connection(socket.socket(fileno=number)), chosen, numbers)
                if not (self.stays and callable(chosen)):
                    return
                chosen, numbers = self.next_attack()
                deadline = time.monotonic() + 8
                peer.file.settimeout(8)
                continue
            self.describe(peer, chosen, serial, body)

    def listen(self, listener, chosen, numbers):
        try:
            listener.authenticate()
            if callable(chosen):
                chosen(listener, numbers)
                if chosen is not ends:
                    time.sleep(0.2)
        except (OSError, EOFError):
            # The other side has had enough of it.
            if not self.stays:
                raise
        finally:
            listener.file.close()

    def describe(self, peer, chosen, serial, body):
        if chosen == "wrong properties":
            return peer.answer(serial, "as", (["x"],))
        if chosen == "long errors":
            return peer.send(ERROR, [(4, ("s", "a.b")), (5, ("u", serial))], "s", ("e" * (8 << 20),))
        if chosen == "signals":
            for number in range(2000):
                path = f"/org/qemu/Display1/Console_{number}"
                peer.send(
                    SIGNAL, [(1, ("o", path)), (2, ("s", "org.freedesktop.DBus.Properties")), (3, ("s", "PropertiesChanged"))],
                    "sa{sv}as", ("org.qemu.Display1.Console", [("Width", ("u", number)), ("Height", ("s", "x"))], []))
        if b"Display1.VM" in body:
            ids = {"no console": [], "consoles": list(range(100000))}.get(chosen, [0])
            length = 8 << 20 if chosen == "long texts" else 5000
            name = "\x1b]0;evil\x07\u202e" + "n" * length
            return peer.answer(serial, "a{sv}", ([("Name", ("s", name)), ("ConsoleIDs", ("au", ids))],))
        return describe(peer, serial, body)


def main():
    display = Display(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["stays"])
    serve(sys.argv[1], display.attach)


main()
