#!/usr/bin/env python3
"""docs/manual.md shows every corrected listing of tests/golden/manual as the test runs it."""
import sys
from pathlib import Path


def code(path):
    lines = [line for line in path.read_text().split("\n") if not line.startswith(";")]
    return "\n".join(lines).strip("\n")


def check(root):
    page = (Path(root) / "docs/manual.md").read_text()
    for fixed in sorted((Path(root) / "tests/golden/manual").glob("*-fixed.*")):
        original = fixed.with_name(fixed.name.replace("-fixed", ""))
        # An excerpt that only lacks its end is not shown again.
        if original.exists() and code(fixed) == code(original) + "\nRET":
            continue
        if f"```assembly\n{code(fixed)}\n```" not in page:
            yield f"docs/manual.md: does not show {fixed.name}"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
