#!/usr/bin/env python3
"""No source file is longer than 600 lines, and every folder with sources says in a README of at
most 40 lines what lives there."""
import sys
from pathlib import Path, PurePosixPath

from tree import sources

SOURCES = {".cc", ".h", ".c", ".def", ".py", ".sh", ".proto", ".cmake"}
MOST_LINES = 600
MOST_README = 40
# Folders whose README speaks for the folders below them.
SPEAKS_FOR_ALL = ("tests/unit", "tests/golden")


def lines(root, path):
    return len((Path(root) / path).read_bytes().splitlines())


def check(root):
    folders = set()
    for path in sources(root, SOURCES):
        count = lines(root, path)
        if count > MOST_LINES:
            yield f"{path}: {count} lines, at most {MOST_LINES}"
        folder = str(PurePosixPath(path).parent)
        above = next((s for s in SPEAKS_FOR_ALL if folder.startswith(s + "/")), None)
        folders.add(above or folder)
    for folder in sorted(folders):
        readme = f"{folder}/README.md"
        if not (Path(root) / readme).is_file():
            yield f"{folder}: has no README.md"
        elif folder != "." and lines(root, readme) > MOST_README:
            yield f"{readme}: {lines(root, readme)} lines, at most {MOST_README}"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
