# SPDX-License-Identifier: Apache-2.0
"""What a QEMU of this repository's own is made of: QMP as far as an attach needs it, and D-Bus's wire as the server of the
authentication. Nothing of GLib's is used, so that messages may be as wrong as they like."""
import array
import json
import socket
import struct
import threading

CALL, ANSWER, ERROR, SIGNAL = 1, 2, 3, 4
PATH = "/org/qemu/Display1/Listener"
LISTENER = "org.qemu.Display1.Listener"


def align(data, size):
    data.extend(b"\0" * (-len(data) % size))


def first_type(signature):
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + first_type(signature[1:])
    if signature[0] not in "({":
        return signature[0]
    depth = 0
    for index, letter in enumerate(signature):
        depth += (letter in "({") - (letter in ")}")
        if depth == 0:
            return signature[: index + 1]
    raise ValueError(signature)


def types(signature):
    while signature:
        kind = first_type(signature)
        yield kind
        signature = signature[len(kind) :]


FIXED = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "b": "I", "h": "I", "x": "q", "t": "Q", "d": "d"}
ALIGNMENT = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}


def put(data, kind, value):
    align(data, ALIGNMENT.get(kind[0], 4))
    if kind in FIXED:
        data.extend(struct.pack("<" + FIXED[kind], value))
    elif kind in "so":
        text = value.encode()
        data.extend(struct.pack("<I", len(text)) + text + b"\0")
    elif kind == "g":
        data.extend(bytes([len(value)]) + value.encode() + b"\0")
    elif kind == "v":
        put(data, "g", value[0])
        put(data, value[0], value[1])
    elif kind[0] == "a":
        start = len(data)
        data.extend(b"\0\0\0\0")
        align(data, ALIGNMENT.get(kind[1], 4))
        first = len(data)
        if kind == "ay":
            data.extend(value)
        else:
            for item in value:
                put(data, kind[1:], item)
        data[start : start + 4] = struct.pack("<I", len(data) - first)
    else:
        for part, item in zip(types(kind[1:-1]), value):
            put(data, part, item)


class Connection:
    """A D-Bus connection as the server of the authentication."""

    def __init__(self, file):
        self.file = file
        self.buffer = b""
        self.descriptors = []
        self.serial = 0

    def receive(self):
        data, ancillary, _, _ = self.file.recvmsg(65536, socket.CMSG_SPACE(64))
        for _, _, content in ancillary:
            numbers = array.array("i")
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
            self.descriptors += numbers
        if not data:
            raise EOFError
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.receive()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.lstrip(b"\0")

    def authenticate(self):
        while True:
            line = self.line()
            if line.startswith(b"AUTH EXTERNAL"):
                self.file.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
            elif line.startswith(b"AUTH"):
                self.file.sendall(b"REJECTED EXTERNAL\r\n")
            elif line == b"NEGOTIATE_UNIX_FD":
                self.file.sendall(b"AGREE_UNIX_FD\r\n")
            elif line == b"BEGIN":
                return

    def message(self):
        """The next message: type, serial, body, header fields."""
        while len(self.buffer) < 16:
            self.receive()
        body, serial, fields = struct.unpack_from("<III", self.buffer, 4)
        size = 16 + fields + (-fields % 8) + body
        while len(self.buffer) < size:
            self.receive()
        whole, self.buffer = self.buffer[:size], self.buffer[size:]
        return whole[1], serial, whole[size - body :], whole[16 : 16 + fields]

    def send(self, kind, fields, signature="", values=(), descriptors=(), claimed=None, cut=None):
        self.serial += 1
        body = bytearray()
        for part, value in zip(types(signature), values):
            put(body, part, value)
        fields = list(fields)
        if signature:
            fields.append((8, ("g", signature)))
        if descriptors or claimed is not None:
            fields.append((9, ("u", len(descriptors) if claimed is None else claimed)))
        data = bytearray(b"l" + bytes([kind, 0, 1]) + struct.pack("<II", len(body), self.serial))
        put(data, "a(yv)", fields)
        align(data, 8)
        data = bytes(data + body)[:cut]
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        sent = self.file.sendmsg([data], ancillary)
        self.file.sendall(data[sent:])

    def answer(self, serial, signature="", values=()):
        self.send(ANSWER, [(5, ("u", serial))], signature, values)

    def call(self, member, signature="", values=(), path=PATH, interface=LISTENER, **more):
        self.send(CALL, [(1, ("o", path)), (2, ("s", interface)), (3, ("s", member))], signature, values, **more)


def describe(peer, serial, body, name="fake", size=(0xFFFFFFFF, 0xFFFFFFFF)):
    """Answers for the properties of a display with one console, a VGA's."""
    if b"Display1.VM" in body:
        return peer.answer(serial, "a{sv}", ([("Name", ("s", name)), ("ConsoleIDs", ("au", [0]))],))
    if b"Display1.Mouse" in body:
        return peer.answer(serial, "a{sv}", ([("IsAbsolute", ("b", 1))],))
    return peer.answer(
        serial, "a{sv}",
        ([("Label", ("s", "VGA")), ("Head", ("u", 0)), ("Type", ("s", "Graphic")), ("DeviceAddress", ("s", "pci")),
          ("Width", ("u", size[0])), ("Height", ("u", size[1]))],))


def serve_qmp(client, attach):
    """Enough of QMP for getfd and add_client."""
    peer = Connection(client)
    client.sendall(b'{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": ""}, "capabilities": []}}\r\n')
    text, handed = "", None
    decoder = json.JSONDecoder()
    try:
        while True:
            peer.receive()
            text, peer.buffer = text + peer.buffer.decode(), b""
            while text.lstrip():
                try:
                    command, end = decoder.raw_decode(text.lstrip())
                except ValueError:
                    break
                text = text.lstrip()[end:]
                if command["execute"] == "getfd" and peer.descriptors:
                    handed = peer.descriptors.pop()
                elif command["execute"] == "add_client" and handed is not None:
                    threading.Thread(target=attach, args=(socket.socket(fileno=handed),), daemon=True).start()
                    handed = None
                client.sendall(json.dumps({"return": {}, "id": command.get("id")}).encode() + b"\r\n")
    except (OSError, EOFError):
        client.close()


def serve(path, attach):
    """Serves QMP at a path, for ever. `attach` gets the socket of each client of the display, on a thread of its own."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    while True:
        client, _ = server.accept()
        threading.Thread(target=serve_qmp, args=(client, attach), daemon=True).start()
