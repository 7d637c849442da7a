# SPDX-License-Identifier: Apache-2.0
"""For Benchmarks/compare: a guest's agent that copies something again and again, as the vd_agent protocol has it."""
import os, socket, struct, threading

CAPABILITIES, GRAB = 6, 7
# CLIPBOARD_BY_DEMAND, CLIPBOARD_SELECTION
ABLE = 1 << 5 | 1 << 6
TEXT = 1


class GuestAgent:
    """Serves one window at a time at a path. Ends with `close`."""

    def __init__(self, path, copies_a_second):
        if os.path.exists(path): os.unlink(path)
        self.pause = 1 / copies_a_second
        self.copies = 0
        self.over = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                threading.Thread(target=self.read, args=[client], daemon=True).start()
                try:
                    self.send(client, CAPABILITIES, struct.pack("<II", 1, ABLE))
                    while not self.over.wait(self.pause):
                        self.send(client, GRAB, struct.pack("<B3xI", 0, TEXT))
                        self.copies += 1
                except OSError:
                    pass
            if self.over.is_set(): return

    @staticmethod
    def send(client, kind, data):
        message = struct.pack("<IIQI", 1, kind, 0, len(data)) + data
        client.sendall(struct.pack("<II", 1, len(message)) + message)

    @staticmethod
    def read(client):
        try:
            while client.recv(1 << 16): pass
        except OSError:
            pass

    def close(self):
        self.over.set()
        self.listener.close()
