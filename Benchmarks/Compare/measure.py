#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For Benchmarks/compare: runs guest and viewers, writes one JSON line per measurement. A guest on a vGPU needs the rig.

The guest's flips are stamped in QEMU (flipstamp.c; by QEMU's own trace for a device of QEMU's), what a viewer shows where it arrives
(metronome/, dbus-listener.c). Nothing is put into a viewer. All times are nanoseconds of CLOCK_MONOTONIC, CPU times those of the scheduler (CLOCK_PROCESS_CPUTIME_ID of the process).
"""
import argparse, bisect, itertools, json, os, re, statistics, struct, subprocess, sys, tempfile, time

import processes
from first_frame import first_frames
from guest_agent import GuestAgent
from processes import Child, Failed, cpu, now, on_metronome, say, undo, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../SoundLatency"))
from server import SoundServer  # noqa: E402

RUN = "/run/compare" if "VGPU_RIG" in os.environ else tempfile.mkdtemp(prefix="vgpu-compare.")
# mbochs' types: their video memory in MiB, the largest mode, and the name.
TYPES = [(4, (800, 600), "small"), (16, (1920, 1440), "medium"), (64, (8192, 8192), "large")]
MOST_BUFFERS = 4
# What QEMU traces of a device of its own when the guest shows another buffer, and the guest that flips on it.
DEVICES = {"bochs-display": ("memory_region_ops_write", "boot"), "virtio-vga": ("virtio_gpu_cmd_res_flush", "linux")}


def buffers_and_type(width, height):
    """How many buffers a guest of this mode flips among, and the type of vGPU that has room for them: four if one has. None where
    no type has room for two."""
    # The guest begins each buffer on a page.
    size = -(-width * height * 4 // 4096) * 4096
    for buffers in range(MOST_BUFFERS, 1, -1):
        for mebibytes, most, name in TYPES:
            if buffers * size <= mebibytes << 20 and width <= most[0] and height <= most[1]: return buffers, name
    return None


# What is measured when nothing is named: the sizes that people have, each at the rates of their monitors, and the smallest
# picture, which costs next to nothing, at all rates.
FLOOR, ALL_MODES = "320x240", "320x240,1024x768,1920x1080,3840x2160"
FLOOR_RATES, RATES = "60,75,120,144,240", "60,120"


class Setting:
    """What all measurements of one mode share."""

    def __init__(self, options, mode):
        self.options = options
        self.tools, self.qemu, self.guest, self.vgpu = options.tools, options.qemu, options.guest, options.vgpu
        self.is_vgpu = options.device == "vfio"
        self.linux = options.linux
        self.width, self.height = mode
        self.mode = f"{self.width}x{self.height}"
        self.buffers, self.kind = buffers_and_type(self.width, self.height)
        os.makedirs(RUN, exist_ok=True)
        processes.folder = RUN
        os.environ.setdefault("XDG_RUNTIME_DIR", RUN)
        self.bus = f"unix:path={RUN}/bus"
        self.daemon = None
        if not self.is_vgpu:
            # What our viewer looks at, and the display that it needs.
            self.target, self.display = f"qmp:{RUN}/qmp", "dbus,p2p=yes"
            return
        inside = os.path.join(options.rig, "inside")
        self.uuid = subprocess.run([f"{inside}/mdev-create", "mbochs", self.kind], check=True, capture_output=True, text=True).stdout.strip()
        # QEMU's D-Bus and SPICE need a render node to start GL. It lies in a private folder, because beside a DRM device
        # this Mesa would choose another driver for the viewers.
        self.node = f"{RUN}/renderD128"
        major, minor = open("/sys/class/drm/renderD128/dev").read().split(":")
        os.mknod(self.node, 0o600 | 0o020000, os.makedev(int(major), int(minor)))
        self.target, self.display = self.uuid, "none"

    def close(self):
        if self.is_vgpu:
            os.unlink(self.node)
            subprocess.run([f"{self.options.rig}/inside/mdev-remove", self.uuid], check=True)
        if self.daemon: self.daemon.stop()

    def start_guest(self, rate, display, extra=(), environment=None, beep=0):
        flips = f"{RUN}/flips"
        for file in (flips, f"{RUN}/qmp"):
            if os.path.exists(file): os.unlink(file)
        # What a client attaches to needs no GL, and shows nothing of the vGPU.
        shown = "off" if display and display.startswith(("none", "dbus,p2p")) else "on"
        if self.is_vgpu:
            device = ["-device", f"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{self.uuid},display={shown}"]
            environment = {"LD_PRELOAD": f"{self.tools}/flipstamp.so", "FLIPSTAMP": flips, **(environment or {})}
            event, kind = None, "boot"
        else:
            event, kind = DEVICES[self.options.device]
            memory = ",vgamem=64M" if self.options.device == "bochs-display" and self.kind == "large" else ""
            device = ["-device", self.options.device + memory, "-qmp", f"unix:{RUN}/qmp,server=on,wait=off",
                      "-msg", "timestamp=on", "-trace", event, "-D", flips]
        boot = ["-m", "64", "-kernel", self.guest, "-append", f"mode={self.mode} buffers={self.buffers} fps={rate} beep={beep}"]
        if kind == "linux":
            with open(f"{self.linux}/cmdline") as file: words = file.read().strip()
            boot = ["-m", "192", "-kernel", f"{self.linux}/vmlinuz", "-initrd", f"{self.linux}/initramfs",
                    "-append", f"{words} mode={self.mode} buffers={self.buffers} flips={rate}"]
        child = Child("qemu", [
            self.qemu, "-M", "pc", "-nodefaults", *(["-display", display] if display else []), "-serial", "stdio", *device, *boot, *extra],
            **(environment or {}))
        try:
            child.line("frame 0", 30 if kind == "boot" else 120)
        except Failed:
            child.stop()
            raise
        return child

    def start_metronome(self, rate):
        return processes.start_metronome(self.tools, rate, self.mode, *(["--dmabuf"] if self.options.dmabuf else []))

    def start_bus(self):
        if self.daemon: return
        self.daemon = Child("dbus-daemon", ["dbus-daemon", "--session", "--nofork", f"--address={self.bus}"])
        wait_for(lambda: os.path.exists(f"{RUN}/bus"), 10, "dbus-daemon: no socket")


# MARK: viewers

class Running:
    """A viewer at work: whose CPU time is its, and who saw what it showed."""

    def __init__(self, guest, witness=None, viewer=None, bridge=None, beyond_none=False, others=()):
        self.guest, self.witness, self.viewer, self.bridge = guest, witness, viewer, bridge
        # What runs beside it, and is closed after it.
        self.others = others
        # QEMU does the viewer's work partly or wholly.
        self.beyond_none = beyond_none

    def cpu(self):
        total = sum(cpu(child.pid) for child in (self.viewer, self.bridge) if child)
        return total, cpu(self.guest.pid), cpu(self.witness.pid) if self.witness and self.witness is not self.viewer else 0

    def stop(self):
        undo(self.viewer, self.bridge, self.witness, self.guest)
        for other in self.others: other.close()


def start_none(setting, rate):
    return Running(setting.start_guest(rate, "none"))


def start_vgpu(setting, rate):
    guest = witness = viewer = None
    try:
        guest, witness = setting.start_guest(rate, setting.display), setting.start_metronome(rate)
        viewer = Child("vgpu", [setting.vgpu, "view", setting.target, *setting.options.vgpu_option], **on_metronome())
        return Running(guest, witness, viewer, beyond_none=not setting.is_vgpu)
    except Failed:
        undo(viewer, witness, guest)
        raise


def start_living(setting, rate):
    """The same with all that a person has in the window: the guest plays a tone, which a sound server plays, its agent copies
    something five times a second, and keyboard and pointer are connected."""
    guest = witness = viewer = sound = agent = None
    try:
        sound = SoundServer(RUN)
        agent = GuestAgent(f"{RUN}/agent", 5)
        extra = ["-audiodev", "dbus,id=audio0,timer-period=5000", "-machine", "pcspk-audiodev=audio0"]
        # The firmware's screen, as such guests have it: without one QEMU's display has no console.
        if setting.is_vgpu: extra += ["-qmp", f"unix:{RUN}/qmp,server=on,wait=off", "-device", "ramfb"]
        guest = setting.start_guest(rate, "dbus,p2p=yes,audiodev=audio0", extra, beep=440)
        witness = setting.start_metronome(rate)
        viewer = Child("vgpu", [setting.vgpu, "view", setting.target, "--agent", f"{RUN}/agent", "--clipboard", "both", *setting.options.vgpu_option],
                       **on_metronome(), **sound.environment)
        # Without any of it the comparison would be none.
        try:
            wait_for(lambda: agent.copies, 20, "it does not connect to the agent")
            wait_for(lambda: sound.pactl("list", "short", "sink-inputs")[1].strip(), 20, "it plays nothing")
        except Failed as error:
            raise Failed(f"vgpu: {error}; {viewer.last_words()}") from error
        return Running(guest, witness, viewer, beyond_none=not setting.is_vgpu, others=(agent, sound))
    except (Failed, RuntimeError) as error:
        undo(viewer, witness, guest)
        for other in (agent, sound):
            if other: other.close()
        # The sound server's own kind of error.
        raise Failed(str(error)) from error


def start_bridge(setting, rate):
    guest = witness = bridge = viewer = None
    socket = f"{RUN}/bridge"
    try:
        guest, witness = setting.start_guest(rate, setting.display), setting.start_metronome(rate)
        bridge = Child("bridge", [setting.vgpu, "bridge", "--socket", socket, setting.target])
        wait_for(lambda: os.path.exists(socket), 10, "vgpu bridge: no socket")
        viewer = Child("vgpu", [setting.vgpu, "view", f"bridge:{socket}", *setting.options.vgpu_option], **on_metronome())
        return Running(guest, witness, viewer, bridge, beyond_none=not setting.is_vgpu)
    except Failed:
        undo(viewer, bridge, witness, guest)
        raise


def start_gtk(setting, rate):
    witness = setting.start_metronome(rate)
    try:
        # The picture is shown pixel by pixel, as the other viewers show it; otherwise it would be scaled to 640x480. Only a vGPU needs GL.
        gl = "gl=on," if setting.is_vgpu else ""
        return Running(setting.start_guest(rate, f"gtk,{gl}zoom-to-fit=off", environment=on_metronome()), witness, beyond_none=True)
    except Failed:
        undo(witness)
        raise


def start_dbus(setting, rate):
    setting.start_bus()
    gl = f",gl=on,rendernode={setting.node}" if setting.is_vgpu else ""
    guest = setting.start_guest(rate, f"dbus,addr={setting.bus}{gl}")
    try:
        viewer = Child("dbus-listener", [f"{setting.tools}/dbus-listener", setting.bus, setting.mode, f"{RUN}/commits"])
        return Running(guest, viewer, viewer, beyond_none=True)
    except Failed:
        undo(guest)
        raise


def start_spice(setting, rate):
    socket = f"{RUN}/spice"
    if os.path.exists(socket): os.unlink(socket)
    guest = witness = None
    try:
        witness = setting.start_metronome(rate)
        # SPICE is no -display.
        guest = setting.start_guest(rate, None, ["-spice", f"unix=on,addr={socket},disable-ticketing=on,gl=on,rendernode={setting.node}"])
        viewer = Child("remote-viewer", ["remote-viewer", f"spice+unix://{socket}"], **on_metronome())
        return Running(guest, witness, viewer, beyond_none=True)
    except Failed:
        undo(guest, witness)
        raise


VIEWERS = {"none": start_none, "vgpu": start_vgpu, "living": start_living, "bridge": start_bridge, "gtk": start_gtk, "dbus": start_dbus, "spice": start_spice}


# MARK: one measurement

def trace(file):
    """The writes of a bochs-display's register Y_OFFSET in QEMU's trace: their times and values."""
    # QEMU's times are those of the clock that people set.
    offset = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - time.time_ns()
    written = re.compile(r"^\d+@(\d+)\.(\d{6}):memory_region_ops_write .* addr 0x[0-9a-f]*512 value 0x([0-9a-f]+) .*'bochs dispi interface'")
    for line in file:
        if match := written.match(line):
            yield int(match[1]) * 10**9 + int(match[2]) * 1000 + offset, int(match[3], 16)


def flushes(setting, file):
    """The flushes of a virtio GPU's pictures in QEMU's trace: their times, and which buffer of the guest's."""
    offset = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - time.time_ns()
    flushed = re.compile(r"^\d+@(\d+)\.(\d{6}):virtio_gpu_cmd_res_flush res (0x[0-9a-f]+), w (\d+), h (\d+), x 0, y 0")
    buffers = []
    for line in file:
        match = flushed.match(line)
        if not match or (int(match[4]), int(match[5])) != (setting.width, setting.height): continue
        if match[3] not in buffers: buffers.append(match[3])
        yield int(match[1]) * 10**9 + int(match[2]) * 1000 + offset, buffers.index(match[3])


