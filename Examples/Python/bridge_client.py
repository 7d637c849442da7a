#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of a display bridge in plain Python, written from docs/bridge-protocol.md alone.

    python3 bridge_client.py /run/vgpu/bridge.sock                       # lists the vGPUs
    python3 bridge_client.py /run/vgpu/bridge.sock UUID frame.ppm        # saves a frame
    python3 bridge_client.py /run/vgpu/bridge.sock UUID frame.ppm 600    # saves the 600th

It comes back after each end of the guest or of the bridge.
"""

import fcntl
import mmap
import os
import socket
import struct
import sys
import time
import uuid

MAGIC, VERSION = 0x55504756, 1
HELLO, LIST, OPEN, LOOK, RELEASE = 1, 2, 3, 4, 5
WELCOME, VGPU, OPENED, BUFFER, FRAME, NO_PICTURE, REFUSED = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
LENGTHS = {WELCOME: 32, VGPU: 136, OPENED: 104, BUFFER: 48, FRAME: 64, NO_PICTURE: 208, REFUSED: 208}
NO_GUEST = 2
ENDING = (1, 2, 5, 6)
XRGB8888 = 0x34325258
DMA_BUF_IOCTL_SYNC, SYNC_READ, SYNC_END = 0x40086200, 1, 4


class Refused(Exception):
    """The bridge's refusal: its code, and the reason for a user."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


def text(field):
    """UTF-8, padded with zeros."""
    return field.rstrip(b"\0").decode()


class Buffer:
    """A buffer that the bridge has sent: its layout, and its pixels, mapped for reading."""

    def __init__(self, message, descriptor):
        self.id, self.modifier, self.fourcc, self.width, self.height, self.stride, self.end = struct.unpack_from(
            "<QQ5I", message, 8
        )
        self.descriptor = descriptor
        # What others say about a buffer is compared with what the kernel says.
        true_size = os.lseek(descriptor, 0, os.SEEK_END)
        if not 0 < self.width * 4 <= self.stride or not self.stride * (self.height - 1) + self.width * 4 <= true_size:
            raise ValueError(f"buffer {self.id} is smaller than its picture")

    def ppm(self):
        """The picture as a PPM file; only linear XRGB8888 is known here."""
        if self.modifier != 0 or self.fourcc != XRGB8888:
            raise ValueError(f"no linear XRGB8888: fourcc {self.fourcc:#x}, modifier {self.modifier:#x}")
        size = self.stride * (self.height - 1) + self.width * 4
        rgb = bytearray(self.width * self.height * 3)
        self.sync(SYNC_READ)
        with mmap.mmap(self.descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ) as pixels:
            for y in range(self.height):
                line = pixels[y * self.stride : y * self.stride + self.width * 4]
                start, end = y * self.width * 3, (y + 1) * self.width * 3
                for color in range(3):
                    rgb[start + color : end : 3] = line[2 - color :: 4]
        self.sync(SYNC_READ | SYNC_END)
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + rgb

    def sync(self, flags):
        """Makes a dma-buf's caches coherent; a memory file needs none, and refuses."""
        try:
            fcntl.ioctl(self.descriptor, DMA_BUF_IOCTL_SYNC, struct.pack("<Q", flags))
        except OSError:
            pass

    def close(self):
        """Lets go of the guest's memory."""
        os.close(self.descriptor)


