#!/usr/bin/env python3
"""--jobs gives what one job gives, byte by byte: lines, flows, rules, summary and both halves of the
capture, for filters with and without state, on connections in both directions, tags, fragments, IPv6,
packets without any connection, and a capture that breaks off."""
import random
import sys
from pathlib import Path

import tool
from tool import check, mc

FILTERS = [
    "(has tcp)",
    "(count-by conn)",
    "(rate conn 3 :per 1s :burst 5)",
    "(rules (when (= tcp.dport 80) pass) (when (> (count-by conn) 4) drop) (default log))",
    "(deftable t :key conn :capacity 4096) (flow-set! t conn (+ (flow-get t conn) pkt.len))",
    "(count-by (ip.src ip.dst port.src port.dst ip.proto))",
    "(u8 100)",  # an error in short packets
]


def packet(dice):
    """One of a few connections, in either direction, in one of several shapes."""
    hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    source, destination = dice.sample(hosts, 2)
    ports = dice.choice([(40000, 80), (80, 40000), (40001, 443), (443, 40001)])
    data = bytes(dice.choice([0, 3, 60]))
    shape = dice.randrange(8)
    segment = mc.tcp_segment(*ports, dice.choice([mc.SYN, mc.ACK]), data)
    if shape == 0:
        return mc.udp(53, ports[0], source, destination, data)
    if shape == 1:
        return mc.eth(mc.ipv4(6, segment, source, destination), tags=[(0x8100, 5)])
    if shape == 2:
        return mc.eth(mc.ipv4(6, segment, source, destination, fragment=dice.choice([0x2000, 0x0005])))
    if shape == 3:
        return mc.eth(mc.ipv6(6, segment, *dice.sample(["2001:db8::1", "2001:db8::2"], 2)), 0x86DD)
    if shape == 4:
        return dice.choice([mc.ARP, mc.ICMP, mc.tcp(80)[:20], b""])
    if shape == 5:
        return mc.eth(mc.ipv4(6, segment, source, destination, options=bytes(8)))
    return mc.eth(mc.ipv4(6, segment, source, destination))


def results(folder, jobs, engine, expression, capture):
    accepted, dropped = folder / "a", folder / "d"
    for half in (accepted, dropped):
        half.unlink(missing_ok=True)
    done = tool.run(f"--jobs={jobs}", f"--engine={engine}", "-v", "--json", "--dump-flows", "--dump-rules",
                    f"--accepted={accepted}", f"--dropped={dropped}", "-e", expression, capture)
    halves = [half.read_bytes() if half.exists() else None for half in (accepted, dropped)]
    return done.returncode, done.stdout, done.stderr, *halves


def main():
    dice = random.Random(7)
    with tool.place() as name:
        folder = Path(name)
        whole = mc.pcap([packet(dice) for _ in range(5000)])
        (folder / "whole.pcap").write_bytes(whole)
        (folder / "cut.pcap").write_bytes(whole[:-1])
        for capture in (folder / "whole.pcap", folder / "cut.pcap"):
            for expression in FILTERS:
                for engine in ("interp", "jit"):
                    one = results(folder, 1, engine, expression, capture)
                    broken = capture.name == "cut.pcap"
                    check(one[0] == broken, f"{expression}: {one[2]}")
                    for jobs in (2, 5):
                        check(results(folder, jobs, engine, expression, capture) == one,
                              f"{jobs} jobs differ from one: {expression}, {engine}, {capture.name}")


if __name__ == "__main__":
    sys.exit(main())
