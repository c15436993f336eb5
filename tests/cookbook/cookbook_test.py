#!/usr/bin/env python3
"""Holds the cookbook to what it says: cookbook_test.py --bin DIRECTORY. Each filter is run by every engine on
its packets, and must meet each of them with the verdict and the rule that the case has beside it; tcpdump, by
the expression of the page, must tell the same packets apart; the kernel must take the filter."""
import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

import captures
import page
from case import CASES, DEFAULT
from packets import tcpdump_reads, times

FEWEST_PACKETS = 20
ENOUGH_BY_TCPDUMP = 10  # filters
HOOKS = ("xdp", "tc-ingress")  # tc-egress takes the same program


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def verdict(row):
    """Of a packet's line of `vfm-test --json -v`, in the words of `--expect`."""
    if "value" not in row:
        return row.get("error", "skipped")
    return {0: "drop", 2: "log"}.get(row["value"], "pass")


class Cookbook:
    def __init__(self, programs, folder):
        self.programs = programs
        self.files = page.files()
        self.sections = page.sections()
        self.captures = captures.write_all(folder)

    def test(self, name):
        """What is wrong with one filter."""
        tests = [self.case, self.verdicts, self.rules, self.tcpdump if shutil.which("tcpdump") else None,
                 self.kernel if self.kernel_refuses() is None else None]
        return [f"{name}: {fault}" for test in tests if test for fault in test(name)]

    def case(self, name):
        """The packets try everything that the filter tells apart."""
        met = CASES[name].packets
        if len(met) < FEWEST_PACKETS:
            yield f"is tried with {len(met)} packets, at least {FEWEST_PACKETS}"
        if {"drop", "pass"} - {verdict for _, _, verdict, *_ in met}:
            yield "drops nothing, or everything"

    def verdicts(self, name):
        """Every engine and the case agree on every packet, and each rule decides some."""
        ran = run(self.programs / "vfm-test", "--engine=all", "--json", "-v", "--dump-rules",
                  self.files[name], self.captures[name])
        notes = [line for line in ran.stderr.splitlines() if "note: engine" in line]
        # Only the kernel may be left out: where it takes no programs, or because of the clock.
        clock = any(word in self.files[name].read_text() for word in ("(rate ", "(now)"))
        no_kernel = clock or self.kernel_refuses()
        left_out = [line for line in notes if not (no_kernel and "engine kernel" in line)]
        if ran.returncode or left_out:
            yield f"vfm-test ends with {ran.returncode}: {ran.stderr}"
            return
        rows = [json.loads(line) for line in ran.stdout.splitlines()]
        got = {row["packet"]: verdict(row) for row in rows if "packet" in row}
        for number, (_, frame, wanted, rule, note) in enumerate(CASES[name].packets, 1):
            if got[number] != wanted:
                yield f"packet {number} ({note}): {got[number]}, expected {wanted} by '{rule}': {frame.hex()}"
        for row in rows:
            if row.get("packets") == 0 and "rule" in row:
                yield f"rule '{row['name'] or DEFAULT}' decides nothing"

    def rules(self, name):
        """Each packet is decided by the rule that the case means."""
        ran = run(self.programs / "vfm-test", "--expect", self.captures[name].with_suffix(".expect"),
                  self.files[name], self.captures[name])
        if ran.returncode:
            yield f"vfm-test --expect: {ran.stdout}{ran.stderr}"

    def tcpdump(self, name):
        """tcpdump shows the packets that the case drops, or those that it passes."""
        if not page.expression(self.sections[name]):
            return
        shown, ipv4_only, expression = page.expression(self.sections[name])
        out = self.captures[name].with_suffix(f".{shown}")
        ran = run("tcpdump", "-r", self.captures[name], "-w", out, expression)
        if ran.returncode:
            yield f"tcpdump: {ran.stderr}"
            return
        matched, compared = set(times(out.read_bytes())), collections.Counter()
        for number, (time, frame, wanted, _, note) in enumerate(CASES[name].packets, 1):
            if not tcpdump_reads(frame) or (ipv4_only and frame[12:14] != b"\x08\x00"):
                continue
            compared[wanted] += 1
            if (time in matched) != (wanted == "drop" if shown == "dropped" else wanted != "drop"):
                yield f"packet {number} ({note}): {wanted}, of another opinion is tcpdump: {frame.hex()}"
        if min(compared["drop"], compared["pass"]) < 5:
            yield f"tcpdump was asked about {dict(compared)}"

    def kernel(self, name):
        for hook in HOOKS:
            ran = run(self.programs / "vfm-xdp", "check", "--json", f"--hook={hook}", self.files[name])
            if ran.returncode:
                yield f"{hook}: {ran.stdout}{ran.stderr}"

    def kernel_refuses(self):
        """Why this machine cannot load programs, or None."""
        if not hasattr(self, "refuses"):
            rows = json.loads(run(self.programs / "vfm-xdp", "doctor", "--json").stdout)
            needed = ("cap_bpf", "cap_net_admin", "program_xdp", "program_tc")
            bad = [row["detail"] for row in rows if row["name"] in needed and row["state"] != "ok"]
            self.refuses = bad[0] if bad else None
        return self.refuses


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--bin", type=captures.Path, required=True)
    programs = options.parse_args().bin
    faults = list(page.faults())
    if set(CASES) != set(page.files()):
        faults.append(f"without packets or without a filter: {set(CASES) ^ set(page.files())}")
    else:
        with tempfile.TemporaryDirectory() as folder:
            book = Cookbook(programs, folder)
            if book.kernel_refuses():
                print(f"SKIP: would the kernel take the filters? {book.kernel_refuses()}")
            if not shutil.which("tcpdump"):
                print("SKIP: tcpdump's verdicts on the packets of the cookbook: it is not installed")
            if sum(page.expression(text) is not None for text in book.sections.values()) < ENOUGH_BY_TCPDUMP:
                faults.append("docs/cookbook.md: fewer lines for tcpdump than there were")
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                for found in pool.map(book.test, CASES):
                    faults += found
    print("\n".join(faults) or f"{len(CASES)} filters are right")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
