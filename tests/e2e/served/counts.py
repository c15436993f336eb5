#!/usr/bin/env python3
"""Counts and verdicts are the interpreter's, whatever queue a packet comes by. `counts.py
[CHECK...]`"""
import json
import os
import random
import signal
import struct
import time
from collections import Counter
from pathlib import Path

import lib_bpf
import lib_sandbox
import lib_serve
from lib_packet import ETH_P_IP, ETH_P_TEST, ethernet, tcp, udp
from lib_replay import read_capture, same_packets, those_that_arrive, whole, write_capture
from lib_sandbox import Failed, Skip, run, same
from lib_serve import SERVED_BY, attach, detach, server_pid, stats, stats_after, vfm_json
from lib_world import CLIENT, CLIENT_MAC, SERVER, SERVER_MAC, Case, world

ROOT = Path(__file__).resolve().parents[3]


def both(check):
    if SERVED_BY == "none":
        raise Skip("no filter")
    for hand_over in "native", "skb":
        with lib_sandbox.workplace() as path, world(Case(hand_over, queues=4)) as w:
            lib_serve.BPFFS = f"{path}/bpf"
            w.know_neighbours()
            check(w)


def flows_of(source, count):
    """Frames of one source that the peer spreads over its queues."""
    return [ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                     udp(source, SERVER, 1000 + 7 * number, 9, b"counted"))
            for number in range(count)]


def queues():
    """The frames of `flows_of` do use several queues, else the next check says nothing."""
    with lib_sandbox.workplace() as folder, world(Case(queues=4)) as w:
        w.know_neighbours()
        # The driver counts by queue where there is a program.
        path = f"{folder}/bpf/passing"
        lib_bpf.pin(lib_bpf.passing_xdp(), path)
        w.server.run(f"ip link set v0 xdpdrv pinned {path}")

        def by_queue():
            return {line.split(":")[0].strip(): int(line.split(":")[1]) for line in
                    w.server.out("ethtool -S v0").splitlines() if "rx_queue_" in line
                    and "xdp_packets" in line}
        before = by_queue()
        w.sender(w.client, "v1").send(*flows_of(CLIENT, 400))
        lib_sandbox.wait_for("frames",
                             lambda: sum(by_queue().values()) - sum(before.values()) >= 400)
        taken = [count - before[name] for name, count in by_queue().items()]
        if sum(count > 20 for count in taken) < 4:
            raise Failed(f"frames by queue: {taken}")
        return f"frames by queue: {taken}"


def limit():
    """A limit of 100 a source lets 99 through in all, and one entry counts everything."""
    def check(w):
        attach(w, "(< (count-by src-ip) 100)")
        view = w.watch(w.server, "v0", incoming_only=True)
        send = w.sender(w.client, "v1")
        both_sources = flows_of(CLIENT, 400) + flows_of("10.9.0.77", 400)
        random.Random(1).shuffle(both_sources)
        for first in range(0, len(both_sources), 50):
            send.send(*both_sources[first:first + 50])
        row = stats_after(w, 800)
        passed = Counter(frame.layer4()[1] for frame in view.drain()
                         if frame.layer4() and frame.layer4()[3][2:4] == struct.pack("!H", 9))
        same(f"{w.case.hand_over}: passed by source", sorted(passed.values()), [99, 99])
        same(f"{w.case.hand_over}: statistics", (row["pass"], row["drop"], row.get("overrun", 0)),
             (198, 602, 0))
        flows = {f["key"]: f["value"] for f in vfm_json(w.server, "flows", "v0")}
        same(f"{w.case.hand_over}: flows", flows, {CLIENT: 400, "10.9.0.77": 400})
        detach(w)
    return both(check)


def errors():
    """A run-time error follows --on-error and is counted by its kind."""
    def check(w):
        for verdict in "pass", "drop":
            attach(w, "(= proto 6)", f"--on-error={verdict}")
            view = w.watch(w.server, "v0", incoming_only=True)
            w.sender(w.client, "v1").send(
                *[ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, b"E") for _ in range(20)],
                *[ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, tcp(CLIENT, SERVER, port, 9, 16))
                  for port in range(40)])
            row = stats_after(w, 60)
            what = f"{w.case.hand_over}, {verdict}: "
            same(what + "errors", row["errors"], {"BOUNDS": 20})
            passed = 40 + 20 * (verdict == "pass")
            same(what + "statistics", (row["pass"], row["drop"]), (passed, 60 - passed))
            same(what + "arrived", len(w.frames(what, view)), passed)
            w.tidy()
            detach(w)
    return both(check)


def log():
    """The verdict 2 passes and counts as `log`, not as `pass`; any other but 0 passes."""
    def check(w):
        # By destination port: 2, 1, 0 and 7.
        text = "(if (= dst-port 9) 2 (if (= dst-port 10) 1 (if (= dst-port 11) 0 7)))"
        attach(w, text)
        view = w.watch(w.server, "v0", incoming_only=True)
        w.sender(w.client, "v1").send(*[
            ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                     udp(CLIENT, SERVER, source, port, b"verdict"))
            for port in (9, 10, 11, 12) for source in range(2000, 2010)])
        row = stats_after(w, 40)
        what = f"{w.case.hand_over}: "
        same(what + "statistics", (row["log"], row["pass"], row["drop"]), (10, 20, 10))
        w.expected[what] = 30
        same(what + "arrived", len(w.frames(what, view, lambda frame: bool(frame.layer4()))), 30)
        w.tidy()
        detach(w)
    return both(check)


