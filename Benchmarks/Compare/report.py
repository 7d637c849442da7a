#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For Benchmarks/compare: makes the report of what was measured.

  report.py FOLDER RESULTS.md        FOLDER has raw.jsonl and machine.json
"""
import json, os, statistics, sys
from typing import NamedTuple

NAMES = {"vgpu": "`vgpu view`", "living": "`vgpu view` with sound, clipboard and input", "bridge": "`vgpu view bridge:`", "gtk": "QEMU `-display gtk,gl=on`", "dbus": "QEMU D-Bus, listener that draws nothing",
         "spice": "SPICE with GL, remote-viewer"}


def spread(values, digits=2):
    """Median and, of several, the least and the greatest."""
    values = [v for v in values if v is not None]
    if not values: return "-"
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def milliseconds(records, key):
    return [r[key] / 1e6 if r.get(key) is not None else None for r in records]


class Case(NamedTuple):
    """What a row is about: the guest's mode, and the rate of guest and monitor."""
    width: int
    height: int
    rate: int

    def __str__(self):
        return f"{self.width}x{self.height}, {self.rate} Hz"


def case_of(r):
    width, height = map(int, r.get("mode", "320x240").split("x"))
    return Case(width, height, r.get("rate", 60))


class Data:
    def __init__(self, folder):
        with open(os.path.join(folder, "machine.json")) as file: self.machine = json.load(file)
        with open(os.path.join(folder, "raw.jsonl")) as file: self.records = [json.loads(line) for line in file]
        self.runs = {}
        for r in self.of("run"): self.runs.setdefault((r["viewer"], case_of(r)), []).append(r)
        self.device = next((r.get("device", "vfio") for r in self.of("run")), "vfio")
        self.cases = sorted({case for _, case in self.runs})
        self.viewers = [v for v in NAMES if any(viewer == v for viewer, _ in self.runs)]
        for records in self.runs.values():
            for r in records: r["work"] = self.work(r)

    def of(self, kind):
        return [r for r in self.records if r["kind"] == kind]

    def at(self, viewer, case):
        return self.runs.get((viewer, case), [])

    def work(self, r):
        """CPU time that showing took, in ns: the viewer's, and what QEMU used beyond the same guest shown to nobody."""
        if r["viewer"] == "none": return None
        total = r["cpu_viewer"]
        if r["beyond_none"]:
            none = [n for n in self.at("none", case_of(r)) if n["run"] == r["run"]]
            if not none: return None
            total += r["cpu_qemu"] - none[0]["cpu_qemu"] * r["seconds"] / none[0]["seconds"]
        return total

    def share(self, viewer, case):
        records = self.at(viewer, case)
        made = sum(r["made"] for r in records)
        return sum(r["shown"] for r in records) / made if made else None

    def possible(self, viewer, case):
        records = self.at(viewer, case)
        if not records or any(r["possible"] is None for r in records): return None
        return sum(r["possible"] for r in records) / sum(r["made"] for r in records)

    def per_frame(self, viewer, case):
        return [r["work"] / r["shown"] / 1e6 if r["work"] is not None and r["shown"] else None for r in self.at(viewer, case)]


def head(data):
    m = data.machine
    before, after = m["times_begin"], m.get("times_end", m["times_begin"])
    passed = [b - a for a, b in zip(before, after)]
    total = sum(passed) or 1
    is_vgpu = data.device == "vfio"
    yield f"# vgpu against the other ways to look at {'a vGPU' if is_vgpu else f'a guest on {data.device}'}"
    yield ""
    yield f"    {m['command']}"
    yield ""
    yield f"{m['date']} to {m.get('ended', '?')}, commit {m['commit']}, `{m['vgpu']}`."
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield f"| machine | {m['processors']} x {m['processor']}, {m['memory'] / 2**30:.0f} GB; " \
          f"{'a DRM device, not used' if m['gpu'] else 'no GPU'}; Linux {m['kernel']} |"
    yield f"| how busy it was | load {m['load_begin'][0]:.1f} at the beginning, {m.get('load_end', [0])[0]:.1f} at the end; of all processors' time " \
          f"{100 * passed[3] / total:.0f} % idle, {100 * passed[7] / total:.0f} % stolen by the host |"
    where = f"User-Mode Linux of {m['packages'].get('linux-source-6.12', '?')}, one processor" if is_vgpu else "none, this machine itself"
    yield f"| rig | {where}; Mesa 25, llvmpipe; the guest emulated (TCG) |"
    yield f"| others | {m['qemu']}; virt-viewer {m['packages'].get('virt-viewer', '?')}, GTK {m['packages'].get('libgtk-3-0', '?')} |"
    yield ""
    if passed[3] < total / 5:
        yield "**The machine was busy with other things while this was measured: these figures want repeating on a quiet one.**"
        yield ""
    yield "On a busy machine the guest misses flips, the monitor misses refreshes, and all times are longer. " \
          "*Possible* is what a viewer without any delay would have shown at the refreshes that there were. Figures are medians of the runs, with the least and the greatest. What is measured and how: [README](README.md#head-to-head)."
    yield ""


