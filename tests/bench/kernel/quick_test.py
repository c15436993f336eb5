#!/usr/bin/env python3
"""Runs the kernel bench for a moment and holds its report to what it promises: quick_test.py BENCH-KERNEL. Times are
not judged. Skips (77) where the machine runs no programs in the kernel."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import judge

HERE = Path(__file__).parent
SUMMARY = {"ns_vs_clang", "ns_worst_vs_clang", "ns_varied_vs_clang", "insns_vs_clang", "loaded_vs_clang",
           "load_vs_clang", "processed", "load_ms"}
NAMES = [f"F{i}" for i in range(1, 10)] + [f"H{i}" for i in range(1, 11)]


def one(name, ours, clang, **more):
    facts = {"loaded": 10, "machine_bytes": 10, "processed": 10, "executed": 10, "load_ms": [1, 1, 1]}
    times = {who: {"fixed": list(ns), "varied": list(ns)} for who, ns in (("ours", ours), ("clang", clang))}
    return {"name": name, "what": "", "ours": {**facts, "ns": times["ours"], **more}, "clang": {**facts, "ns": times["clang"]},
            "null": {"ns": {kind: [1.0] * len(ours) for kind in judge.KINDS}}}


def made_up(*filters, **more):
    return {"machine": {"before_all_others": True}, "quick": False, "partial": False, "filters": list(filters), **more}


def check_intervals():
    """Order statistics of the median: at 95 % the 6th of 21 values and of 9 the 2nd; below 6 there is none."""
    assert judge.interval(range(1, 22)) == (6, 16), judge.interval(range(1, 22))
    assert judge.interval(range(1, 10)) == (2, 8), judge.interval(range(1, 10))
    assert judge.interval([3, 1, 2]) == (1, 3)


def check_judgement():
    """Ratios of made-up figures."""
    slow_machine = [1 + (i % 7) for i in range(21)]  # its speed changes from round to round
    twice = one("F1", [40 * s for s in slow_machine], [20 * s for s in slow_machine], loaded=20, load_ms=[3, 3, 3])
    half = one("F2", [10 * s for s in slow_machine], [20 * s for s in slow_machine], loaded=20)
    summary, rows, more = judge.summarise(made_up(twice, half))
    assert set(summary) == SUMMARY, summary
    assert summary["ns_vs_clang"] == 1.0 and summary["ns_worst_vs_clang"] == 2.0, summary
    assert summary["loaded_vs_clang"] == 2.0 and summary["load_vs_clang"] == 1.7321, summary
    met = {goal["name"]: goal["met"] for goal in more["goals"]}
    assert met == {"ns_vs_clang": True, "ns_varied_vs_clang": True, "insns_vs_clang": True, "loaded_vs_clang": False,
                   "load_vs_clang": False, "no filter above clang's, fixed": False,
                   "no filter above clang's, varied": False}, met
    assert more["worst"] == "F1" and more["cautions"] == [], more
    assert rows[0]["fixed"]["bad"] and rows[1]["fixed"]["good"], rows
    # One nanosecond is allowed where it is more than a tenth.
    _, rows, _ = judge.summarise(made_up(one("F1", [5.9] * 21, [5.0] * 21), one("F2", [6.1] * 21, [5.0] * 21)))
    assert [row["fixed"]["good"] for row in rows] == [True, False], rows
    _, _, more = judge.summarise(made_up(half, quick=True, partial=True, machine={"before_all_others": False}))
    assert len(more["cautions"]) == 3 and all(goal["met"] is None for goal in more["goals"]), more


def shown(measured, *options):
    return subprocess.run([sys.executable, "-B", HERE / "tables.py", measured, *options], capture_output=True, text=True)


def check_report(folder, text):
    said = json.loads(Path(folder, "all.json").read_text())
    assert set(said["summary"]) == SUMMARY, said["summary"]
    assert list(said["summary"]["processed"]) == NAMES == list(said["summary"]["load_ms"]), said["summary"]
    assert all(value > 0 for value in said["summary"]["processed"].values()), said["summary"]
    assert [row["name"] for row in said["rows"]] == NAMES, said["rows"]
    for row in said["rows"]:
        for fact in ("executed", "loaded", "processed", "machine_bytes", "load_ms"):
            assert row[fact]["ours"] > 0 and row[fact]["clang"] > 0, row
        for kind in judge.KINDS:
            assert row[kind]["null"] > 0 and row[kind]["ours"] > 0 and row[kind]["clang"] > 0, row
    assert {point["family"] for point in said["measured"]["curves"]} == set(said["measured"]["families"])
    assert not any("refused" in point for point in said["measured"]["curves"]), said["measured"]["curves"]
    assert all("skipped" in one or one["rows"] for one in said["measured"]["beside"]), said["measured"]["beside"]
    assert Path(folder, "tables.txt").read_text() == text
    for picture in ("times.svg", "curves.svg"):
        assert ElementTree.parse(Path(folder, picture)).getroot().tag.endswith("svg")
    assert "judge nothing" in text and "MISSED" not in text, text


def main():
    check_intervals()
    check_judgement()
    for wrong in ("--only=F10", "--rounds=0", "--cpu=x", "--without=all", "--nope"):
        ran = subprocess.run([sys.argv[1], wrong], capture_output=True, text=True)
        assert ran.returncode == 2 and wrong[:5] in ran.stderr and not ran.stdout, ran
    ran = subprocess.run([sys.argv[1], "--quick"], capture_output=True, text=True)
    print(ran.stderr, end="")
    if ran.returncode == 77:
        sys.exit(77)
    assert ran.returncode == 0, f"exit status {ran.returncode}"
    with tempfile.TemporaryDirectory() as folder:
        measured = Path(folder, "measured.json")
        measured.write_text(ran.stdout)
        made = shown(measured, "--json", Path(folder, "all.json"), "--out", folder)
        assert made.returncode == 0 and not made.stderr, made
        check_report(folder, made.stdout)
        nowhere = shown(measured, "--json", Path(folder, "no", "all.json"))
        assert nowhere.returncode == 3 and nowhere.stderr.count("\n") == 1, nowhere


if __name__ == "__main__":
    main()