def read_writes(setting):
    """The guest's writes of its place in video memory: times, lines."""
    if not setting.is_vgpu:
        with open(f"{RUN}/flips") as file:
            # The first is written before the mode is.
            return list(trace(file))[1:]
    with open(f"{RUN}/flips", "rb") as file:
        count = struct.unpack("<QQ", file.read(16))[0]
        # The first write belongs to the mode.
        return list(struct.iter_unpack("<QQ", file.read(16 * count)))[1:]


def read_flips(setting):
    """When each frame was flipped to, by number."""
    if setting.options.device == "virtio-vga":
        with open(f"{RUN}/flips") as file: frames = list(flushes(setting, file))
        for number, (_, buffer) in enumerate(frames):
            if buffer != number % setting.buffers: raise Failed(f"QEMU's trace: frame {number} lies in buffer {buffer}: a flip was not seen")
        return [stamp for stamp, _ in frames]
    frames = read_writes(setting)
    # Lines from one buffer to the next: each buffer begins on a page.
    lines = setting.height
    while lines * setting.width * 4 % 4096: lines += 1
    for number, (_, y) in enumerate(frames):
        if y != number % setting.buffers * lines: raise Failed(f"flipstamp: frame {number} lies at line {y}: a flip was not seen")
    return [stamp for stamp, _ in frames]


