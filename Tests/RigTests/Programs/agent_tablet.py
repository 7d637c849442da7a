#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a guest's agent does with the tablet that it makes in the guest: a line for each event, KIND CODE VALUE."""
import glob
import struct
import time


def node():
    for name in glob.glob("/sys/class/input/event*/device/name"):
        with open(name, encoding="utf-8") as file:
            if file.read() == "spice vdagent tablet\n":
                return f"/dev/input/{name.split('/')[4]}"
    return None


while not (path := node()):
    time.sleep(0.01)
with open(path, "rb", buffering=0) as file:
    print("tablet", flush=True)
    while event := file.read(24):
        kind, code, value = struct.unpack("llHHi", event)[2:]
        if kind:
            print(kind, code, value, flush=True)