def tables(data):
    for case in data.cases:
        none = data.at("none", case)
        flips = [r["made"] / r["seconds"] for r in none]
        yield f"## {case}"
        yield ""
        if none:
            gaps = [r["flip_interval"]["p99"] / 1e6 for r in none if "flip_interval" in r]
            yield f"Shown to nobody, the guest flipped {spread(flips, 1)} times a second, p99 {spread(gaps)} ms apart; QEMU took {spread([r['cpu_qemu'] / r['seconds'] / 1e7 for r in none], 1)} % of a processor."
            yield ""
        yield "| viewer | flips/s | shown of made | possible | flip -> commit, ms: p50 | p95 | p99 | max | flip -> screen, ms: p50 | p99 | jitter, ms | CPU per shown frame, ms |"
        yield "|" + " --- |" * 12
        for viewer in data.viewers:
            records = data.at(viewer, case)
            if not records:
                yield f"| {NAMES[viewer]} |{' - |' * 11}"
                continue
            shown, made = sum(r["shown"] for r in records), sum(r["made"] for r in records)
            cells = [NAMES[viewer], spread([r["made"] / r["seconds"] for r in records], 1),
                     f"{shown / made:.3f} ({shown} of {made})" if made else "-",
                     f"{sum(r['possible'] for r in records) / made:.3f}" if made and all(r["possible"] is not None for r in records) else "-"]
            cells += [spread(milliseconds(records, key)) for key in ("p50", "p95", "p99", "max", "screen_p50", "screen_p99")]
            cells += [spread([r["jitter"] / 1e6 if r["jitter"] is not None else None for r in records]), spread(data.per_frame(viewer, case))]
            yield "| " + " | ".join(cells) + " |"
        yield ""


def verdict(reached):
    return "-" if reached is None else "yes" if reached else "**no**"


def idle_goals(data, row, number):
    for r in data.of("idle"):
        picture = f"idle guest of {r.get('mode', '320x240')}"
        yield row(f"{picture}: under 1 % of a processor", f"{100 * r['cpu_share']:.2f} % over {r['seconds']:.0f} s, {r['commits']} commits", r["cpu_share"] < 0.01)
        if data.device != "vfio":
            yield row(f"{picture}: no wake-up of the viewer's", f"{r['wake_ups']:.2f} a second, all threads", r["wake_ups"] < 0.1)
            continue
        polls = r["queries"] / 2 / r["viewer_seconds"] if r.get("queries") and r.get("viewer_seconds") else None
        beyond = r["wake_ups"] - polls if polls is not None else None
        yield row(f"{picture}: under 5 wake-ups a second beyond the poll",
                  f"{r['wake_ups']:.1f} a second, all threads; polls {number(polls, 1)} a second", None if beyond is None else beyond < 5)


