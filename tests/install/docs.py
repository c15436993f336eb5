#!/usr/bin/env python3
"""docs/c-api.md shows every program of tests/install/programs as the test builds it, and names every
function of vfm.h."""
import re
import sys
from pathlib import Path


def check(root):
    root = Path(root)
    page = (root / "docs/c-api.md").read_text()
    for program in sorted((root / "tests/install/programs").glob("*.c*")):
        language = "cpp" if program.suffix == ".cc" else "c"
        if f"```{language}\n{program.read_text().rstrip()}\n```" not in page:
            yield f"docs/c-api.md: does not show {program.name}"
    header = (root / "userspace/capi/vfm.h").read_text()
    for name in re.findall(r"^VFM_API [^;(]*?(\w+)\(", header, re.M):
        if not re.search(rf"\b{name}\b", page):
            yield f"docs/c-api.md: does not name {name}"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
