# SPDX-License-Identifier: Apache-2.0
"""A sound server of the benchmarks' own: PipeWire with its session manager and its PulseAudio server, without any device."""
import os, shutil, subprocess, tempfile, threading, time

RATE = 48000


class SoundServer:
    """Ends with `close`. Programs find it by `environment`."""

    def __init__(self, parent="/tmp"):
        # Unix sockets have short names.
        self.folder = tempfile.mkdtemp(prefix="sound-", dir=parent)
        bus, self.socket = f"unix:path={self.folder}/bus", f"unix:{self.folder}/pulse/native"
        self.environment = {"PULSE_SERVER": self.socket}
        self.own = dict(os.environ, XDG_RUNTIME_DIR=self.folder, HOME=self.folder, DBUS_SESSION_BUS_ADDRESS=bus, **self.environment)
        self.processes = []
        try:
            self.begin(bus)
        except BaseException:
            self.close()
            raise

    def begin(self, bus):
        self.start("dbus-daemon", "--session", "--nofork", f"--address={bus}")
        self.wait(lambda: os.path.exists(f"{self.folder}/bus"), "dbus-daemon")
        self.start("pipewire")
        self.wait(lambda: os.path.exists(f"{self.folder}/pipewire-0"), "pipewire")
        self.start("wireplumber")
        self.start("pipewire-pulse")
        self.wait(lambda: self.pactl("info")[0] == 0, "pipewire-pulse")
        self.pactl("load-module", "module-null-sink", "sink_name=null", f"rate={RATE}")
        self.wait(lambda: "\tnull\t" in self.pactl("list", "short", "sinks")[1], "the sink")
        self.pactl("set-default-sink", "null")

    def start(self, *command, **options):
        child = subprocess.Popen(
            command, env=self.own, cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **{"stdout": subprocess.DEVNULL, **options})
        self.processes.append(child)
        return child

    def wait(self, is_so, what):
        end = time.monotonic() + 60
        while not is_so():
            if time.monotonic() > end:
                raise RuntimeError(f"{what}: did not start")
            time.sleep(0.02)

    def pactl(self, *words):
        done = subprocess.run(["timeout", "10", "pactl", *words], env=self.own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.returncode, done.stdout

    def record(self):
        return Recording(self)

    def close(self):
        for child in reversed(self.processes):
            if child.poll() is None:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Recording:
    """The left channel of what the sink plays, with the times at which its pieces came."""

    def __init__(self, server):
        self.samples = bytearray()
        # The number of samples after each piece, and the time then.
        self.pieces = []
        self.lock = threading.Lock()
        # One channel alone: the server would add the other one, and make the tones louder.
        self.child = server.start(
            "parec", "-d", "null.monitor", "--raw", "--format=float32le", "--channels=1", "--channel-map=front-left", "--no-remix",
            f"--rate={RATE}", "--latency-msec=20",
            stdout=subprocess.PIPE, bufsize=0)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while data := os.read(self.child.stdout.fileno(), 1 << 16):
            at = time.monotonic_ns()
            with self.lock:
                self.samples += data
                self.pieces.append((len(self.samples) // 4, at))

    def take(self):
        """All samples so far, as bytes of 32-bit floats, and all pieces."""
        with self.lock:
            return bytes(self.samples), list(self.pieces)


def sample_time(pieces, sample):
    """The time of a sample at the sink, in nanoseconds.

    A piece cannot come before its last sample was there. So the earliest of the pieces around a sample, counted in samples, is the
    nearest to the sink's clock: the others came late.
    """
    near = [at - end * 1_000_000_000 // RATE for end, at in pieces if abs(end - sample) < RATE]
    return min(near) + sample * 1_000_000_000 // RATE if near else None
