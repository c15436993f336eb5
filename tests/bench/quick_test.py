#!/usr/bin/env python3
"""Runs the bench on small traces and holds its report to what it promises: quick_test.py PROGRAM.
Verdicts are compared by the program; times are not judged."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import report
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


def check_summary_of_part():
    """What must not pass for a judgement says so."""
    data = {"engines": {"jit": "", "gcc": ""}, "filters": {"F1": ""}, "traces": {"imix-hot": {}}, "compile": {},
            "cells": [cell("jit", "F1", "imix-hot", 2), cell("gcc", "F1", "imix-hot", 4)]}
    said = summary.summarise({**data, "partial": ["filters", "engines"]})
    assert [c.split()[1] for c in said["cautions"]] == ["filters", "engines", "is"], said
    assert said["targets"]["jit_vs_c"]["met"] is True, said
    quick = summary.summarise({**data, "quick": True})
    assert "judge nothing" in quick["cautions"][0], quick
    assert quick["targets"]["jit_vs_c"] == {"most": 0.8, "is": 0.5, "met": None}, quick
    wild = {**cell("gcc", "F1", "imix-hot", 4), "ns_passes": [8.95, 1002, 9]}
    noisy = summary.summarise({**data, "cells": data["cells"] + [wild]})
    assert noisy["noise"] == 3 and noisy["noisy_cells"] == 3, noisy
    assert noisy["noise_worst"]["ratio"] > 100 and noisy["noise_worst"]["engine"] == "gcc", noisy
    assert not summary.summarise({**data, "cells": []})["targets"]


def check_grid():
    """Columns stay columns, however long a cell is, and lines end before the margin."""
    header = [f"F{i}" for i in range(1, 10)]
    for ns in (1, 123456):
        cells = [f"{report.short(ns)}-{report.short(10 * ns)}"] * 8 + ["-"]
        lines = [line for line in report.grid(header, [("rte_bpf-interp", cells), ("", cells)]) if line]
        assert all(len(line) <= report.MOST_COLUMNS for line in lines), lines
        assert sum(line.count("-1") for line in lines) == 16 and len(lines) in (3, 6), lines
        for first in range(0, len(lines), 3):
            assert len({len(line) for line in lines[first:first + 3]}) == 1, lines
    assert [report.short(x) for x in (0.499, 9.99, 9.996, 99.96, 1002)] == ["0.50", "9.99", "10.0", "100", "1002"]


def shown(engines, *options):
    return subprocess.run([sys.executable, "-B", HERE / "report.py", engines, *options],
                          capture_output=True, text=True)


def check_text(text, data):
    lines = text.splitlines()
    assert max(map(len, lines)) <= report.MOST_COLUMNS, max(lines, key=len)
    for name, what in {**data["filters"], **data["engines"]}.items():
        assert any(line.startswith(name + " ") and what[:20] in line for line in lines), name
    assert "judge nothing" in text and "not judged" in text, text
    assert not any(line.startswith(("met", "MISSED")) for line in lines), text
    assert any(line.startswith("info   jit_cold_vs_c") for line in lines) == ("jit" in data["engines"])
    assert "cut (4096 packets, compared only, never timed)" in text, text


def check_only_compared(program, folder):
    ran = subprocess.run([program, "--quick", "--trace=cut", "--filter=F1"], capture_output=True, text=True)
    assert ran.returncode == 0 and "cut is for comparing, it is not timed" in ran.stderr, ran
    engines = Path(folder, "cut.json")
    engines.write_text(ran.stdout)
    assert "cut (4096 packets, compared only, never timed)" in shown(engines).stdout
    assert json.loads(ran.stdout)["partial"] == ["filters"]


def main():
    check_summary()
    check_summary_of_part()
    check_grid()
    wrong = subprocess.run([sys.argv[1], "--engine=nobody"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "nobody" in wrong.stderr and not wrong.stdout, wrong
    ran = subprocess.run([sys.argv[1], "--quick"], capture_output=True, text=True)
    print(ran.stderr, end="")
    assert ran.returncode == 0, f"exit status {ran.returncode}"
    with tempfile.TemporaryDirectory() as folder:
        engines, picture = Path(folder, "engines.json"), Path(folder, "bench.svg")
        engines.write_text(ran.stdout)
        text = shown(engines, "--svg", picture).stdout
        root = ElementTree.parse(picture).getroot()
        data = json.loads(shown(engines, "--json").stdout)
        with open("/dev/full", "w", encoding="utf-8") as full:
            lost = subprocess.run([sys.executable, "-B", HERE / "report.py", engines], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        nowhere = shown(engines, "--svg", Path(folder, "no", "bench.svg"))
        check_only_compared(sys.argv[1], folder)
    assert nowhere.returncode == 3 and nowhere.stderr.count("\n") == 1, nowhere
    assert lost.returncode == 3 and lost.stderr == "bench: error: cannot write the results: " \
        "No space left on device\n", lost
    check_text(text, data)
    assert root.tag.endswith("svg")
    dots = sum(1 for e in root.iter() if e.tag.endswith("circle") and len(e))
    assert dots == len(data["cells"]), f"{dots} dots for {len(data['cells'])} cells"
    for trace in ("imix-hot", "imix", "ddos", "imix-cold"):
        for name in data["filters"]:
            have = {c["engine"] for c in data["cells"] if (c["trace"], c["filter"]) == (trace, name)}
            assert "interp" in have, f"{trace} {name}: {have}"
    print("measured:", ", ".join(data["engines"]))


if __name__ == "__main__":
    main()
