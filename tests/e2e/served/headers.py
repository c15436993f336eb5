#!/usr/bin/env python3
"""Header-aware fields of real packets behind tags, options, extension headers and in fragments: every
value that a field has, verdicts and rule counters are the interpreter's at every hook.
`headers.py [CHECK...]`"""
import json
import struct

import lib_sandbox
import lib_serve
from lib_packet import (ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ETH_P_QINQ, arp, ethernet, icmp, ip, tcp,
                        udp)
from lib_replay import (arrived, interpreted, lived, same_judgement, same_packets,
                        those_that_arrive)
from lib_sandbox import Failed, contains, run, same
from lib_serve import detach, stats_after, vfm, vfm_json
from lib_world import CLIENT, CLIENT6, CLIENT_MAC, SERVER, SERVER6, SERVER_MAC, Case, world

# Nobody's: no stack answers.
OTHER_MAC = "02:00:00:00:09:09"
TAGS = [(), (0x6005,), ((ETH_P_QINQ, 0x2064), 0x6005), (0x0001, 0x0002), ((ETH_P_QINQ, 7),)]
HOOKS = {"xdp_native": ["--mode=native"], "xdp_skb": ["--mode=skb"],
         "userspace": ["--mode=userspace", "--hand-over=native"], "tc": ["--hook=tc-ingress"]}
POLICIES = [
    "(= tcp.dport 443)",
    "(not (= tcp.dport 443))",
    "(rules (when :name \"web\" (in tcp.dport 80 443) pass) (when (has icmp6) log)"
    " (when (= ip.frag 1) drop) (when (in ip.src 10.9.0.0/24 fd09::/64) pass) (default drop))",
    "(and (= vlan.id 100) (= vlan.inner 5) (= ip.version 6))",
    "(let ((p port.dst)) (cond ((< p 1024) 1) ((has vlan) 2) (else 0)))",
    "(or (= (u8 udp.payload 0) 0x62) (= (u16 icmp.payload 1) 0x696e))"]


def with_options(packet, words):
    """An IPv4 packet whose header has so many words of options."""
    head = bytearray(packet[:20])
    head[0] = 0x45 + words
    struct.pack_into("!H", head, 2, len(packet) + 4 * words)
    return bytes(head) + b"\1" * (4 * words) + packet[20:]


def behind(packet, *extensions):
    """An IPv6 packet with extension headers: (number, bytes without the first)."""
    kinds = [kind for kind, _ in extensions] + [packet[6]]
    chain = b"".join(bytes([following]) + body
                     for (_, body), following in zip(extensions, kinds[1:]))
    return packet[:4] + struct.pack("!HB", len(packet) - 40 + len(chain), kinds[0]) + \
        packet[7:40] + chain + packet[40:]


def options6(units):
    return bytes([units]) + b"\1\4" + bytes(4 + 8 * units)


def fragment6(offset, more):
    return b"\0" + struct.pack("!HI", offset << 3 | more, 77)


def bodies():
    """(EtherType, bytes)."""
    web = tcp(CLIENT, SERVER, 1000, 443, 2, b"hello")
    web6 = tcp(CLIENT6, SERVER6, 1001, 80, 0x18, b"hello")
    name = udp(CLIENT, SERVER, 53, 5353, b"body")
    name6 = udp(CLIENT6, SERVER6, 53, 853, b"body")
    sctp = struct.pack("!HHII", 7, 8, 9, 10) + b"chunk"
    v4 = [web, name, icmp(CLIENT, SERVER), ip("10.8.0.1", SERVER, 132, sctp),
          ip(CLIENT, SERVER, 136, name[20:]), ip(CLIENT, SERVER, 47, b"gre"),
          *(with_options(web, words) for words in range(1, 11)), with_options(name, 10),
          *(ip(CLIENT, SERVER, 6, web[20:], fragment=field) for field in (0x2000, 0x2010, 0x10,
                                                                          0x4000))]
    v6 = [web6, name6, icmp(CLIENT6, SERVER6, 128), icmp(CLIENT6, SERVER6, 135),
          behind(web6, (0, options6(0))), behind(name6, (0, options6(1)), (60, options6(2))),
          behind(web6, (0, options6(0)), (43, options6(0)), (60, options6(0))),
          behind(web6, *[(60, options6(0))] * 8), behind(web6, *[(60, options6(0))] * 9),
          *(behind(name6, (44, fragment6(*field))) for field in ((0, 0), (0, 1), (5, 1), (5, 0))),
          behind(web6, (0, options6(0)), (44, fragment6(0, 1)), (60, options6(0)))]
    return [(ETH_P_IP, body) for body in v4] + [(ETH_P_IPV6, body) for body in v6] + \
        [(ETH_P_ARP, arp(1, CLIENT_MAC, CLIENT, "00:00:00:00:00:00", SERVER))]


def packets_made():
    """Every body behind every tag; some of them cut at each byte."""
    frames = [ethernet(OTHER_MAC, CLIENT_MAC, kind, body, tags)
              for tags in TAGS for kind, body in bodies()]
    chosen = bodies()
    for tags, number in (TAGS[0], 15), (TAGS[1], 0), (TAGS[2], 26), (TAGS[0], -2):
        kind, body = chosen[number]
        frame = ethernet(OTHER_MAC, CLIENT_MAC, kind, body, tags)
        frames += [frame[:size] for size in range(14 + 4 * len(tags), len(frame))]
    return frames