class Client:
    """One connection to a bridge."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.serial = 0
        self.buffers = {}
        self.send(HELLO, struct.pack("<IHH", MAGIC, VERSION, VERSION))
        welcome = self.receive(WELCOME)
        self.most = struct.unpack_from("<I", welcome, 16)[0]

    def send(self, kind, body=b""):
        """One message; its answers repeat the serial."""
        self.serial += 1
        self.socket.send(struct.pack("<HHI", kind, 8 + len(body), self.serial) + body)

    def receive(self, *kinds):
        """The next answer, which must be of one of these kinds. Buffers that come before it are kept."""
        while True:
            message, descriptors, _, _ = socket.recv_fds(self.socket, 512, 1)
            try:
                if len(message) < 8:
                    raise EOFError("the bridge has ended the connection")
                kind, length, serial = struct.unpack_from("<HHI", message)
                if length != len(message) or LENGTHS.get(kind, length) != length:
                    raise ValueError(f"a message of type {kind:#x} with {len(message)} bytes")
                if kind == REFUSED:
                    raise Refused(struct.unpack_from("<I", message, 8)[0], text(message[16:]))
                if serial != self.serial or kind not in kinds + (BUFFER,):
                    raise ValueError(f"an answer {kind:#x} that nobody asked for")
                if kind != BUFFER:
                    return message
                buffer = Buffer(message, descriptors.pop())
                self.buffers[buffer.id] = buffer
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def vgpus(self):
        """The vGPUs that this user may see: UUID and name."""
        index, count = 0, 1
        while index < count:
            self.send(LIST, struct.pack("<II", index, 0))
            try:
                message = self.receive(VGPU)
            except Refused as refused:
                if refused.code in ENDING:
                    raise
                return
            count = struct.unpack_from("<I", message, 12)[0]
            yield uuid.UUID(bytes=message[16:32]), text(message[72:])
            index += 1

    def open(self, vgpu):
        """Chooses a vGPU."""
        self.forget()
        self.send(OPEN, vgpu.bytes)
        self.receive(OPENED)

    def look(self):
        """The shown buffer and the flip's number; or None and the reason."""
        self.send(LOOK)
        message = self.receive(FRAME, NO_PICTURE)
        if message[0] == NO_PICTURE:
            if struct.unpack_from("<I", message, 8)[0] == NO_GUEST:
                self.forget()
            return None, text(message[16:])
        picture, pointer = struct.unpack_from("<QQ", message, 8)
        flip = struct.unpack_from("<Q", message, 40)[0]
        if picture not in self.buffers:
            raise ValueError(f"a frame in buffer {picture}, which never came")
        # A used buffer is the newest; the oldest ones go when only two more may come.
        for used in (picture, pointer):
            if used in self.buffers:
                self.buffers[used] = self.buffers.pop(used)
        surplus = max(0, len(self.buffers) + 2 - self.most)
        for oldest in [known for known in self.buffers if known not in (picture, pointer)][:surplus]:
            self.send(RELEASE, struct.pack("<Q", oldest))
            self.buffers.pop(oldest).close()
        return self.buffers[picture], flip

    def forget(self):
        """Closes all buffers, so that the guest's memory is free."""
        for buffer in self.buffers.values():
            buffer.close()
        self.buffers.clear()

    def close(self):
        """Ends the connection."""
        self.forget()
        self.socket.close()


class Watcher:
    """Looks at one vGPU, and comes back after each end of the guest or of the bridge."""

    def __init__(self, path, vgpu):
        self.path, self.vgpu = path, vgpu
        self.client = None
        self.connections = self.absences = 0
        self.reason = None

    def look(self):
        """The shown buffer; or None, and `reason` says why."""
        try:
            if self.client is None:
                self.client = Client(self.path)
                self.client.open(self.vgpu)
                self.connections += 1
            buffer, answer = self.client.look()
        except (OSError, EOFError, Refused) as error:
            buffer, answer = None, str(error)
            if self.client is not None:
                self.client.close()
            self.client = None
        if buffer is None and self.reason is None:
            self.absences += 1
        self.reason = answer if buffer is None else None
        return buffer


def save(path, vgpu, file, looks):
    """Looks 60 times a second until it has seen that many pictures, and saves the last one."""
    watcher, seen = Watcher(path, vgpu), 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        buffer = watcher.look()
        if buffer is not None:
            seen, deadline = seen + 1, time.monotonic() + 60
            if seen == looks:
                with open(file, "wb") as output:
                    output.write(buffer.ppm())
                print(f"pictures: {seen}, absences: {watcher.absences}, connections: {watcher.connections}")
                return
        time.sleep(1 / 60)
    sys.exit(f"bridge_client.py: {watcher.reason}")


def main():
    """The command."""
    arguments = sys.argv[1:]
    if len(arguments) == 1:
        for identifier, name in Client(arguments[0]).vgpus():
            print(identifier, name)
    elif len(arguments) in (3, 4):
        save(arguments[0], uuid.UUID(arguments[1]), arguments[2], int(arguments[3]) if arguments[3:] else 1)
    else:
        sys.exit("usage: bridge_client.py SOCKET [UUID FILE.ppm [LOOKS]]")


if __name__ == "__main__":
    main()
