#!/usr/bin/env python3
"""docs/refusals.md has every refusal of the back end, with a test that is there, and none that is not."""
import re
import sys
from pathlib import Path

PAGE = "docs/refusals.md"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| [^|]+ \| `([^`]+)`: `([^`]+)` \|$")


def literals(source):
    """The text with adjacent literals joined and what is filled in replaced."""
    joined = re.sub(r'"\s*"', "", source)
    return re.sub(r"\{[^{}\n]*\}", "…", joined)


def check(root):
    root = Path(root)
    rows = [m.groups() for m in map(ROW.match, (root / PAGE).read_text().splitlines()) if m]
    counted = {}
    for message, made_in, test, name in rows:
        counted[made_in] = counted.get(made_in, 0) + 1
        source = root / made_in
        if not source.is_file() or message not in literals(source.read_text()):
            yield f"{PAGE}: {made_in} does not say '{message}'"
        if not (root / test).is_file() or name not in (root / test).read_text():
            yield f"{PAGE}: {test} has no {name}"
    for source in [*sorted((root / "bpfgen").glob("*.cc")), root / "core/ir/lift/lift.cc"]:
        if not source.is_file():
            continue
        name = str(source.relative_to(root))
        made = len(re.findall(r"(?<!status = )(?<!== )Status::refused", source.read_text()))
        if made > counted.get(name, 0):
            yield f"{name}: makes {made} refusals, {PAGE} has {counted.get(name, 0)} of them"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