def fields_of(at_tc):
    """Filters that count each value of each field, some fields a filter."""
    shown = [json.loads(line) for line in run("vflispc --fields --json").stdout.splitlines()]
    # At tc the outer tag is no part of the packet's length.
    fields = [(row["field"], row["key"]) for row in shown if "." in row.get("field", "")
              and not (at_tc and row["field"] == "pkt.len")]
    if len(fields) < 40:
        raise Failed(f"only {len(fields)} fields")
    for first in range(0, len(fields), 10):
        some = fields[first:first + 10]
        tables = [f"(deftable of-{name} :key {kind} :capacity 2048 :evict none)"
                  for name, kind in some]
        # The sum is never 0: each operand is evaluated.
        counts = [f"(= 0 (flow-add! of-{name} {name} 1))" for name, _ in some]
        yield "\n".join([*tables, "(or", *counts, ")", ""])


def send(w, packets):
    """In bursts that no ring is too short for."""
    sender = w.sender(w.client, "v1")
    for first in range(0, len(packets), 100):
        for packet in packets[first:first + 100]:
            sender.send_one(packet)
        if first + 100 < len(packets):
            stats_after(w, first + 100)


def one(w, folder, what, text, options, packets):
    path = f"{folder}/filter.vfl"
    with open(path, "w") as file:
        file.write(text)
    expected = interpreted(folder, path, packets)
    vfm(w.server, "attach", "v0", path, "--on-error=drop", *options)
    try:
        watch = w.watch(w.server, "v0", incoming_only=True)
        send(w, packets)
        got = lived(w, len(packets))
        if what == "tc":  # who watches an interface sees all that comes to this hook
            for row in got.rules + expected.rules:
                row["bytes"] = 0
        else:
            same_packets(f"{what}: {text}", arrived(watch, len(expected.accepted)),
                         expected.accepted)
        same_judgement(f"{what}: {text}", got, expected)
    finally:
        w.tidy()
        detach(w)
    return len(expected.flows)


def hook(what):
    def check():
        hand_over = "skb" if what == "xdp_skb" else "native"
        with lib_sandbox.workplace() as folder, world(Case(hand_over)) as w:
            lib_serve.BPFFS = f"{folder}/bpf"
            w.know_neighbours()
            made = packets_made()
            known = those_that_arrive(w, made)
            packets = [packet for packet in made if packet in known]
            counted = [one(w, folder, what, text, HOOKS[what], packets)
                       for text in fields_of(what == "tc")]
            for text in POLICIES:
                one(w, folder, what, text, HOOKS[what], packets)
        return f"{len(packets)} packets, {sum(counted)} values of fields, {len(POLICIES)} policies"
    return what, check


def shown():
    """`stats` shows rules and `flows` keys of several words, as people write them."""
    text = """(deftable seen :key ip) (deftable ends :key (ip port)) (deftable talks :key conn)
(rules (when :name "web" (and (flow-add! seen ip.src 1) (flow-add! ends (ip.dst port.dst) 1)
                              (flow-add! talks conn 1) (= tcp.dport 443)) pass)
       (default drop))
"""
    a, b = "2001:db8::1", "2001:db8::2"
    packets = [ethernet(OTHER_MAC, CLIENT_MAC, kind, body) for kind, body in
               [(ETH_P_IPV6, tcp(a, b, 1000, 443, 2)), (ETH_P_IPV6, tcp(b, a, 443, 1000, 18)),
                (ETH_P_IP, tcp("10.0.0.2", "10.0.0.1", 1000, 443, 2))]]
    for what, options in HOOKS.items():
        with lib_sandbox.workplace() as folder, \
                world(Case("skb" if what == "xdp_skb" else "native")) as w:
            lib_serve.BPFFS = f"{folder}/bpf"
            w.know_neighbours()
            path = f"{folder}/f.vfl"
            with open(path, "w") as file:
                file.write(text)
            vfm(w.server, "attach", "v0", path, *options)
            send(w, packets)
            row = stats_after(w, len(packets))
            size = len(packets[1])
            same(f"{what}: rules", row["rules"], [
                {"rules": "rules", "rule": 0, "name": None, "file": path, "line": 4, "packets": 1,
                 "bytes": size, "would_drop": 0},
                {"rules": "rules", "rule": 1, "name": "web", "file": path, "line": 2, "packets": 2,
                 "bytes": sum(map(len, packets)) - size, "would_drop": 0}])
            flows = {(row["table"], json.dumps(row["key"])): row["value"]
                     for row in vfm_json(w.server, "flows", "v0")}
            same(f"{what}: flows", flows, {
                ("seen", '"2001:db8::1"'): 1, ("seen", '"2001:db8::2"'): 1,
                ("seen", '"10.0.0.2"'): 1, ("ends", '["2001:db8::1", 1000]'): 1,
                ("ends", '["2001:db8::2", 443]'): 1, ("ends", '["10.0.0.1", 443]'): 1,
                ("talks", '["2001:db8::1", 1000, "2001:db8::2", 443, 6]'): 2,
                ("talks", '["10.0.0.1", 443, "10.0.0.2", 1000, 6]'): 1})
            contains(f"{what}: stats as text", vfm(w.server, "stats", "v0").stdout, "web")
            contains(f"{what}: flows as text", vfm(w.server, "flows", "v0").stdout, "2001:db8::1")
            w.tidy()
            detach(w)


if __name__ == "__main__":
    lib_sandbox.main([*map(hook, HOOKS), ("shown", shown)])