def overrun():
    """Frames that come while nobody takes them: at most a ring's worth waits, the rest follows
    --on-error at once and is counted; what waits for less than a second is delivered when the
    process goes on."""
    if SERVED_BY != "userspace":
        raise Skip(f"served by {SERVED_BY}: there is no ring")

    def check(w):
        for verdict in "pass", "drop":
            attach(w, "1", f"--on-error={verdict}")
            view = w.watch(w.server, "v0", incoming_only=True)
            send = w.sender(w.client, "v1")
            pid, sent = server_pid(), 0
            frame = ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_TEST, b"one of too many".ljust(60))
            os.kill(pid, signal.SIGSTOP)
            end = time.monotonic() + 0.5
            while time.monotonic() < end and sent < 30_000:
                send.send(*[frame] * 100)
                sent += 100
            os.kill(pid, signal.SIGCONT)
            row = stats_after(w, sent)
            what = f"{w.case.hand_over}, {verdict}, {sent} frames: "
            if row["overrun"] == 0:
                raise Skip(f"{what}this machine is too slow to fill a ring in half a second")
            same(what + "statistics", (row["pass"] + row["drop"],
                                       row["drop"] if verdict == "pass" else row["pass"]),
                 (sent, 0 if verdict == "pass" else sent - row["overrun"]))
            w.expected[what] = sent if verdict == "pass" else sent - row["overrun"]
            same(what + "arrived", len(w.frames(what, view, seconds=10)), w.expected[what])
            w.tidy()
            detach(w)
    return both(check)


def replay(w, folder, name, filter_path, packets):
    """What arrives of the packets is what the interpreter accepts, and the numbers are its."""
    accepted = f"{folder}/accepted.pcap"
    write_capture(f"{folder}/in.pcap", packets)
    judged = run(["vfm-test", "--engine=interp", "--json", "--accepted", accepted, filter_path,
                  f"{folder}/in.pcap"],
                 check=False)
    if judged.returncode not in (0, 3) or not os.path.exists(accepted):
        raise Skip(f"{name}: the interpreter says: {judged.stderr[:200]}")
    summary = json.loads(judged.stdout.splitlines()[-1])
    done = lib_serve.vfm(w.server, "attach", "v0", filter_path, "--on-error=drop",
                         *lib_serve.options_for(w.case.hand_over), status=None)
    if done.returncode:
        if SERVED_BY == "kernel":
            raise Skip(f"{name}: not in the kernel")
        raise Failed(f"{name}: attach: {done.stderr}")
    try:
        view = w.watch(w.server, "v0", incoming_only=True)
        send = w.sender(w.client, "v1")
        for number, packet in enumerate(packets):
            send.send(packet)
            if number % 64 == 63:  # no overrun: the rings are not what is tried here
                lib_sandbox.wait_for("the burst", lambda: stats(w)["packets"] > number - 32, 10)
        row = stats_after(w, len(packets))
        w.expected["all"] = row["pass"]
        w.frames("all", view)
        arrived = [whole(frame) for frame in view.frames]
    finally:
        w.tidy()
        w.expected.clear()
        detach(w)
    same_packets(name, arrived, read_capture(accepted))
    same(f"{name}: errors", row["errors"], {k: v for k, v in summary["errors"].items()})
    same(f"{name}: pass and drop", (row["pass"] + row.get("log", 0), row["drop"]),
         (summary["accept"], summary["packets"] - summary["accept"]))


def replayed(filters):
    """`filters` gives (name, path) for a folder."""
    skipped, tried, problems = [], 0, []
    program = Path(os.environ.get("VFM_E2E_BUILD", ".")) / "served_inputs"
    if SERVED_BY == "none" or not program.exists():
        raise Skip("no filter" if SERVED_BY == "none" else "served_inputs is not built")
    with lib_sandbox.workplace() as folder:
        lib_serve.BPFFS = f"{folder}/bpf"
        run([program, folder])
        packets = [p for p in read_capture(f"{folder}/trace.pcap") if 14 <= len(p) <= 1514]
        with world(Case(queues=4)) as w:
            known = those_that_arrive(w, packets)
        packets = [packet for packet in packets if packet in known]
        for number, (name, path) in enumerate(filters(folder)):
            tried += 1
            with world(Case("native" if number % 2 else "skb", queues=4)) as w:
                try:
                    replay(w, folder, name, path, packets)
                except Skip as reason:
                    skipped.append(str(reason))
                except Failed as problem:
                    problems.append(str(problem))
    if problems:
        raise Failed("\n  ".join([f"{len(problems)} of {tried}:", *problems]))
    if len(skipped) == tried:
        raise Skip(skipped[0])
    return f"{tried} filters, {len(packets)} packets; {len(skipped)} skipped: {'; '.join(skipped)[:300]}"


def bench_filters():
    """F1 to F9 on the traces of the bench."""
    return replayed(lambda folder: [(f"F{n}", f"{folder}/F{n}.vfl") for n in range(1, 10)])


def manual_filters():
    """The filters of the manual on the same packets."""
    def of_manual(_):
        for path in sorted((ROOT / "tests/golden/manual").glob("*.vfl")):
            if run(["vfm-compile", path, "--target=vfm", "-o", "/dev/null"],
                   check=False).returncode in (0, 2):
                yield path.stem, path
    return replayed(of_manual)


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (queues, limit, errors, log, overrun,
                                                            bench_filters, manual_filters)])
