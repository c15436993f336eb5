#!/usr/bin/env python3
"""Times of starting, loading and attaching: scripts/bench-attach.sh runs it in namespaces of its own.

attach.py BIN [--json] [--rounds=N]
"""
import ctypes
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

TOOLS = ["vflispc", "vfm-asm", "vfm-dis", "vfm-test", "vfm-compile", "vfm-xdp"]
SMALL = "(= proto 6)"
ADDRESSES = 10_000
INTERFACE = "attach0"
SETTLE = 0.02  # seconds, until what was taken off before is no longer waited for

PROG_LOAD, LINK_CREATE, TYPE_XDP, ATTACH_XDP, SYS_BPF = 5, 28, 6, 37, 321


def stop(why, status):
    print(f"bench-attach: {why}", file=sys.stderr)
    sys.exit(status)


def run(command):
    """Wall and CPU milliseconds of a command that must succeed."""
    null = os.open(os.devnull, os.O_RDWR)
    ends = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    start = time.perf_counter_ns()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=ends)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter_ns() - start
    os.close(null)
    if status != 0:
        stop(f"failed: {' '.join(command)}", 3)
    return wall / 1e6, (used.ru_utime + used.ru_stime) * 1e3


class BareLink:
    """A program that passes everything, put onto the interface by the system call alone."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        insns = ctypes.create_string_buffer(
            struct.pack("<BBhi", 0xb7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0))
        licence = ctypes.create_string_buffer(b"GPL")
        self.program = self.call(PROG_LOAD, struct.pack(
            "<IIQQ", TYPE_XDP, 2, ctypes.addressof(insns), ctypes.addressof(licence)))
        self.index = socket.if_nametoindex(INTERFACE)

    def call(self, command, attributes):
        memory = ctypes.create_string_buffer(attributes, 144)
        result = self.libc.syscall(SYS_BPF, command, memory, 144)
        if result < 0:
            stop(f"bpf({command}): {os.strerror(ctypes.get_errno())}", 77)
        return result

    def make(self):
        """Milliseconds until the link is there; takes it off again."""
        start = time.perf_counter_ns()
        link = self.call(LINK_CREATE, struct.pack("<IIII", self.program, self.index, ATTACH_XDP, 0))
        took = time.perf_counter_ns() - start
        os.close(link)
        return took / 1e6


def write_filters(directory):
    """The small filter, and the addresses as a set in the text and in a file."""
    choice = random.Random(1)
    addresses = [".".join(str(choice.randrange(256)) for _ in range(4)) for _ in range(ADDRESSES)]
    texts = {"small.vfl": SMALL, "list.txt": "\n".join(addresses),
             "set.vfl": "(in ip.src\n" + "\n".join(addresses) + ")",
             "file.vfl": '(defset bad :file "list.txt") (in ip.src @bad)',
             "live.vfl": "(defset bad :live " + "\n".join(addresses) + ") (in ip.src @bad)"}
    for name, text in texts.items():
        with open(os.path.join(directory, name), "w") as file:
            file.write(text + "\n")


def measure(bin_directory, directory, rounds):
    """Of each thing its times in milliseconds, one a round."""
    tool = {name: os.path.join(bin_directory, name) for name in TOOLS}
    xdp = tool["vfm-xdp"]
    link = BareLink()
    times = {}

    def note(name, value):
        times.setdefault(name, []).append(value)

    for _ in range(rounds):
        note("true", run(["/bin/true"])[0])
        for name in TOOLS:
            note(f"start {name}", run([tool[name], "--version"])[0])
        for name in ("small", "set", "file", "live"):
            note(f"check {name}", run([xdp, "check", os.path.join(directory, f"{name}.vfl")])[0])
        time.sleep(SETTLE)
        note("link", link.make())
        time.sleep(SETTLE)
        wall, cpu = run([xdp, "attach", INTERFACE, os.path.join(directory, "small.vfl"), "--mode=native"])
        note("attach", wall)
        note("attach cpu", cpu)
        run([xdp, "detach", INTERFACE])
    return times


def summary(times):
    middle = {name: statistics.median(values) for name, values in times.items()}
    beside = [c - s for c, s in zip(times["check small"], times["start vfm-xdp"])]
    return {"true_ms": middle["true"],
            "start_ms": {name: middle[f"start {name}"] for name in TOOLS},
            "check_small_ms": middle["check small"],
            "compile_and_load_small_ms": statistics.median(beside),
            "attach_small_ms": middle["attach"],
            "attach_small_cpu_ms": middle["attach cpu"],
            "kernel_link_ms": middle["link"],
            "addresses": ADDRESSES,
            "addresses_set_ms": middle["check set"],
            "addresses_file_ms": middle["check file"],
            "addresses_live_ms": middle["check live"]}


def table(found):
    rows = [("/bin/true", found["true_ms"])]
    rows += [(f"{name} --version", ms) for name, ms in found["start_ms"].items()]
    rows += [(f"vfm-xdp check '{SMALL}'", found["check_small_ms"]),
             ("  beside its start: compile and load", found["compile_and_load_small_ms"]),
             (f"vfm-xdp attach '{SMALL}'", found["attach_small_ms"]),
             ("  CPU time of it", found["attach_small_cpu_ms"]),
             ("  a bare BPF_LINK_CREATE, the kernel's own wait", found["kernel_link_ms"])]
    rows += [(f"vfm-xdp check, {ADDRESSES} addresses in {what}", found[f"addresses_{name}_ms"])
             for name, what in (("set", "a set"), ("file", "a file"), ("live", "a live set"))]
    for name, ms in rows:
        print(f"{name:60}{ms:9.2f} ms")


def main():
    rounds = next((int(a[9:]) for a in sys.argv if a.startswith("--rounds=")), 51)
    for command in (["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"],
                    ["ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", "attach1"],
                    ["ip", "link", "set", INTERFACE, "up"]):
        if subprocess.run(command).returncode != 0:
            stop(f"not here: {' '.join(command)}", 77)
    with tempfile.TemporaryDirectory() as directory:
        write_filters(directory)
        found = summary(measure(sys.argv[1], directory, rounds))
    if "--json" in sys.argv:
        print(json.dumps(found))
    else:
        table(found)


if __name__ == "__main__":
    main()
