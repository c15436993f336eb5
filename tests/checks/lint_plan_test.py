#!/usr/bin/env python3
"""scripts/lint_plan.py names the units that changed since a record, by themselves or by a header."""
import subprocess
import sys
import tempfile
from pathlib import Path

PLAN = Path(sys.argv[1]) / "scripts/lint_plan.py"
FILES = {
    "core/a.cc": '#include "core/a.h"\n',
    "core/a.h": '#include "core/deep.h"\n',
    "core/b.cc": '#include "core/deep.h"\n',
    "core/c.cc": "#include <vector>\n",
    "core/deep.h": "#pragma once\n",
    "tests/t.cc": "\n",
    ".clang-tidy": "Checks: x\n",
}
CHANGES = [
    # file, its new text, units that are to be read again
    (None, None, []),
    ("core/c.cc", "int c;\n", ["core/c.cc"]),
    ("core/a.h", '#include "core/deep.h"\nint a;\n', ["core/a.cc"]),
    ("core/deep.h", "int deep;\n", ["core/a.cc", "core/b.cc"]),
    ("core/new.cc", "\n", ["core/new.cc"]),
    ("tests/t.cc", "int t;\n", []),
    (".clang-tidy", "Checks: y\n", ["core/a.cc", "core/b.cc", "core/c.cc"]),
]


def plan(root, *arguments):
    return subprocess.run([sys.executable, "-B", PLAN, *arguments], cwd=root, check=True,
                          capture_output=True, text=True).stdout


def run():
    for name, text, expected in CHANGES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            subprocess.run(["git", "init", "-q"], cwd=root, check=True)
            (root / "record").mkdir()
            for path, content in FILES.items():
                (root / path).parent.mkdir(exist_ok=True)
                (root / path).write_text(content)
            if plan(root, "changed").split() != ["core/a.cc", "core/b.cc", "core/c.cc"]:
                yield "without a record not every unit is to be read"
            (root / "record/clean").write_text(plan(root, "record"))
            if name:
                (root / name).write_text(text)
            found = plan(root, "changed", "record/clean", "record/none").split()
            if found != expected:
                yield f"{name} changed: expected {expected}, found {found}"
            if "no --all" in plan(root, "last", "record/clean"):
                yield "the record has no date"


if __name__ == "__main__":
    broken = list(run())
    print("\n".join(broken))
    sys.exit(1 if broken else 0)
