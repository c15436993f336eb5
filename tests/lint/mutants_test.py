#!/usr/bin/env python3
"""Lint over the filters of the cookbook (docs/cookbook/*.vfl): nothing is found in them; in each of
them rewritten with the manual's fields at fixed offsets, without its rule on fragments, and with a
rule below a wider one, the fault that was put in is.

    tests/lint/mutants_test.py --bin build/bin [NAME...]
"""
import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COOKBOOK = Path(__file__).resolve().parents[2] / "docs/cookbook"

# What the manual would have written. Longer words first.
FIXED = [("ip.proto", "proto"), ("ipv4.src", "src-ip"), ("ip.src", "src-ip"), ("ip.dst", "dst-ip"),
         ("tcp.sport", "src-port"), ("udp.sport", "src-port"), ("tcp.dport", "dst-port"),
         ("udp.dport", "dst-port"), ("port.src", "src-port"), ("port.dst", "dst-port"),
         ("tcp.flags", "tcp-flags"), ("eth.type", "ethertype"), ("ip.len", "ip-len"),
         ("(has tcp)", "(= proto 6)"), ("(has udp)", "(= proto 17)")]


def clauses(text):
    """(begin, end) of each `(when ...)` and `(default ...)` of the one `rules`."""
    at = text.index("(rules")
    depth, begin, out, i = 0, None, [], at
    while i < len(text):
        c = text[i]
        if c == ";":
            i = text.index("\n", i)
        elif c == '"':
            i = text.index('"', i + 1)
        elif c == "(":
            depth += 1
            if depth == 2:
                begin = i
        elif c == ")":
            if depth == 2:
                out.append((begin, i + 1))
            depth -= 1
            if depth == 0:
                break
        i += 1
    return out


def test_of(clause):
    """The test of a `(when [:name "..."] test verdict)`."""
    body = re.sub(r'^\(when\s+(:name\s+"[^"]*"\s+)?', "", clause)
    if not body.startswith("("):
        return re.match(r"\S+", body).group()
    depth = 0
    for i, c in enumerate(body):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return body[:i + 1]
    raise ValueError(clause)


def with_fixed_fields(text):
    head, rules = text[:text.index("(rules")], text[text.index("(rules"):]
    out = []
    for part in (head, rules):
        for found, fixed in FIXED:
            part = part.replace(found, fixed)
        out.append(part)
    return "".join(out)


def without_fragment_rules(text):
    for begin, end in reversed(clauses(text)):
        if "ip.frag" in text[begin:end]:
            text = text[:begin] + text[end:]
    return text


def below_a_wider_one(text):
    """One mutant a rule but the first few: the rule once more, narrower, below itself; and below a rule
    that takes all of IP."""
    found = clauses(text)
    rules = [text[b:e] for b, e in found if text[b:e].startswith("(when")]
    for rule in rules:
        b = text.index(rule)
        e = b + len(rule)
        test = test_of(rule)
        if "(rate" in test:
            continue  # which packets it takes nobody can say
        yield text[:e] + f"\n  (when (and {test} (< pkt.len 1400)) log)" + text[e:]
    last = found[-1][0]
    yield text[:last] + "(when (has eth) pass)\n  (when (= ip.src 10.9.0.0/16) drop)\n  " + text[last:]
    first = found[0][0]
    yield text[:first] + "(when (has ip) pass)\n  " + text[first:]


class Lint:
    def __init__(self, bin_dir):
        self.bin = Path(bin_dir)
        self.slowest = 0

    def __call__(self, path):
        begin = time.monotonic()
        run = subprocess.run([self.bin / "vflispc", "--lint", "--json", path], capture_output=True,
                             text=True)
        self.slowest = max(self.slowest, time.monotonic() - begin)
        if run.stderr and run.returncode != 0 and not run.stdout:
            return None, run.stderr
        findings = [json.loads(line) for line in run.stdout.splitlines()]
        assert run.returncode == (1 if findings else 0), (path, run.returncode)
        for finding in findings:
            bytes.fromhex(finding["packet"])
        return findings, run.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("-v", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    lint = Lint(args.bin)
    wrong = []
    counts = {"original": 0, "fixed-offset": 0, "later-fragment": 0, "shadowed": 0}
    for path in sorted(COOKBOOK.glob("*.vfl")):
        if args.names and not any(name in path.name for name in args.names):
            continue
        text = path.read_text()
        with tempfile.TemporaryDirectory() as folder:
            for named in COOKBOOK.glob("*.txt"):
                shutil.copy(named, folder)

            def found(what):
                file = Path(folder) / path.name
                file.write_text(what)
                return lint(file)

            findings, errors = lint(path)
            if findings is None or findings:
                wrong.append(f"{path.name}: {findings} {errors}")
            counts["original"] += 1
            mutants = [("fixed-offset", with_fixed_fields(text)),
                       ("later-fragment", without_fragment_rules(text))]
            mutants += [("shadowed", mutant) for mutant in below_a_wider_one(text)]
            for kind, mutant in mutants:
                if mutant == text:
                    continue
                findings, errors = found(mutant)
                if findings is None:
                    wrong.append(f"{path.name}: {kind}: no filter: {errors}")
                elif kind not in {f["lint"] for f in findings}:
                    wrong.append(f"{path.name}: {kind} is not found:\n{mutant}")
                else:
                    counts[kind] += 1
                others = {f["lint"] for f in findings or []} - {kind}
                if args.v and others:
                    print(path.name, kind, "also", others)
    print(", ".join(f"{count} {what}" for what, count in counts.items()),
          f"slowest {1000 * lint.slowest:.0f} ms")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
