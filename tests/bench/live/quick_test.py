#!/usr/bin/env python3
"""Runs the live bench for a moment and holds its report to what it promises: quick_test.py BUILD-DIRECTORY
[CONTENDER], which is then left out. That packets come through is judged, times are not. Skips (77) where the machine cannot run it."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import judge
import tables

HERE = Path(__file__).parent


def cell(contender, name, side, number, rate, **more):
    return {"round": number, "contender": contender, "filter": name, "side": side, "per_second_core": rate,
            "ns_per_packet": 1e9 / rate, "arrived": 10_000, "lost": 0, "busy": 1.0, **more}


def made_up(**more):
    filters = [{"name": f"F{i}", "what": "", "bytes": {"pass": 64, "drop": 64}} for i in range(1, 7)]
    data = {"machine": {"cpu": "c", "family_model_stepping": "1", "cpus": 2, "kernel": "k"}, "quick": False,
            "rounds": 3, "missing": [], "filters": filters, "cells": [], "latency": []}
    for number, slow in enumerate((1, 7, 2)):  # a machine that changes its speed from round to round
        for f in filters:
            for side, factor in (("pass", 0.95), ("drop", 0.91)):
                mine = factor - (0.1 if f["name"] == "F4" and side == "drop" else 0)
                data["cells"] += [cell("loop", f["name"], side, number, 1e6 / slow),
                                  cell("nfqueue", f["name"], side, number, 3e5 / slow),
                                  cell("road", f["name"], side, number, mine * 1e6 / slow)]
        for contender, p50 in (("plain", 10), ("road", 15), ("nfqueue", 40)):
            data["latency"].append({"round": number, "contender": contender, "load": 1000,
                                    "p50": p50 + number, "p99": 5 * p50})
    return {**data, **more}


def check_summary():
    """Ratios of made-up figures."""
    said = judge.summarise(made_up())
    assert said["pass_vs_loop"] == 0.95 and said["drop_vs_loop"] == 0.81, said
    assert said["vs_nfqueue"] == 2.7, said
    assert said["latency_us"] == {"p50": 16, "p99": 75}, said
    assert said["latency_vs_plain"] == round(16 / 11, 3), said
    met = {name: target["met"] for name, target in said["targets"].items()}
    assert met == {"pass_vs_loop": True, "drop_vs_loop": False, "vs_nfqueue": True, "latency_vs_plain": True}, met
    assert said["cautions"] == [], said
    slow = judge.summarise(made_up(latency=[{"round": 0, "contender": c, "load": 1, "p50": p, "p99": p}
                                            for c, p in (("plain", 10), ("road", 20.1))]))
    assert slow["targets"]["latency_vs_plain"]["met"] is False, slow


def check_cautions():
    """What must not pass for a judgement says so."""
    data = made_up(quick=True, missing=[{"name": "nfqueue", "reason": "r"}])
    data["filters"] = data["filters"][:2]
    data["cells"] += [cell("loop", "F9", "pass", 0, 1e6, lost=11), cell("loop", "F9", "pass", 0, 1e6, busy=0.8)]
    said = judge.summarise(data)
    assert len(said["cautions"]) == 5, said
    assert all(target["met"] is None for target in said["targets"].values()), said
    alone = made_up()
    alone["cells"] = [c for c in alone["cells"] if c["contender"] == "loop"]
    alone["latency"] = []
    said = judge.summarise(alone)
    assert said["pass_vs_loop"] is None and said["targets"]["pass_vs_loop"]["met"] is None, said
    for shown in (data, alone):
        assert list(tables.tables(shown, judge.summarise(shown)))


def check_run(build, without=""):
    """All contenders take what the neighbour sends, and nothing is lost on the way."""
    ran = subprocess.run([sys.executable, "-B", HERE / "measure.py", build, "--quick", "--filter", "F3", f"--without={without}"],
                         capture_output=True, text=True)
    if ran.returncode == 77:
        print("SKIP:", ran.stderr.strip())
        return 77
    assert ran.returncode == 0, ran.stderr
    data = json.loads(ran.stdout)
    absent = {m["name"] for m in data["missing"]} | {without}
    there = {(c["contender"], c["side"]) for c in data["cells"]}
    wanted = {(c, s) for c in ("plain", "nfqueue", "loop", "road") for s in ("pass", "drop")} - {("plain", "drop")}
    assert there == {(c, s) for c, s in wanted if c not in absent}, there
    for found in data["cells"]:
        assert found["arrived"] > 1000 and 0 <= found["lost"] <= found["arrived"] // 100, found
        assert found["sent"] >= found["arrived"] and found["ns_per_packet"] > 0, found
    assert {r["contender"] for r in data["latency"]} == {"plain", "nfqueue", "loop", "road"} - absent, data["latency"]
    for found in data["latency"]:
        assert 0 < found["p50"] <= found["p99"] and found["lost"] < 10, found
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(ran.stdout)
        file.flush()
        said = json.loads(subprocess.run([sys.executable, "-B", HERE / "tables.py", file.name, "--json"],
                                         capture_output=True, text=True, check=True).stdout)
        text = subprocess.run([sys.executable, "-B", HERE / "tables.py", file.name],
                              capture_output=True, text=True, check=True).stdout
    assert {"pass_vs_loop", "drop_vs_loop", "vs_nfqueue", "latency_us"} <= set(said["summary"]), said["summary"]
    assert data["machine"]["kernel"] in text and ("road / loop" in text) == (without == ""), text
    return 0


if __name__ == "__main__":
    check_summary()
    check_cautions()
    sys.exit(check_run(*sys.argv[1:]))
