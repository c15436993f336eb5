#!/usr/bin/env python3
"""`rate` with packets from two CPUs at once: never more pass than the bucket allows, on each road of
vfm-xdp. `rate.py [CHECK...]`"""
import contextlib
import mmap
import os
import socket
import time
from collections import Counter

import lib_sandbox
import lib_serve
from lib_packet import ETH_P_IP, PACKET_QDISC_BYPASS, SOL_PACKET, address, ethernet, udp
from lib_sandbox import Failed, Skip, same, wait_for
from lib_serve import detach, stats
from lib_world import CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, Case, world

SENDERS = 2
ROADS = {"kernel": ["--mode=native"], "userspace": ["--mode=userspace", "--hand-over=native"]}


def frames_from(source):
    return [ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, udp(source, SERVER, port, 9, b"limited"))
            for port in range(3000, 3032)]


def send_from(cpu, w, frames, stop):
    """In a process of its own, as fast as it can, past tc: the queue is the CPU's."""
    os.sched_setaffinity(0, {cpu})
    end = w.client.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    with w.client:
        end.bind(("v1", 0))
    while not stop[0]:
        for frame in frames:
            with contextlib.suppress(OSError):  # no room at this moment
                end.send(frame)


def load(w, frames, enough):
    """Each sender on its CPU until `enough` says of (statistics, seconds) that it is; gives the
    last statistics and how many seconds until the last frame was decided."""
    stop, begun, children = mmap.mmap(-1, 1), time.monotonic(), []
    for cpu in sorted(os.sched_getaffinity(0))[:SENDERS]:
        children.append(os.fork())
        if children[-1] == 0:
            try:
                send_from(cpu, w, frames, stop)
                os._exit(0)
            finally:
                os._exit(1)
    try:
        wait_for("enough frames", lambda: enough(stats(w), time.monotonic() - begun), 60, 0.1)
    finally:
        stop[0] = 1
        statuses = [os.waitpid(child, 0)[1] for child in children]
    same("senders", statuses, [0] * SENDERS)
    row = {"packets": -1}

    def quiet():
        before = row["packets"]
        row.update(stats(w))
        return row["packets"] == before
    wait_for("the last frame", quiet, 10, 0.1)
    return row, time.monotonic() - begun


def by_queue(w):
    return [int(line.split(":")[1]) for line in w.server.out("ethtool -S v0").splitlines()
            if "rx_queue_" in line and "xdp_packets" in line]


def limited(w, options, text, burst, a_second, enough, sources):
    """The bound holds for each key, and the load is such that it is met, from both queues."""
    lib_serve.vfm(w.server, "attach", "v0", "-e", text, "--on-error=drop", *options)
    try:
        watch = w.watch(w.server, "v0", incoming_only=True)
        before = by_queue(w)
        frames = [frame for group in zip(*map(frames_from, sources)) for frame in group]
        row, took = load(w, frames, enough)
        queues = [now - then for now, then in zip(by_queue(w), before)]
        if sum(count > sum(queues) / 10 for count in queues) < SENDERS:
            raise Failed(f"frames by queue: {queues}")
        passed = Counter(frame.layer4()[1] for frame in watch.drain())
        same(f"{text}: what arrived is what passed", sum(passed.values()), row["pass"])
        most = burst + int(took * a_second) + 1
        for source in sources:
            count = passed[address(source)]
            if not burst <= count <= most:
                raise Failed(f"{text}: {count} from {source} passed in {took:.3f} s, the bucket "
                             f"allows {burst} to {most}")
        return f"{row['packets']} packets, {[*passed.values()]} passed in {took:.2f} s of at most " \
            f"{most} a key"
    finally:
        w.tidy()
        detach(w)


def both(road):
    if len(os.sched_getaffinity(0)) < SENDERS:
        raise Skip("one CPU only")
    notes = []
    with lib_sandbox.workplace() as path, world(Case(queues=2)) as w:
        lib_serve.BPFFS = f"{path}/bpf"
        w.know_neighbours()
        # A bucket that hardly fills again: each token that is given twice shows.
        burst = 100_000
        notes.append(limited(w, ROADS[road], f"(rate ip.src 1 :per 10s :burst {burst})", burst, 0.1,
                             lambda row, _: row["pass"] >= burst and row["drop"] > burst / 10,
                             [CLIENT]))
        # One that fills all the time and, but for the beginning, is empty. A burst is more than
        # what comes while the end is waited for: one that is given twice shows.
        notes.append(limited(w, ROADS[road], "(rate ip.src 2000 :per 1s :burst 1500)", 1500, 2000,
                             lambda _, seconds: seconds > 2.5, [CLIENT, "10.9.0.77"]))
    return "; ".join(notes)


def kernel():
    return both("kernel")


def userspace():
    return both("userspace")


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (kernel, userspace)])