def by_display(data, row, number):
    """The goals for a guest whose frames come by QEMU's D-Bus display."""
    for case in data.cases:
        ours, theirs = data.share("vgpu", case), data.share("gtk", case)
        if ours is not None and theirs is not None:
            yield row(f"{case}: never fewer frames shown than QEMU gtk's", f"{number(ours)} of made, gtk {number(theirs)}", ours >= theirs)
        ours, theirs = median(data.per_frame("vgpu", case)), median(data.per_frame("gtk", case))
        if ours is not None and theirs:
            yield row(f"{case}: CPU per shown frame, viewer's and QEMU's, at most 0.6 of QEMU gtk's",
                      f"{ours:.2f} to {theirs:.2f} ms: {ours / theirs:.2f}", ours <= 0.6 * theirs)
        ours, theirs = median(milliseconds(data.at("vgpu", case), "p50")), median(milliseconds(data.at("gtk", case), "p50"))
        if ours is not None and data.device != "virtio-vga":
            # QEMU looks at such a device every 30 ms.
            yield row(f"{case}: flip -> commit p50, at most QEMU's own tick of 30 ms", f"{ours:.2f} ms, gtk {number(theirs, 2)} ms", ours <= 30)
        elif ours is not None and theirs is not None:
            # Such a device tells of its flips.
            yield row(f"{case}: flip -> commit p50, at most half of QEMU gtk's", f"{ours:.2f} to {theirs:.2f} ms: {ours / theirs:.2f}",
                      ours <= theirs / 2)
        ours, theirs = ([r["cpu_qemu"] / r["seconds"] for r in data.at(viewer, case)] for viewer in ("vgpu", "dbus"))
        if ours and theirs:
            ratio = statistics.median(ours) / statistics.median(theirs)
            yield row(f"{case}: QEMU's CPU, at most 1.1 times that with a listener that draws nothing", f"{ratio:.2f} times", ratio <= 1.1)


def by_size(data, row, number):
    """The goals for a vGPU's guest of the size that most people have, against a display that copies."""
    for case in data.cases:
        if (case.width, case.height) != (1920, 1080) or case.rate not in (60, 120): continue
        share, possible = data.share("vgpu", case), data.possible("vgpu", case)
        if share is None or not possible: continue
        least = 0.999 if case.rate == 60 else 0.99
        yield row(f"{case}: shown of possible at least {least}", f"{share / possible:.3f} ({number(share)} to {number(possible)})", share >= least * possible)
        if case.rate != 60: continue
        ours, theirs = median(milliseconds(data.at("vgpu", case), "p50")), median(milliseconds(data.at("gtk", case), "p50"))
        if ours is not None and theirs:
            yield row(f"{case}: flip -> commit p50, at most a tenth of QEMU gtk's", f"{ours:.2f} to {theirs:.2f} ms: {ours / theirs:.2f}", ours <= theirs / 10)
        ours, theirs = median(data.per_frame("vgpu", case)), median(data.per_frame("gtk", case))
        if ours is not None and theirs:
            yield row(f"{case}: CPU per shown frame, at most 0.1 of QEMU gtk's", f"{ours:.2f} to {theirs:.2f} ms: {ours / theirs:.2f}", ours <= theirs / 10)


def goals(data):
    yield "## Goals"
    yield ""
    yield "| goal | measured | reached |"
    yield "| --- | --- | --- |"

    def row(goal, measured, reached):
        return f"| {goal} | {measured} | {verdict(reached)} |"

    def number(value, digits=3, unit=""):
        return "-" if value is None else f"{value:.{digits}f}{unit}"

    if data.device != "vfio":
        yield from by_display(data, row, number)
        yield from idle_goals(data, row, number)
        yield ""
        return
    for case in data.cases:
        ours, theirs = data.share("vgpu", case), data.share("gtk", case)
        if case.rate != 60 or ours is None: continue
        yield row(f"{case}: shown of made at least 0.999, never fewer than QEMU gtk's", f"{number(ours)}, gtk {number(theirs)}; possible {number(data.possible('vgpu', case))}",
                  ours >= 0.999 and (theirs is None or ours >= theirs))
    for case in data.cases:
        ours, theirs = data.share("vgpu", case), data.share("gtk", case)
        if case.rate >= 120 and ours is not None and theirs:
            yield row(f"{case}: frames shown, twice QEMU gtk's or more", f"{ours / theirs:.2f} times ({number(ours)} to {number(theirs)} of made; possible {number(data.possible('vgpu', case))})",
                      ours >= 2 * theirs)
    for case in data.cases:
        ours, theirs = median(milliseconds(data.at("vgpu", case), "p50")), median(milliseconds(data.at("gtk", case), "p50"))
        if ours is not None and theirs is not None:
            yield row(f"{case}: flip -> commit p50, at most half of QEMU gtk's", f"{ours:.2f} to {theirs:.2f} ms: {ours / theirs:.2f}",
                      ours <= theirs / 2)
        last, limit = median(milliseconds(data.at("vgpu", case), "p99")), 1000 / case.rate + 2
        if last is not None:
            yield row(f"{case}: flip -> commit p99, at most a refresh and 2 ms", f"{last:.2f} ms, limit {limit:.2f}", last <= limit)
    for case in data.cases:
        ours, direct = median(milliseconds(data.at("bridge", case), "p99")), median(milliseconds(data.at("vgpu", case), "p99"))
        if ours is not None and direct is not None:
            yield row(f"{case}: flip -> commit p99 through the bridge, at most 0.5 ms later than directly",
                      f"{ours:.2f} to {direct:.2f} ms: {ours - direct:+.2f} ms", ours <= direct + 0.5)
    for case in data.cases:
        ours, theirs = median(data.per_frame("vgpu", case)), median(data.per_frame("gtk", case))
        if ours is not None and theirs:
            yield row(f"{case}: CPU per shown frame, at most 0.6 of QEMU gtk's", f"{ours:.2f} to {theirs:.2f} ms: {ours / theirs:.2f}",
                      ours <= 0.6 * theirs)
    yield from by_size(data, row, number)
    yield from idle_goals(data, row, number)
    for r in data.of("many"):
        for what, key in (("polled", "poll"), ("polled, drawn and read back", "draw"), ("the same with one GL context for all", "shared")):
            if f"{key}One" not in r: continue
            one, many = r[f"{key}One"], r[f"{key}Many"]
            least = min(many) / min(one)
            yield row(f"16 vGPUs in one process, {what}: each at most 1.1 times one",
                      f"{least:.3f} by the least disturbed of {len(one)} rounds ({min(one) / 1e3:.1f} us for one), "
                      f"{statistics.median(many) / statistics.median(one):.3f} by their medians", least <= 1.1)
    for kind, where in (("host", "on this machine, `vgpu view demo` at 1024x768"), ("attach", "in the rig, a guest in QEMU")):
        records = data.of(kind)
        if not records: continue
        whole, gl = [r["first_frame"] / 1e6 for r in records], [r["gl"] / 1e6 for r in records]
        rest = [a - b for a, b in zip(whole, gl)]
        yield row("start to first frame: under 150 ms on the host, GL's own start aside",
                  f"{where}, {len(whole)} times: {spread(whole, 0)} ms, GL alone {spread(gl, 0)} ms, the rest {spread(rest, 0)} ms",
                  statistics.median(rest) < 150 if kind == "host" else None)
    yield ""


