#!/usr/bin/env python3
"""Live sets change while a filter runs, on either road, and rules count. `sets.py [CHECK...]`"""
import json
import os
import time
from collections import Counter

import lib_sandbox
import lib_serve
import rate
from lib_packet import ETH_P_IP, address, ethernet, udp
from lib_sandbox import Failed, Skip, same
from lib_serve import SERVED_BY, attach, detach, stats, stats_after, vfm, vfm_json
from lib_world import CLIENT_MAC, SERVER, SERVER_MAC, Case, world

FILTER = "(defset blocked :live 10.9.0.0/30) (if (in ip.src @blocked) 0 1)"


def served(check):
    if SERVED_BY == "none":
        raise Skip("no filter")
    with lib_sandbox.workplace() as folder, world(Case("native", queues=4)) as w:
        lib_serve.BPFFS = f"{folder}/bpf"
        w.know_neighbours()
        check(w, folder)


def dropped(w, source):
    """Of 40 frames of a source, which come by all queues."""
    before = stats(w)
    w.sender(w.client, "v1").send(*[
        ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, udp(source, SERVER, 1000 + 7 * number, 9, b"x"))
        for number in range(40)])
    return stats_after(w, before["packets"] + 40)["drop"] - before["drop"]


def members(w):
    return vfm(w.server, "set", "list", "v0", "blocked").stdout.split("\n")[:-1]


def changes():
    """When a command ends every queue asks the set as it is then."""
    def check(w, folder):
        attach(w, FILTER)
        same("as declared", (dropped(w, "10.9.0.2"), dropped(w, "10.9.0.77")), (40, 0))
        vfm(w.server, "set", "add", "v0", "blocked", "10.9.0.77", "2001:db8::/32")
        same("added", dropped(w, "10.9.0.77"), 40)
        vfm(w.server, "set", "del", "v0", "blocked", "10.9.0.2")
        same("a part taken out", (dropped(w, "10.9.0.2"), dropped(w, "10.9.0.3")), (0, 40))
        same("list", members(w), ["10.9.0.0/31", "10.9.0.3", "10.9.0.77", "2001:db8::/32"])
        path = f"{folder}/list.txt"
        with open(path, "w") as file:
            file.write("10.9.0.88 ; one\n\n# two\n(range 10.9.0.90 10.9.0.91)\n")
        vfm(w.server, "set", "load", "v0", "blocked", path)
        same("loaded", [dropped(w, f"10.9.0.{n}") for n in (77, 88, 90, 91, 92)], [0, 40, 40, 40, 0])
        same("list", members(w), ["10.9.0.88", "10.9.0.90/31"])
        detach(w)
    return served(check)


def under_load():
    """Two lists take each other's place while packets come from two CPUs: none sees half of one."""
    def check(w, folder):
        if len(os.sched_getaffinity(0)) < rate.SENDERS:
            raise Skip("one CPU only")
        blocked, free, paths = "10.9.0.77", "10.9.0.200", []
        for net, around in ((20, f"{blocked}/32"), (30, "10.9.0.64/27")):
            paths.append(f"{folder}/{net}.txt")
            with open(paths[-1], "w") as file:
                file.write("".join(f"10.{net}.{n // 256}.{n % 256}\n" for n in range(0, 10000, 2)))
                file.write(f"{around}\n")
        attach(w, FILTER, "--on-error=drop")
        vfm(w.server, "set", "load", "v0", "blocked", paths[0])
        watch = w.watch(w.server, "v0", incoming_only=True)
        loads = 0

        def enough(row, seconds):
            nonlocal loads
            loads += 1
            vfm(w.server, "set", "load", "v0", "blocked", paths[loads % 2])
            return loads >= 25 and row["drop"] > 10000
        rate.load(w, rate.frames_from(blocked) + rate.frames_from(free), enough)
        passed = Counter(frame.layer4()[1] for frame in watch.drain())
        same(f"of {blocked} after {loads} lists", passed[address(blocked)], 0)
        if passed[address(free)] < 1000:
            raise Failed(f"of {free} only {passed[address(free)]} passed")
        w.tidy()
        detach(w)
    return served(check)


def refusals():
    """What is wrong says so and changes nothing."""
    def check(w, folder):
        attach(w, FILTER)
        path = f"{folder}/list.txt"
        with open(path, "w") as file:
            file.write("10.9.0.88\nhello\n")
        for status, message, arguments in (
                (1, f"{path}:2:1: error: expected a number", ["load", "v0", "blocked", path]),
                (1, "No such file", ["load", "v0", "blocked", f"{folder}/none"]),
                (1, "<values>:1:1: error", ["add", "v0", "blocked", "10.9.0"]),
                (3, "no live set is named 'other'", ["add", "v0", "other", "10.9.0.1"]),
                (3, "does not fit into the 32 bits", ["add", "v0", "blocked", "0x100000000"]),
                (2, "is no time", ["add", "v0", "blocked", "10.9.0.88", "--ttl=10"]),
                (2, "is not one of", ["frob", "v0", "blocked"])):
            done = vfm(w.server, "set", *arguments, status=status)
            if message not in done.stderr:
                raise Failed(f"{arguments}: {done.stderr}")
        same("list", members(w), ["10.9.0.0/30"])
        detach(w)
    return served(check)


def expiry():
    """A member with a time goes by itself; adding it again renews the time."""
    def check(w, _):
        attach(w, FILTER)
        vfm(w.server, "set", "add", "v0", "blocked", "10.9.0.77", "--ttl", "1s")
        vfm(w.server, "set", "add", "v0", "blocked", "10.9.0.78", "--ttl", "1s")
        vfm(w.server, "set", "add", "v0", "blocked", "10.9.0.78", "--ttl", "1h")
        rows = json.loads(vfm(w.server, "set", "list", "v0", "blocked", "--json").stdout)
        left = {row["member"]: row["ttl"] for row in rows}
        if left["10.9.0.0/30"] is not None or not 3000 < left["10.9.0.78"] <= 3600:
            raise Failed(f"times: {rows}")
        time.sleep(1.5)
        same("after a while", (dropped(w, "10.9.0.77"), dropped(w, "10.9.0.78")), (0, 40))
        same("list", [line.split(" ;")[0] for line in members(w)], ["10.9.0.0/30", "10.9.0.78"])
        detach(w)
    return served(check)


def rules():
    """What each rule decides is counted, whatever queue a packet comes by."""
    def check(w, folder):
        path = f"{folder}/rules.vfl"
        with open(path, "w") as file:
            file.write("(defset none :live)\n(rules\n  (when (in ip.src @none) drop)\n"
                       '  (when :name "nine" (= udp.dport 9) drop)\n  (default pass))\n')
        attach(w, path)
        same("dropped", dropped(w, "10.9.0.5"), 40)
        rows = vfm_json(w.server, "stats", "v0")[0]["rules"]
        same("rules", [(row["rule"], row["name"], row["line"]) for row in rows],
             [(0, None, 5), (1, None, 3), (2, "nine", 4)])
        same("packets", [row["packets"] for row in rows[1:]], [0, 40])
        detach(w)
    return served(check)


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (changes, under_load, refusals, expiry, rules)])
