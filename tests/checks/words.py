#!/usr/bin/env python3
"""No text of the repository contains a word of words.txt: one regular expression a line, any case,
`#` comments."""
import re
import sys
from pathlib import Path

from tree import files

LIST = Path(__file__).with_name("words.txt")


def check(root):
    words = [w.strip() for w in LIST.read_text().splitlines()]
    pattern = re.compile("|".join(f"(?:{w})" for w in words if w and not w.startswith("#")), re.I)
    for name in files(root):
        path = Path(root) / name
        data = path.read_bytes()
        if path.resolve() == LIST.resolve() or b"\0" in data:
            continue
        for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
            found = pattern.search(line)
            if found:
                yield f"{name}:{number}: '{found.group()}' has no place here"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
