#!/usr/bin/env python3
"""`flows del` and `flows clear` on a filter that a process serves. `flows.py [CHECK...]`"""
import os
import signal

import lib_sandbox
import lib_serve
from lib_packet import ETH_P_IP, ethernet, udp
from lib_sandbox import Failed, Skip, same
from lib_serve import (SERVED_BY, attach, detach, end_of, refused, server_pid, stats_after, vfm,
                       vfm_json)
from lib_world import CLIENT_MAC, SERVER, SERVER_MAC, Case, world

FILTER = """(deftable pair :key (ip port)) (deftable many :key (port port) :capacity 100000)
(+ (count-by ip.src) (flow-add! pair (ip.src udp.sport) 1)
   (flow-add! many (udp.sport udp.dport) 1))"""


def on_served(check):
    if SERVED_BY != "userspace":
        raise Skip(f"served by {SERVED_BY}: this is about a filter in user space")
    with lib_sandbox.workplace() as folder, world(Case("native", queues=4)) as w:
        lib_serve.BPFFS = f"{folder}/bpf"
        w.know_neighbours()
        check(w)


def send(w, count, seen):
    """So many frames of one host, by all queues; all are decided then."""
    w.sender(w.client, "v1").send(*[
        ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP, udp("10.9.0.2", SERVER, 1000 + number, 9, b"x"))
        for number in range(count)])
    stats_after(w, seen)


def rows(w, table):
    return [(row["key"], row["value"])
            for row in vfm_json(w.server, "flows", "v0", "--table", table)]


def deletes():
    """The process deletes what it is told, by key and all, and tells how many."""
    def check(w):
        attach(w, FILTER)
        send(w, 40, 40)
        same("by source", rows(w, "ip.src"), [("10.9.0.2", 40)])
        done = vfm_json(w.server, "flows", "del", "v0", "--table", "pair", "10.9.0.2,1003",
                        "10.9.0.2,9", "10.9.0.2,1004")
        same("del", (done["deleted"], done["missing"]), (2, ["10.9.0.2,9"]))
        same("left", sorted(key[1] for key, _ in rows(w, "pair")),
             [port for port in range(1000, 1040) if port not in (1003, 1004)])
        # More than the process is told at once.
        every = [f"10.9.0.2,{port}" for port in range(700, 1700)]
        done = vfm_json(w.server, "flows", "del", "v0", "--table", "pair", *every)
        same("del of many", (done["deleted"], len(done["missing"])), (38, 962))
        cleared = vfm_json(w.server, "flows", "clear", "v0")
        same("clear", {row["table"]: row["deleted"] for row in cleared},
             {"ip.src": 1, "pair": 0, "many": 40})
        same("empty", vfm_json(w.server, "flows", "v0"), [])
        send(w, 3, 43)
        same("begun anew", rows(w, "ip.src"), [("10.9.0.2", 3)])
        refused(w.server, "<key>:1:10: error: expected a port", "flows", "del", "v0", "--table",
                "pair", "10.9.0.2,x", status=2)
        detach(w)
    on_served(check)


def under_traffic():
    """Each entry is deleted once, or is there at the end."""
    def check(w):
        attach(w, FILTER)
        sender, deleted, rounds = w.sender(w.client, "v1"), 0, 0
        for port in range(100):
            sender.send(*[
                ethernet(SERVER_MAC, CLIENT_MAC, ETH_P_IP,
                         udp("10.9.0.2", SERVER, 1000 + n, port, b"x")) for n in range(100)])
            if port % 10 == 9:
                cleared = vfm_json(w.server, "flows", "clear", "v0", "--table", "many")
                deleted += cleared[0]["deleted"]
                rounds += cleared[0]["deleted"] > 0
        stats_after(w, 10000)
        left = len(rows(w, "many"))
        if rounds < 2:
            raise Failed(f"all of {deleted} deleted at once")
        same("deleted or left", deleted + left, 10000)
        detach(w)
    on_served(check)


def unserved():
    """Nobody changes the tables of a filter whose process is gone or does not answer."""
    def check(w):
        attach(w, FILTER)
        send(w, 4, 4)
        pid = server_pid()
        os.kill(pid, signal.SIGSTOP)
        refused(w.server, "does not change its tables", "flows", "clear", "v0")
        os.kill(pid, signal.SIGCONT)
        vfm(w.server, "flows", "del", "v0", "--table", "ip.src", "10.9.0.2")
        same("what nobody waits for is not done", len(rows(w, "pair")), 4)
        os.kill(pid, signal.SIGKILL)
        end_of(pid)
        refused(w.server, "its tables can only be read", "flows", "clear", "v0")
        same("they can be read", len(rows(w, "pair")), 4)
        detach(w)
    on_served(check)


if __name__ == "__main__":
    lib_sandbox.main([(check.__name__, check) for check in (deletes, under_traffic, unserved)])
