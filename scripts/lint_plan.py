#!/usr/bin/env python3
"""Which units clang-tidy has to look at, for lint.sh; run from the root.

    lint_plan.py changed RECORD...  the units that no record has found clean as they are
    lint_plan.py record             a record of all units as they are
    lint_plan.py last RECORD        when that record was written

A unit is a .cc file outside tests/. Its fingerprint covers its text, that of every header of ours below
it (they are written from the root: tests/checks/layers.py), .clang-tidy and the version of clang-tidy."""
import datetime
import hashlib
import re
import subprocess
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
WRITTEN = re.compile(r"^# Every unit was clean on (\S+)", re.M)


def units():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.cc"],
                            check=True, capture_output=True, text=True).stdout.split()
    return sorted({n for n in listed if not n.startswith("tests/") and Path(n).is_file()})


def tidy_version():
    text = subprocess.run(["clang-tidy-19", "--version"], capture_output=True, text=True).stdout
    return (re.search(r"version (\S+)", text) or [None, "?"])[1]


def below(unit, known):
    """The unit and every header of ours that it includes, however deep."""
    found, waiting = set(), [unit]
    while waiting:
        name = waiting.pop()
        if name in found or not Path(name).is_file():
            continue
        found.add(name)
        if name not in known:
            text = Path(name).read_text(errors="replace")
            known[name] = hashlib.sha256(text.encode()).hexdigest(), INCLUDE.findall(text)
        waiting += known[name][1]
    return sorted(found)


def fingerprints(version):
    rules = hashlib.sha256((version + Path(".clang-tidy").read_text()).encode()).hexdigest()
    known = {}
    for unit in units():
        parts = [rules] + [f"{name} {known[name][0]}" for name in below(unit, known)]
        yield unit, hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def lines(record):
    return Path(record).read_text().splitlines() if Path(record).is_file() else []


def main(what, records):
    if what == "last":
        date = WRITTEN.search("\n".join(line for r in records for line in lines(r)))
        print(f"all were clean on {date[1]}" if date else "no --all has been recorded")
        return
    version = tidy_version()
    now = {f"{print_} {unit}": unit for unit, print_ in fingerprints(version)}
    if what == "record":
        print(f"# Every unit was clean on {datetime.date.today()}, said clang-tidy {version}. "
              "Written by scripts/lint.sh --all.")
        print("\n".join(now))
    else:
        clean = {line for record in records for line in lines(record)}
        print("".join(f"{unit}\n" for line, unit in now.items() if line not in clean), end="")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
