#!/usr/bin/env python3
"""docs/cookbook.md: which filters it shows, and what tcpdump is said to make of them. `page.py --write` puts
the files of docs/cookbook into the page, as they are."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILTERS = ROOT / "docs/cookbook"
PAGE = ROOT / "docs/cookbook.md"
TWINS = ROOT / "tests/twins"

SECTION = re.compile(r"^### (\d\d-[a-z0-9-]+)\n(.*?)(?=^##|\Z)", re.M | re.S)
FILTER = re.compile(r"```lisp\n(.*?)```\n", re.S)
TCPDUMP = re.compile(r"^# what is (dropped|passed)( of IPv4)?:\ntcpdump -r in\.pcap '([^']*)'$", re.M)
MEASURED = re.compile(r"^\| \[(\d\d-[a-z0-9-]+)\]\(#\1\) \|[^|]+\| (H\d+)? ?\|$", re.M)


def files():
    return {path.stem: path for path in sorted(FILTERS.glob("*.vfl"))}


def sections():
    """The page's text on each filter, by the name of its file."""
    return dict(SECTION.findall(PAGE.read_text()))


def expression(text):
    """What tcpdump shows, whether of IPv4 only, the expression; None where the page has none."""
    found = TCPDUMP.search(text)
    return (found[1], bool(found[2]), found[3]) if found else None


def faults():
    """What is wrong with the page."""
    shown, there = sections(), files()
    rows = MEASURED.findall(PAGE.read_text())
    if list(shown) != list(there):
        yield f"docs/cookbook.md: shows {list(shown)}, docs/cookbook has {list(there)}"
    if [name for name, _ in rows] != list(there):
        yield "docs/cookbook.md: its table does not list the filters, in their order"
    if [h for _, h in rows if h] != [f"H{i}" for i in range(1, 11)]:
        yield "docs/cookbook.md: its table does not name ten filters H1 to H10, in their order"
    twins = {path.name.split(".")[0]: path.read_text().split(":")[0] for path in TWINS.glob("*.bpf.c")}
    if {name: f"/* {h}" for name, h in rows if h} != twins:
        yield f"docs/cookbook.md: its table measures other filters than tests/twins has in C: {twins}"
    for name, path in there.items():
        if FILTER.findall(shown.get(name, "")) != [path.read_text()]:
            yield f"docs/cookbook.md: {name} is not shown as it is; tests/cookbook/page.py --write mends that"
        if shown.get(name, "").count("tcpdump -r") != len(TCPDUMP.findall(shown.get(name, ""))):
            yield f"docs/cookbook.md: {name}: a line for tcpdump of which nothing says what it shows"


def write():
    def filled(section):
        path = FILTERS / f"{section[1]}.vfl"
        return FILTER.sub(lambda _: f"```lisp\n{path.read_text()}```\n", section[0], count=1)
    PAGE.write_text(SECTION.sub(filled, PAGE.read_text()))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: page.py --write")
    write()
