#!/usr/bin/env python3
"""Captures of tcpdump's own tests, where they are at hand: others.py [DIRECTORY], else the directory that
VFM_TCPDUMP_TESTS names, skipped without one. `apt-get source tcpdump` brings them.

Each is read to its end or refused with a reason that names link type or place; never a crash. Where
tcpdump reads it too, both see as many packets, and those that tcpdump finds to be TCP over IPv4 without a tag
are those that vfm-test finds."""
import os
import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import tool
from tool import check


def records(data):
    """Packets of a pcap file that this machine's tcpdump wrote."""
    at, count = 24, 0
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from("=I", data, at + 8)[0]
        count += 1
    return count


def by_tcpdump(capture, *expression):
    """How many packets tcpdump writes again, or None where it refuses the file."""
    done = subprocess.run(["tcpdump", "-r", capture, "-w", "-", *expression], capture_output=True, timeout=60)
    return records(done.stdout) if done.returncode == 0 else None


def ours(capture, expression):
    done = tool.run("-v", "--json", "-e", expression, capture)
    text = done.stdout.decode()
    return done, text.count('{"packet":'), len(re.findall(r'"value":1}', text))


def look_at(capture):
    """What became of one capture, in a word."""
    done, packets, tcp = ours(capture, "(and (not (has vlan)) (= ipv4.proto tcp))")
    error = done.stderr.decode(errors="replace")
    check(done.returncode in (0, 1), f"{capture}: status {done.returncode}: {error}")
    if done.returncode == 1:
        unknown = re.search(r"link type (?:(\S+) \()?(\d+)\)? is not read", error)
        if unknown:
            return f"link type {unknown.group(1) or unknown.group(2)}"
        check(re.search(r":\+0x[0-9a-f]+: error: packet \d+: ", error) or "not a capture" in error,
              f"{capture}: no place in: {error}")
        return "broken"
    there = by_tcpdump(capture)
    if there is None:
        return "read, tcpdump refuses it"
    check(there == packets, f"{capture}: {packets} packets, tcpdump has {there}")
    # What else tcpdump looks at depends on the link type.
    if " note: " not in error:
        found = by_tcpdump(capture, "ip proto 6 and ip[0] & 0xf0 = 0x40 and ip[0] & 15 >= 5")
        check(found is None or found == tcp, f"{capture}: {tcp} packets of TCP, tcpdump has {found}")
    return "read"


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VFM_TCPDUMP_TESTS")
    if not folder:
        tool.skip("VFM_TCPDUMP_TESTS names no directory with tcpdump's tests")
    captures = sorted(p for p in Path(folder).iterdir() if re.search(r"\.pcap(ng)?$", p.name))
    check(captures, f"no captures in {folder}")
    for what, count in Counter(map(look_at, captures)).most_common():
        print(f"{count:4} {what}")


if __name__ == "__main__":
    sys.exit(main())