def notes(data):
    yield "## About these figures"
    yield ""
    probes = {v: median([r["probe"] / 1e3 for case in data.cases for r in data.at(v, case) if r["probe"] is not None]) for v in data.viewers}
    yield "- Reading a frame number took, in the compositor or listener: " + \
          ", ".join(f"{v} {cost:.0f} us" for v, cost in probes.items() if cost is not None) + " a commit. No viewer does anything for it."
    for case in data.cases:
        late = [r["late_refresh_p99"] / 1e6 for v in data.viewers for r in data.at(v, case) if r["late_refresh_p99"] is not None]
        if late: yield f"- At {case} the compositor's refreshes were late by {spread(late)} ms (p99 of a run)."
    early = {v: sum(r["early"] for case in data.cases for r in data.at(v, case)) for v in data.viewers}
    torn = {v: sum(r["torn"] for case in data.cases for r in data.at(v, case)) for v in data.viewers}
    told = [f"{v} {early[v]} too early, {torn[v]} torn" for v in data.viewers if early[v] or torn[v]]
    if told:
        yield "- Frames that came before the guest's flip to them, as the viewer showed a buffer that the guest was drawing into by then, and commits " \
              "whose number cannot be read: " + "; ".join(told) + ". The first count as shown and have no latency."
    buffers = {v: sorted({r["buffer"] for case in data.cases for r in data.at(v, case) if r["buffer"]}) for v in data.viewers}
    yield "- What arrived: " + "; ".join(f"{v} {', '.join(kinds)}" for v, kinds in buffers.items() if kinds) + "."
    if data.of("attach"):
        yield "- System calls and page faults cost ten to a hundred times as much in the rig as on a host, so its attaching says little of a host's 150 ms. " \
              "A host without a vGPU has nothing to attach to: there the viewer starts on the synthetic guest, which takes all the same steps but " \
              "finding QEMU and duplicating its descriptor. GL alone is a program that makes a context and draws a triangle."
    for r in data.of("failure"): yield f"- Failed: {r['what']}: {r['why']}"
    yield ""


def main():
    data = Data(sys.argv[1])
    lines = [line for part in (head, goals, tables, notes) for line in part(data)]
    with open(sys.argv[2], "w") as file: file.write("\n".join(lines).rstrip("\n") + "\n")


main()
