#!/usr/bin/env python3
"""Generated filters on generated packets of every shape, attached on each road of vfm-xdp: what
arrives, statistics, rule counters and flows are the interpreter's. `agree.py [CHECK...]`"""
import json
import os
import random
import time
from pathlib import Path

import lib_sandbox
import lib_serve
from lib_replay import (arrived, interpreted, lived, read_capture, same_judgement, same_packets,
                        those_that_arrive)
from lib_sandbox import LONG, Failed, Skip, run
from lib_serve import detach, vfm
from lib_world import Case, world

FILTERS = 1000 if LONG else 100
SPARE = FILTERS // 20  # more, should the kernel not take some
POOL, PACKETS = 3000, 100  # generated; of a filter, at most a ring of veth's
SEED = 9


def tried(w, folder, number, options, packets, known):
    """One filter. Gives what happened: (accepted, dropped, errors, flows, rules that decided), or
    None if it is not in the kernel."""
    path = f"{folder}/{number}.vfl"
    expected = interpreted(folder, path, packets)
    # Neighbours are permanent, nothing else sends.
    done = vfm(w.server, "attach", "v0", path, "--on-error=drop", *options, status=None)
    if done.returncode:
        return done.stderr
    try:
        watch, sender = w.watch(w.server, "v0", incoming_only=True), w.sender(w.client, "v1")
        for packet in packets:
            sender.send_one(packet)
        got = lived(w, len(packets))
        visible = [packet for packet in expected.accepted if packet in known]
        same_packets(path, arrived(watch, len(visible)), visible)
        same_judgement(path, got, expected)
    except Failed as problem:
        raise Failed(f"{problem}\n{Path(path).read_text()}") from None
    finally:
        w.tidy()
        detach(w)
    return (expected.numbers["accept"], expected.numbers["drop"],
            sum(expected.numbers["errors"].values()), len(expected.flows),
            sum(row["packets"] > 0 for row in expected.rules))


def road(options):
    program = Path(os.environ.get("VFM_E2E_BUILD", ".")) / "served_generated"
    if not program.exists():
        raise Skip("served_generated is not built")
    results, refused, problems, seconds = [], [], [], time.monotonic()
    with lib_sandbox.workplace() as folder, world(Case()) as w:
        lib_serve.BPFFS = f"{folder}/bpf"
        w.know_neighbours()
        shapes = json.loads(run([program, folder, SEED, FILTERS + SPARE, POOL]).stdout)
        if min(shapes.values()) < 50:
            raise Failed(f"hardly any packets of one shape: {shapes}")
        pool = read_capture(f"{folder}/packets.pcap")
        known = those_that_arrive(w, pool)
        for number in range(FILTERS + SPARE):
            if len(results) + len(problems) == FILTERS:
                break
            packets = random.Random(number).sample(pool, PACKETS)
            try:
                found = tried(w, folder, number, options, packets, known)
                (refused if isinstance(found, str) else results).append(found)
            except Failed as problem:
                problems.append(str(problem))
            if len(problems) == 5:
                break
    if problems:
        raise Failed("\n  ".join([f"{len(problems)} of {len(results) + len(problems)}:",
                                  *problems]))
    if not results:
        raise Skip(refused[0])
    if len(results) < FILTERS:
        raise Failed(f"{len(refused)} filters refused: {refused[0]}")
    accepted, dropped, errors, flows, rules = map(sum, zip(*results))
    both = sum(result[0] > 0 and result[1] > 0 for result in results)
    return (f"{len(results)} filters of seed {SEED}, {PACKETS} packets each, {len(refused)} refused; "
            f"{accepted} accepted, {dropped} dropped, {errors} errors; {both} filters accept some "
            f"and drop some; {flows} flow entries, {rules} rules that decided; of the packets "
            f"{json.dumps(shapes)[1:-1]}; {time.monotonic() - seconds:.0f} s"
            + "".join(f"\n  refused: {text.strip()[:200]}" for text in refused[:3]))


def kernel():
    return road(["--mode=native"])


def userspace():
    return road(["--mode=userspace", "--hand-over=native"])


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (kernel, userspace)])
