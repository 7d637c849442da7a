#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the start of a viewer to the first commit that has the guest's picture in it, and GL's own start.

  first_frame.py TOOLS COUNT OUT VIEWER [ARGUMENT]...     on this machine, outside the rig; the guest is 1024x768

Appends JSON lines to OUT.
"""
import json, os, sys, tempfile

import processes
from processes import Child, Failed, now, on_metronome, start_metronome, undo


def first_frames(kind, tools, viewer, mode, count):
    # The first run warms the machine up.
    for number in range(count + 1):
        witness, child = start_metronome(tools, 60, mode), None
        try:
            begin = now()
            child = Child("viewer", viewer, **on_metronome())
            stamp = int(witness.line("found", 30).split()[1])
            undo(child)
            child = Child("gl-start", [f"{tools}/gl-start"], **on_metronome())
            alone = int(child.line("drawn", 30).split()[1])
        finally:
            undo(child, witness)
        if number: yield {"kind": kind, "first_frame": stamp - begin, "gl": alone}


def main():
    tools, count, out, viewer = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    with tempfile.TemporaryDirectory(prefix="vgpu-compare.") as folder, open(out, "a") as file:
        os.environ["XDG_RUNTIME_DIR"] = processes.folder = folder
        try:
            for record in first_frames("host", tools, viewer, "1024x768", count): file.write(json.dumps(record) + "\n")
        except Failed as failure:
            processes.say(f"first frame on this machine: {failure}")
            file.write(json.dumps({"kind": "failure", "what": "first frame on this machine", "why": str(failure)}) + "\n")
            return 1
    return 0


if __name__ == "__main__": sys.exit(main())
