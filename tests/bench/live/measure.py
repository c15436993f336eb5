#!/usr/bin/env python3
"""Measures the road through user space beside a bare loop and iptables' queue, and prints JSON:
measure.py BUILD-DIRECTORY [--quick] [--filter F1,F2] [--cpu N] [--rounds N] [--without road,...]

Runs as root. Exit status 3 if something cannot be set up or ends early, 77 if this machine cannot do it."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from contenders import Loop, Plain, Queue, Road
from host import ADDRESS, GENERATOR, NEIGHBOUR, PING, Host, Impossible, cpu_time, idle_ticks, run

SIDES = "pass", "drop"
# The watcher sleeps most of the time, and must not be late when it wakes.
WATCHER = 40
WARM_UP, SETTLE = 0.25, 0.15
NEEDED = "cap_bpf", "cap_net_admin", "program_xdp"  # rows of vfm-xdp doctor
PING_PORT, PING_FILTER = "53", "F3"  # which passes ARP and this port


class Bench:
    def __init__(self, build, arguments):
        self.build, self.arguments = build, arguments
        self.seconds = 0.1 if arguments.quick else 0.6
        self.work = tempfile.TemporaryDirectory(prefix="vfm-bench-live.")
        described = json.loads(run(f"{build}/bench-live/live_frames"))
        self.machine = described["machine"]
        wanted = arguments.filter
        self.filters = [f for f in described["filters"] if not wanted or f["name"] in wanted]
        for filter in described["filters"]:
            for side in SIDES:
                self.frames(filter["name"], side).write_bytes(bytes.fromhex(filter[side]))
        self.ping_filter = next(f for f in described["filters"] if f["name"] == PING_FILTER)
        self.hosts = [Host(arguments.cpu, "a"), Host(arguments.cpu, "b")]
        self.hosts[0].sink(queue=False)
        self.hosts[0].add_tap()
        # Those whose ratio matters most follow each other.
        self.contenders = [made(self.hosts[made.queue], build) for made in (Plain, Queue, Loop, Road)
                           if made.name not in arguments.without]
        self.missing = []
        reason = self.no_queue()
        if reason and Queue.name not in arguments.without:
            self.missing.append({"name": Queue.name, "reason": reason})
            self.contenders = [c for c in self.contenders if not c.queue]

    def no_queue(self):
        """Why there is no NFQUEUE, or None."""
        if not Path(self.build, "bench-live/live_queue").exists():
            return "libnetfilter_queue was not there when this was built"
        try:
            self.hosts[1].sink(queue=True)
        except RuntimeError as reason:
            return str(reason)
        return None

    def close(self):
        for host in self.hosts:
            host.close()
        self.work.cleanup()

    def frames(self, name, side):
        return Path(self.work.name, f"{name}.{side}")

    def generator(self, host, name, side, kilo_rate=None):
        others = os.sched_getaffinity(0) - {host.cpu}
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",
             *host.there.inside("taskset", "-c", ",".join(map(str, others)), "chrt", "-f", str(GENERATOR),
                                f"{self.build}/bench-live/live_generate", f"{self.build}/bench-live/generate.bpf.o",
                                NEIGHBOUR, str(self.frames(name, side)), *([str(kilo_rate)] if kilo_rate else []))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for_traffic(self, host, generator):
        begun, end = host.received(), time.monotonic() + 10
        while host.received() - begun < 1000:
            if generator.poll() is not None or time.monotonic() > end:
                generator.kill()
                raise RuntimeError(f"the generator does not send: {generator.communicate()[1].strip()}")
            time.sleep(0.01)

    def stop_generator(self, generator):
        generator.terminate()
        out, err = generator.communicate(timeout=10)
        if generator.returncode:
            raise RuntimeError(f"the generator ended early: {err.strip()}")
        return json.loads(out)["sent"]

    def cell(self, contender, filter, side):
        """As many frames of that side of that filter as the contender can take, and what they cost."""
        host = contender.host
        before = host.received(), host.sunk()
        contender.start(filter, side)
        threads = [host.napi, *contender.threads()]
        generator = self.generator(host, filter["name"], side)
        self.wait_for_traffic(host, generator)
        time.sleep(WARM_UP)

        first = self.look(host, threads)
        time.sleep(self.seconds)
        wall, frames, napi, own, idle = (b - a for a, b in zip(first, self.look(host, threads)))

        sent = self.stop_generator(generator)
        time.sleep(SETTLE)
        contender.stop(side)
        time.sleep(SETTLE)  # the kernel gives a queue free some time after its socket is closed
        arrived = host.received() - before[0]
        dealt_with = contender.seen(side)
        if dealt_with is None:
            dealt_with = host.sunk() - before[1]
        if not frames or not dealt_with:
            raise RuntimeError(f"{contender.name}, {filter['name']} {side}: {arrived} frames came, {frames} of them "
                               f"while it was measured, and {dealt_with} were dealt with")
        share = dealt_with / arrived
        ns = (own + napi) / (frames * share)
        return {"filter": filter["name"], "side": side, "contender": contender.name,
                "ns_per_packet": ns, "napi_ns": napi / (frames * share), "per_second_core": 1e9 / ns,
                "per_second_wall": frames * share / wall * 1e9, "busy": (own + napi) / wall,
                "idle": idle / 100 / (wall / 1e9), "sent": sent, "arrived": arrived, "lost": arrived - dealt_with}

    def look(self, host, threads):
        return (time.monotonic_ns(), host.received(), cpu_time(threads[:1]), cpu_time(threads[1:]),
                idle_ticks(host.cpu))

    def throughput(self):
        cells = []
        for number in range(self.arguments.rounds):
            for filter in self.filters:
                for side in SIDES:
                    for contender in self.contenders[::-1 if number % 2 else 1]:
                        if contender.name == "plain" and side == "drop":
                            continue
                        cells.append({"round": number, **self.cell(contender, filter, side)})
            print(f"bench-live: round {number + 1} of {self.arguments.rounds}", file=sys.stderr)
        return cells

    def ping(self, contender, kilo_rate):
        """UDP ping-pong while as much other traffic passes."""
        host = contender.host
        server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",
             *host.here.inside("taskset", "-c", str(host.cpu), "chrt", "-f", str(PING),
                               f"{self.build}/bench-live/live_ping", "serve", ADDRESS, PING_PORT)],
            stdout=subprocess.PIPE, text=True)
        server.stdout.readline()
        contender.start(self.ping_filter, "pass")
        generator = self.generator(host, PING_FILTER, "pass", kilo_rate)
        self.wait_for_traffic(host, generator)
        time.sleep(WARM_UP)
        count = 200 if self.arguments.quick else 3000
        first = host.received(), time.monotonic(), idle_ticks(host.cpu)
        out = run(*host.there.inside("chrt", "-f", str(PING), f"{self.build}/bench-live/live_ping", "ask",
                                     ADDRESS, PING_PORT, str(count)))
        took = time.monotonic() - first[1]
        load = (host.received() - first[0]) / took
        idle = (idle_ticks(host.cpu) - first[2]) / 100 / took
        self.stop_generator(generator)
        contender.stop("pass")
        server.kill()
        server.wait()
        times = sorted(int(line) / 1000 for line in out.split())
        if not times:
            raise RuntimeError(f"{contender.name}: no ping was answered")
        return {"contender": contender.name, "load": load, "idle": idle, "lost": count - len(times),
                "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}

    def latency(self, cells):
        """All at half of what the road can do; NFQUEUE, which could not bear that, at half of what it can."""
        def half(name):
            rates = [c["per_second_core"] for c in cells if c["contender"] == name and c["side"] == "pass"
                     and c["filter"] == PING_FILTER] or \
                    [c["per_second_core"] for c in cells if c["contender"] == name and c["side"] == "pass"]
            return int(median(rates) / 2000) if rates else None
        road = half("road") or half("loop")
        load = {"plain": road, "loop": road, "road": road, "nfqueue": half("nfqueue")}
        rows = []
        for number in range(self.arguments.rounds):
            for contender in self.contenders:
                if load.get(contender.name):
                    rows.append({"round": number, **self.ping(contender, load[contender.name])})
        return rows


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", type=lambda text: text.split(","), default=[])
    parser.add_argument("--without", type=lambda text: text.split(","), default=[])
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int)
    parsed = parser.parse_args(arguments)
    parsed.rounds = parsed.rounds or (1 if parsed.quick else 5)
    parsed.build = str(Path(parsed.build).resolve())
    return parsed


def check_possible(build):
    """Raises Impossible with the reason if this machine cannot run the bench."""
    if os.geteuid() != 0:
        raise Impossible("needs root")
    if len(os.sched_getaffinity(0)) < 2:
        raise Impossible("needs two CPUs: one receives, one sends")
    if not Path(build, "bench-live/live_generate").exists():
        raise Impossible("clang-19 was not there when this was built, so there is no generator")
    rows = {row["name"]: row for row in json.loads(run(f"{build}/bin/vfm-xdp", "doctor", "--json"))}
    for name in NEEDED:
        if rows[name]["state"] != "ok":
            raise Impossible(rows[name]["detail"])
    try:
        run("iptables-legacy", "--version")
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(WATCHER))
    except PermissionError:
        raise Impossible("may not take a real-time priority") from None
    except FileNotFoundError as reason:
        raise Impossible(f"{reason.filename} is not installed") from None


def main():
    arguments = parse(sys.argv[1:])
    try:
        check_possible(arguments.build)
        bench = Bench(arguments.build, arguments)
    except Impossible as reason:
        print(f"bench-live: {reason}", file=sys.stderr)
        return 77
    except (OSError, RuntimeError) as reason:
        print(f"bench-live: error: {reason}", file=sys.stderr)
        return 3
    try:
        cells = bench.throughput()
        rows = bench.latency(cells)
    except (OSError, RuntimeError) as reason:
        print(f"bench-live: error: {reason}", file=sys.stderr)
        return 3
    finally:
        bench.close()
    json.dump({"machine": bench.machine, "quick": arguments.quick, "rounds": arguments.rounds,
               "missing": bench.missing,
               "filters": [{"name": f["name"], "what": f["what"], "bytes": f["bytes"]} for f in bench.filters],
               "cells": cells, "latency": rows}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