def read_log():
    commits, refreshes = [], []
    with open(f"{RUN}/commits") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            (refreshes if fields[0] == "refresh" else commits).append(fields[1:])
    return [[int(v) for v in c[:5]] + [c[5]] for c in commits], [[int(v) for v in r] for r in refreshes]


def percentile(values, share):
    """The nearest rank; values are sorted."""
    return values[min(len(values) - 1, max(0, -(-len(values) * share // 100) - 1))]


def judge(setting, begin, end, flips, commits, refreshes):
    """What a viewer made of the frames that the guest flipped to between `begin` and `end`."""
    made = [number for number, stamp in enumerate(flips) if begin <= stamp < end]
    first = {}
    for stamp, number, *_ in commits:
        if number >= 0 and number not in first: first[number] = stamp
    # The frames on screen at the refreshes; a listener's updates have no screen.
    seen = {}
    for stamp, number, _ in refreshes:
        if number >= 0 and number not in seen: seen[number] = stamp
    shown = set(seen) if refreshes else set(first)
    latencies, screen, early = [], [], 0
    for number in made:
        if number not in shown or number not in first: continue
        # The guest draws a frame before it flips to it, so a viewer that still shows that buffer shows the frame too soon.
        if first[number] < flips[number]: early += 1
        else:
            latencies.append(first[number] - flips[number])
            if number in seen: screen.append(seen[number] - flips[number])
    latencies.sort()
    screen.sort()
    times = sorted(stamp for number, stamp in first.items() if begin <= stamp < end)
    intervals = [b - a for a, b in zip(times, times[1:])]
    inside = [c for c in commits if begin <= c[0] < end]
    # The frames that a viewer without delay would have shown, with the newest frame at every refresh.
    possible = set()
    for stamp, *_ in refreshes:
        newest = bisect.bisect_right(flips, stamp) - 1
        if newest >= 0: possible.add(newest)
    late = sorted(stamp - due for stamp, _, due in refreshes if begin <= stamp < end)
    record = {
        "made": len(made), "possible": sum(1 for number in made if number in possible) if refreshes else None,
        "shown": sum(1 for number in made if number in shown), "early": early,
        "torn": sum(1 for c in inside if c[1] < 0), "commits": len(inside),
        "jitter": statistics.pstdev(intervals) if len(intervals) > 1 else None,
        "latencies": latencies,
        "probe": statistics.median(c[2] for c in inside) if inside else None,
        "buffer": f"{inside[0][3]}x{inside[0][4]} {inside[0][5]}" if inside else None,
        "late_refresh_p99": percentile(late, 99) if late else None,
        "refreshes": len(late),
    }
    flip_times = [flips[number] for number in made]
    gaps = sorted(b - a for a, b in zip(flip_times, flip_times[1:]))
    if gaps: record["flip_interval"] = {"p50": percentile(gaps, 50), "p99": percentile(gaps, 99)}
    if latencies:
        for share in (50, 95, 99): record[f"p{share}"] = percentile(latencies, share)
        record["max"] = latencies[-1]
    if screen:
        for share in (50, 99): record[f"screen_p{share}"] = percentile(screen, share)
    return record


def measure(setting, viewer, rate, run):
    running = VIEWERS[viewer](setting, rate)
    try:
        if running.witness: running.witness.line("found", 30)
        # A viewer may need time to learn when to look.
        time.sleep(setting.options.warm_up)
        before, begin = running.cpu(), now()
        # One frame in a thousand must be visible in all runs together.
        time.sleep(max(setting.options.seconds, 500 / rate))
        after, end = running.cpu(), now()
        # The last flip's frame must arrive.
        time.sleep(0.2)
        for child in (running.guest, running.viewer, running.bridge):
            if child and not child.alive(): raise Failed(f"{child.name}: {child.ending()}")
    finally:
        running.stop()
    used = [b - a for a, b in zip(before, after)]
    flips = read_flips(setting)
    commits, refreshes = read_log() if running.witness else ([], [])
    record = {"kind": "run", "device": setting.options.device, "mode": setting.mode, "buffers": setting.buffers, "viewer": viewer, "rate": rate, "run": run, "seconds": (end - begin) / 1e9, "cpu_viewer": used[0], "cpu_qemu": used[1],
              "cpu_witness": used[2], "beyond_none": running.beyond_none}
    record.update(judge(setting, begin, end, flips, commits, refreshes))
    return record


# MARK: the rest

def attach(setting, count):
    """On a running guest."""
    guest = setting.start_guest(60, setting.display)
    try:
        yield from first_frames("attach", setting.tools, [setting.vgpu, "view", setting.target, *setting.options.vgpu_option], setting.mode, count)
    finally:
        guest.stop()


def switches(pid):
    """How often a process's threads have waited so far, which is how often they were woken."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        for line in open(f"/proc/{pid}/task/{task}/status"):
            if line.startswith("voluntary_ctxt_switches"): total += int(line.split()[1])
    return total


def idle(setting, seconds):
    """A guest that draws one frame and halts."""
    guest, witness, viewer = setting.start_guest(0, setting.display), setting.start_metronome(60), None
    stats = f"{RUN}/stats.json"
    try:
        viewer = Child("vgpu", [setting.vgpu, "view", setting.target, "--seconds", str(seconds + 8), "--stats", stats, *setting.options.vgpu_option],
                       **on_metronome())
        witness.line("found", 30)
        time.sleep(3)
        before, begin, woken = cpu(viewer.pid), now(), switches(viewer.pid)
        time.sleep(seconds)
        after, end, woken_after = cpu(viewer.pid), now(), switches(viewer.pid)
        viewer.process.wait(30)
        figures = json.load(open(stats))
    finally:
        undo(viewer, witness, guest)
    span = (end - begin) / 1e9
    commits, _ = read_log()
    return {"kind": "idle", "mode": setting.mode, "seconds": span, "cpu_share": (after - before) / (end - begin), "wake_ups": (woken_after - woken) / span,
            "queries": figures.get("queries"), "viewer_seconds": seconds + 8,
            "commits": sum(1 for c in commits if begin <= c[0] < end)}


def many(program, rounds):
    answer = subprocess.run([program, str(rounds)], capture_output=True, text=True, timeout=300)
    if answer.returncode: raise Failed(f"ManyGuests: {(answer.stdout + answer.stderr).strip()}")
    return {"kind": "many", **json.loads(answer.stdout)}


def refuse(option, value, remedy):
    say(f"Benchmarks/compare: {option} {value}: not understood\n  -> {remedy}")
    sys.exit(64)


def main():
    parser = argparse.ArgumentParser()
    for name in ("tools", "rig", "qemu", "guest", "vgpu", "out"): parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--linux", default="")
    parser.add_argument("--many", default="")
    parser.add_argument("--device", default="vfio")
    parser.add_argument("--mode", default="")
    parser.add_argument("--rates", default="")
    parser.add_argument("--viewers", default="vgpu,bridge,gtk,dbus,spice")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--warm-up", type=float, default=3)
    parser.add_argument("--attaches", type=int, default=10)
    parser.add_argument("--idle", type=float, default=20)
    parser.add_argument("--dmabuf", action="store_true")
    parser.add_argument("--vgpu-option", action="append", default=[])
    options = parser.parse_args()
    unknown = set(options.viewers.split(",")) - set(VIEWERS)
    if unknown: refuse("--viewers", options.viewers, "of vgpu,living,bridge,gtk,dbus,spice, with commas between")
    if options.device not in ("vfio", *DEVICES): refuse("--device", options.device, f"give vfio, {' or '.join(DEVICES)}")
    if options.device == "virtio-vga" and not options.linux: refuse("--device", options.device, "it needs --linux FOLDER")
    if options.device == "virtio-vga" and "living" in options.viewers.split(","): refuse("--viewers", "living", "its guest has no sound on a virtio-vga")
    if options.device != "vfio" and "spice" in options.viewers.split(","): refuse("--viewers", "spice", "it is measured with a vGPU only")
    if options.rates and not all(rate.isdecimal() and 1 <= int(rate) <= 1000 for rate in options.rates.split(",")):
        refuse("--rates", options.rates, "give 1 to 1000, with commas between, e.g. 60,144")
    modes = []
    for text in (options.mode or (ALL_MODES if options.device == "vfio" else FLOOR)).split(","):
        match = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", text)
        if not match: refuse("--mode", options.mode, f"give e.g. 1920x1080, or several: {ALL_MODES}")
        modes.append((int(match[1]), int(match[2])))
        if not buffers_and_type(*modes[-1]): refuse("--mode", text, "no vGPU of the rig has room for two such buffers: give a smaller one")
    failures = 0

    with open(options.out, "w") as out:
        def keep(record):
            out.write(json.dumps(record) + "\n")
            out.flush()

        def attempt(what, body):
            nonlocal failures
            try:
                for record in body(): keep(record)
            except (Failed, OSError, subprocess.TimeoutExpired, ValueError) as error:
                failures += 1
                say(f"{what}: {error}")
                keep({"kind": "failure", "what": what, "why": str(error)})

        viewers = ["none"] + [viewer for viewer in options.viewers.split(",") if viewer != "none"]

        def measure_all(setting, is_first):
            rates = [int(rate) for rate in (options.rates or (FLOOR_RATES if setting.mode == FLOOR else RATES)).split(",")]
            for run, (place, rate) in itertools.product(range(options.runs), enumerate(rates)):
                turn = (run + place) % len(viewers)
                for viewer in viewers[turn:] + viewers[:turn]:
                    def once():
                        record = measure(setting, viewer, rate, run)
                        text = f"{setting.mode}  run {run + 1}/{options.runs}  {rate} Hz  {viewer}: {record['made']} made"
                        if viewer != "none": text += f", {record['shown']} shown, p50 {(record.get('p50') or 0) / 1e6:.2f} ms"
                        say(text)
                        yield record
                    attempt(f"{viewer} at {setting.mode}, {rate} Hz, run {run + 1}", once)
            if "vgpu" in viewers:
                if options.attaches and is_first: attempt("attach", lambda: attach(setting, options.attaches))
                if options.idle: attempt(f"idle at {setting.mode}", lambda: [idle(setting, options.idle)])

        for mode in modes:
            setting = Setting(options, mode)
            try:
                measure_all(setting, mode == modes[0])
            finally:
                setting.close()
        # Sixteen vGPUs take all memory of mbochs, so there is none besides.
        if options.many: attempt("16 vGPUs", lambda: [many(options.many, 25)])
    return 1 if failures else 0


sys.exit(main())
