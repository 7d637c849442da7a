#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For Benchmarks/compare: what the measurements were taken on, and how busy that was meanwhile.

  machine.py begin FILE --command TEXT --qemu PATH --vgpu PATH
  machine.py end FILE
"""
import datetime, json, os, platform, subprocess, sys


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"): return line.split(":", 1)[1].strip()
    return platform.machine()


def times():
    """user nice system idle iowait irq softirq steal, in ticks of all processors together."""
    with open("/proc/stat") as file:
        return [int(v) for v in file.readline().split()[1:9]]


def packages(*names):
    found = {}
    for name in names:
        version = output("dpkg-query", "-W", "-f", "${Version}", name)
        if version: found[name] = version
    return found


def begin(path, arguments):
    options = dict(zip(arguments[::2], arguments[1::2]))
    here = os.path.dirname(os.path.abspath(__file__))
    facts = {
        "command": os.path.relpath(options["--command"].split(" ")[0]) + "".join(" " + word for word in options["--command"].split(" ")[1:]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(), "processors": os.cpu_count(), "kernel": platform.release(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": os.path.exists("/dev/dri"),
        "qemu": output(options["--qemu"], "--version").split("\n")[0],
        "commit": output("git", "-C", here, "describe", "--always", "--dirty"),
        "vgpu": os.path.relpath(options["--vgpu"]),
        "packages": packages("virt-viewer", "libspice-client-gtk-3.0-5", "libgtk-3-0", "linux-source-6.12"),
        "load_begin": os.getloadavg(), "times_begin": times(),
    }
    with open(path, "w") as file: json.dump(facts, file, indent=1)


def end(path):
    with open(path) as file: facts = json.load(file)
    facts["load_end"], facts["times_end"] = os.getloadavg(), times()
    facts["ended"] = datetime.datetime.now(datetime.timezone.utc).strftime("%H:%M UTC")
    with open(path, "w") as file: json.dump(facts, file, indent=1)


if __name__ == "__main__":
    if sys.argv[1] == "begin": begin(sys.argv[2], sys.argv[3:])
    else: end(sys.argv[2])
