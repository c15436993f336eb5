#!/usr/bin/env python3
"""Runs the bench on small traces and holds its report to what it promises: quick_test.py PROGRAM.
Verdicts are compared by the program; times are not judged."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import summary

HERE = Path(__file__).parent


def cell(engine, name, trace, ns):
    return {"engine": engine, "filter": name, "trace": trace, "ns_passes": [ns, 3 * ns, ns]}


def check_summary():
    """Ratios of made-up times."""
    data = {"engines": ["interp", "jit", "gcc", "clang", "libpcap"], "filters": {"F1": "", "F2": ""},
            "traces": {"imix-hot": {}, "imix-cold": {}},
            "compile": {"jit": {"us": {"F1": 3.5}}},
            "flow_tables": {"summary": [{"entries": 1000, "best": 1.1}, {"entries": 10 ** 6, "best": 0.3},
                                        {"entries": 10 ** 7, "best": 0.6}]},
            "cells": [cell("jit", "F1", "imix-hot", 2), cell("jit", "F2", "imix-hot", 9),
                      cell("gcc", "F1", "imix-hot", 4), cell("gcc", "F2", "imix-hot", 30),
                      cell("clang", "F1", "imix-hot", 8), cell("clang", "F2", "imix-hot", 18),
                      cell("interp", "F1", "imix-hot", 30), cell("libpcap", "F1", "imix-hot", 20),
                      cell("interp", "F2", "imix-hot", 99),
                      cell("jit", "F1", "imix-cold", 6), cell("gcc", "F1", "imix-cold", 5)]}
    made = summary.summarise(data)
    assert made["jit_vs_c"] == 0.5, made
    assert made["jit_worst_vs_c"] == 0.5 and made["jit_vs_gcc"] < 0.4, made
    assert made["jit_vs_clang"] == round((0.25 * 0.5) ** 0.5, 4), made
    assert made["jit_cold_vs_c"] == 1.2, made
    assert made["interp_vs_libpcap"] == 1.5, made
    assert made["compile_us"] == {"F1": 3.5}, made
    assert made["targets"]["jit_vs_c"]["met"] and not made["targets"]["interp_vs_libpcap"]["met"], made
    assert made["interp_vs_c"] == round((30 / 4 * 99 / 18) ** 0.5, 4), made
    assert made["targets"]["compile_us F1"]["met"] and made["noise"] == 3, made
    assert made["targets"]["flow_small_worst_vs_best"] == {"most": 1.2, "is": 1.1, "met": True}, made
    assert made["targets"]["flow_large_worst_vs_best"] == {"most": 0.5, "is": 0.6, "met": False}, made
    assert "batch_vs_c" not in made, made


def report(engines, *options):
    return subprocess.run([sys.executable, "-B", HERE / "report.py", engines, *options],
                          check=True, capture_output=True, text=True).stdout


def main():
    check_summary()
    wrong = subprocess.run([sys.argv[1], "--engine=nobody"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "nobody" in wrong.stderr and not wrong.stdout, wrong
    ran = subprocess.run([sys.argv[1], "--quick"], capture_output=True, text=True)
    print(ran.stderr, end="")
    assert ran.returncode == 0, f"exit status {ran.returncode}"
    with tempfile.TemporaryDirectory() as folder:
        engines, picture = Path(folder, "engines.json"), Path(folder, "bench.svg")
        engines.write_text(ran.stdout)
        text = report(engines, "--svg", picture)
        root = ElementTree.parse(picture).getroot()
        data = json.loads(report(engines, "--json"))
    assert root.tag.endswith("svg")
    assert all(engine in text for engine in data["engines"])
    dots = sum(1 for e in root.iter() if e.tag.endswith("circle") and len(e))
    assert dots == len(data["cells"]), f"{dots} dots for {len(data['cells'])} cells"
    for trace in ("imix-hot", "imix", "ddos", "imix-cold"):
        for name in data["filters"]:
            have = {c["engine"] for c in data["cells"] if (c["trace"], c["filter"]) == (trace, name)}
            assert "interp" in have, f"{trace} {name}: {have}"
    print("measured:", ", ".join(data["engines"]))


if __name__ == "__main__":
    main()
