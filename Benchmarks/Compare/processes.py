#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes under measurement: started, listened to, timed, ended."""
import os, select, signal, subprocess, sys, time

# The folder for sockets, logs and the tools' output; the importing module sets it.
folder = ""


def say(text):
    print(text, file=sys.stderr, flush=True)


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def cpu(pid):
    """A process's CPU time so far, all its threads, in ns."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class Failed(Exception):
    pass


class Child:
    """A process whose stdout is read line by line; what it says on stderr goes to a file."""

    def __init__(self, name, command, **environment):
        self.name = name
        self.errors = f"{folder}/{name}.log"
        env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "DISPLAY")}
        env.update(environment)
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=env, bufsize=0)
        self.pid = self.process.pid
        self.rest, self.printed = b"", ""

    def line(self, start, seconds):
        """The next line that starts so; Failed when it does not come, or a line that starts with "error" does."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                text = line.decode(errors="replace").strip()
                if text.startswith(start): return text
                if text: self.printed = text
                if text.startswith("error"): raise Failed(f"{self.name}: {text}")
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"{self.name}: no '{start}' in {seconds} s; {self.last_words()}")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more: raise Failed(f"{self.name}: {self.ending()}")
            self.rest += more

    def ending(self):
        """How it ended, and its last words. Who closed its output may live a moment longer."""
        try:
            code = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return f"it closed its output; {self.last_words()}"
        how = f"with exit status {code}" if code >= 0 else f"by signal {-code} ({signal.strsignal(-code)})"
        return f"it ended {how}; {self.last_words()}"

    def last_words(self):
        with open(self.errors, errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        return "it said: " + (lines[-1] if lines else self.printed or "nothing")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive(): self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def wait_for(condition, seconds, failure):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end: raise Failed(failure)
        time.sleep(0.01)


def start_metronome(tools, rate, mode, *options):
    """The compositor; its socket in XDG_RUNTIME_DIR is called `metronome`, its log in the folder `commits`."""
    child = Child("metronome", [f"{tools}/metronome", "--rate", str(rate), "--guest", mode, "--socket", "metronome",
                                "--log", f"{folder}/commits", *options])
    socket = os.path.join(os.environ["XDG_RUNTIME_DIR"], "metronome")
    wait_for(lambda: os.path.exists(socket), 10, "metronome: no socket")
    return child


def on_metronome():
    """The environment of a client of it, which finds and leaves no settings of anybody's."""
    return {"WAYLAND_DISPLAY": "metronome", "GDK_BACKEND": "wayland", "GSETTINGS_BACKEND": "memory",
            "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder, "XDG_DATA_HOME": folder}


def undo(*children):
    for child in children:
        if child: child.stop()
