#!/usr/bin/env python3
"""Every test of every source is run, and by one row only. A row runs the suites that are named as its
sources, so: `x_test.cc` is one suite `x_test` from its first declaration to its last, and is a source of
exactly one vfm_test(); a program has no two sources of one name."""
import re
import sys
from pathlib import Path, PurePosixPath

from tree import files

ROW = re.compile(r"^\s*vfm_test\(\s*([\w.]+)([^)]*)\)", re.MULTILINE)
BEGIN = re.compile(r"^BOOST_(?:AUTO|FIXTURE)_TEST_SUITE\((\w+)")
END = re.compile(r"^BOOST_AUTO_TEST_SUITE_END\(")
TEST = re.compile(r"^BOOST_\w*TEST_CASE\w*\(")
LEAK = re.compile(r"^using namespace ")


def rows(root):
    """(row, program, path of a source that is a suite) of every vfm_test()."""
    for path in files(root):
        if not path.startswith("tests/") or not path.endswith(("/CMakeLists.txt", ".cmake")):
            continue
        for row, rest in ROW.findall((Path(root) / path).read_text()):
            words = rest.split()
            program = words[words.index("IN") + 1] if "IN" in words else row
            for word in words:
                if word.endswith("_test.cc"):
                    yield row, program, str(PurePosixPath(path).parent / word)


def suites(root, path):
    """What is wrong with the suites of one source."""
    name, depth, outer = PurePosixPath(path).stem, 0, 0
    for number, line in enumerate((Path(root) / path).read_text().splitlines(), 1):
        begins = BEGIN.match(line)
        if begins and depth == 0:
            outer += 1
            if begins[1] != name or outer > 1:
                yield f"{path}:{number}: suite {begins[1]} is not within the one suite {name}"
        elif depth == 0 and TEST.match(line):
            yield f"{path}:{number}: a test before or after suite {name}, which no row runs"
        elif depth == 0 and LEAK.match(line):
            yield f"{path}:{number}: before suite {name}, for all sources of the program"
        depth += 1 if begins else -1 if END.match(line) else 0
    if not outer:
        yield f"{path}: has no suite {name}"


def check(root):
    runs, names = {}, {}
    for row, program, path in rows(root):
        runs.setdefault(path, []).append(row)
        names.setdefault((program, PurePosixPath(path).stem), set()).add(path)
    for path in files(root):
        if path.startswith("tests/") and path.endswith("_test.cc"):
            if len(runs.get(path, [])) != 1:
                yield f"{path}: is in {len(runs.get(path, []))} rows, not in one"
            yield from suites(root, path)
    for (program, name), paths in names.items():
        if len(paths) > 1:
            yield f"{', '.join(sorted(paths))}: suite {name} twice in test_{program}"


if __name__ == "__main__":
    broken = list(check(sys.argv[1]))
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
