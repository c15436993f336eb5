#!/usr/bin/env python3
"""A capture that comes through a pipe: each line when its packet comes, a signal ends the run with its
summary and whole files, a pipe may end anywhere, and who reads the lines may go."""
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import tool
from tool import check, mc, record

PATIENCE = 60  # seconds; a machine may be busy


def start(*arguments, **options):
    return subprocess.Popen([tool.TOOL, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


def send(process, data):
    process.stdin.write(data)
    process.stdin.flush()


def line(process):
    """The next line, which must come while the pipe stays open."""
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    check(ready, "no line came for a packet that had come")
    return json.loads(process.stdout.readline())


def lines_come_and_a_signal_ends_the_run(folder, number, *options):
    accepted = f"{folder}/a{number}.pcap"
    run = start("-v", "--json", f"--accepted={accepted}", *options, "-e", "(has tcp)", "-")
    send(run, mc.pcap([]) + record(mc.tcp(80)))
    check(line(run) == {"packet": 1, "len": 54, "value": 1}, "the first packet's line")
    # A packet in two parts, and half of one.
    second = record(mc.udp(53), 1)
    send(run, second[:20])
    send(run, second[20:] + record(mc.tcp(22), 2)[:30])
    check(line(run) == {"packet": 2, "len": 42, "value": 0}, "the second packet's line")
    run.send_signal(number)
    out, err = run.communicate(timeout=PATIENCE)
    check(run.returncode == 0, f"signal {number} gives status {run.returncode}: {err}")
    check(json.loads(out) == {"engine": "interp", "packets": 2, "accept": 1, "drop": 1, "errors": {}},
          f"the summary after signal {number}: {out}")
    check(err == b"", f"stderr after signal {number}: {err}")
    with open(accepted, "rb") as file:
        check(file.read()[40:] == mc.tcp(80), "the accepted packet")


def a_signal_before_any_packet(folder):
    run = start("--json", f"--accepted={folder}/none.pcap", "-e", "1", "-")
    # Its handlers stand once it waits for the capture.
    deadline = time.monotonic() + PATIENCE
    while "S" != open(f"/proc/{run.pid}/stat").read().rsplit(")", 1)[1].split()[0]:
        check(time.monotonic() < deadline, "it does not wait for its capture")
        time.sleep(0.01)
    time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)
    check((run.returncode, err) == (0, b""), f"a signal before any packet: {run.returncode} {err}")
    check(json.loads(out)["packets"] == 0, out)
    check(os.path.getsize(f"{folder}/none.pcap") == 24, "an empty capture")


def a_pipe_that_ends_within_a_packet(folder):
    run = start("--json", f"--dropped={folder}/d.pcap", "-e", "(has tcp)", "-")
    out, err = run.communicate(mc.pcap([mc.tcp(80), mc.udp(53)])[:-7], timeout=PATIENCE)
    check(run.returncode == 1, f"status {run.returncode}")
    check(json.loads(out)["packets"] == 1, "the summary of what was whole")
    check(err == b"<stdin>:+0x5e: error: packet 2: cut off: 35 of 42 bytes of a packet are there; "
          b"packets read before it: 1\n", err)
    check(not os.path.exists(f"{folder}/d.pcap"), "a failed run leaves a file")


def whoever_read_the_lines_has_gone():
    run = start("-v", "-e", "1", "-")
    send(run, mc.pcap([]) + record(mc.tcp(80)))
    check(b"packet 1" in run.stdout.readline(), "the first line")
    run.stdout.close()
    try:
        for number in range(1, 1000):
            send(run, record(mc.tcp(80), number))
            time.sleep(0.01)
            if run.poll() is not None:
                break
    except BrokenPipeError:
        pass
    check(run.wait(PATIENCE) == 0, f"status {run.returncode}")
    check(run.stderr.read() == b"", "something is said of a closed pipe")


def a_filter_without_end_can_be_stopped(folder):
    program = f"{folder}/loop.vfm"
    with open(program, "w") as file:
        file.write("again:\nPUSH 0\nPUSH 0\nJEQ again\nPUSH 0\nRET\n")
    with open(f"{folder}/one.pcap", "wb") as file:
        file.write(mc.pcap([mc.tcp(80)]))
    run = subprocess.Popen([tool.TOOL, "--fuel=1000000000000", program, f"{folder}/one.pcap"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    time.sleep(0.5)
    if run.poll() is not None:
        sys.exit(f"failed: a run of 10^12 instructions has ended: {run.stderr.read()}")
    run.send_signal(signal.SIGTERM)
    run.wait(PATIENCE)
    check(run.returncode == -signal.SIGTERM, f"status {run.returncode}")


def shown_on_terminal(capture, *arguments, stdout=subprocess.DEVNULL, environment=None):
    """What vfm-test writes on a terminal that is its stderr, and with stdout=None its stdout."""
    here, there = pty.openpty()
    slow = f"(+ {'(hash5) ' * 500})"
    run = subprocess.Popen([tool.TOOL, *arguments, "-e", slow, capture],
                           stdout=there if stdout is None else stdout, stderr=there,
                           env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **(environment or {})})
    os.close(there)
    text = b""
    while True:
        try:
            part = os.read(here, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(here)
    check(run.wait(PATIENCE) == 0, "a run with progress")
    return text


def progress_on_a_terminal(folder):
    with open(f"{folder}/large.pcap", "wb") as file:
        file.write(mc.pcap([]) + b"".join(record(mc.tcp(80), number) for number in range(20_000)) * 6)
    text = shown_on_terminal(f"{folder}/large.pcap")
    check(b" % " in text and b" packets, " in text, f"no progress on a terminal: {text[:200]}")
    check(text.endswith(b"\r\x1b[K"), "the progress line stays")
    check(b" % " not in shown_on_terminal(f"{folder}/large.pcap", environment={"NO_COLOR": "1"}), "NO_COLOR")
    check(b" % " not in shown_on_terminal(f"{folder}/large.pcap", "-v", stdout=None), "-v on the same terminal")


def main():
    with tool.place() as folder:
        for number in (signal.SIGINT, signal.SIGTERM):
            lines_come_and_a_signal_ends_the_run(folder, number)
            lines_come_and_a_signal_ends_the_run(folder, number, "--jobs=2")
        a_signal_before_any_packet(folder)
        a_pipe_that_ends_within_a_packet(folder)
        whoever_read_the_lines_has_gone()
        a_filter_without_end_can_be_stopped(folder)
        progress_on_a_terminal(folder)


if __name__ == "__main__":
    sys.exit(main())
