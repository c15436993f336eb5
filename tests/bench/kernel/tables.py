#!/usr/bin/env python3
"""Shows what bench_kernel measured: tables.py MEASURED.json [--json FILE] [--out DIR]. Tables on standard output;
with --json one object, too: summary, rows, and what was measured; with --out the tables and pictures as files."""
import argparse
import json
import os
import sys
from pathlib import Path

from judge import KINDS, summarise
from picture import curves_picture, times_picture


def grid(header, lines):
    """Columns: the first to the left, all others to the right."""
    cells = [header, *lines]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        yield "  ".join(f"{cell:<{w}}" if i == 0 else f"{cell:>{w}}"
                        for i, (cell, w) in enumerate(zip(row, widths))).rstrip()


def short(value):
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"


def span(pair, digits=1):
    return f"{pair[0]:.{digits}f}..{pair[1]:.{digits}f}"


def times_table(data, rows, kind):
    what = {"fixed": "16 packets, each again and again", "varied": "4,096 packets at random"}[kind]
    yield f'{kind}: {what}; ns a run, medians of {data["rounds"]} rounds; in brackets 95 % of the median'
    lines = []
    for row in rows:
        at = row[kind]
        verdict = "" if at["good"] else "ABOVE" if at["bad"] else "above?"
        lines.append([row["name"], short(at["null"]), short(at["clang"]), short(at["ours"]),
                      f'{at["difference"]:+.1f} [{span(at["difference_interval"])}]', f'{at["allowed"]:.1f}',
                      f'{at["ratio"]:.3f} [{span(at["ratio_interval"], 2)}]', verdict])
    yield from grid(["", "null", "clang", "ours", "difference", "allowed", "ratio", ""], lines)
    yield ""


def sizes_table(rows):
    yield "instructions executed (mean of the packets), loaded and walked by the verifier; machine code; " \
          "load time without maps"
    lines = []
    for row in rows:
        line = [row["name"]]
        for fact, digits in (("executed", 1), ("loaded", 0), ("processed", 0), ("machine_bytes", 0), ("load_ms", 2)):
            ours, clang = row[fact]["ours"], row[fact]["clang"]
            ratio = row["load_ratio"] if fact == "load_ms" else ours / clang
            line += [f"{clang:.{digits}f}", f"{ours:.{digits}f}", f"{ratio:.2f}"]
        lines.append(line)
    header = [""]
    for fact in ("executed", "loaded", "processed", "bytes", "load ms"):
        header += [f"{fact}: clang", "ours", "ratio"]
    yield from grid(header, lines)
    yield ""


def curves_table(data):
    if not data["curves"]:
        return
    sizes = sorted({point["n"] for point in data["curves"]})
    yield "how our programs grow: instructions walked by the verifier / load ms"
    points = {(point["family"], point["n"]): point for point in data["curves"]}
    lines, refused = [], []
    for family in data["families"]:
        line = [family]
        for n in sizes:
            point = points[family, n]
            if "refused" in point:
                refused.append(f'{family}, {n}: {point["refused"]}')
                line.append("refused")
            else:
                line.append(f'{point["processed"]} / {point["load_ms"]:.1f}')
        lines.append(line)
    yield from grid(["", *map(str, sizes)], lines)
    for family, what in data["families"].items():
        yield f"  {family}: {what}"
    yield from refused
    yield ""


def beside_table(data, rows):
    if not data["beside"]:
        return
    own = {row["name"]: row for row in rows}
    yield "beside others, for orientation: ns over doing nothing at the same place, medians of paired differences"
    for one in data["beside"]:
        if "skipped" in one:
            yield f'{one["name"]}: skipped: {one["skipped"]}'
            continue
        yield f'{one["name"]}: {one["how"]}'
        lines = []
        for row in one["rows"]:
            line = [row["filter"]]
            for kind in KINDS:
                at = own[row["filter"]][kind]
                line += ["-" if row[kind] is None else short(row[kind]), short(at["clang"] - at["null"]),
                         short(at["ours"] - at["null"])]
            lines.append([*line, row["note"]])
        yield from grid(["", *(f"{kind}: {one['name']}" if who == 0 else who for kind in KINDS
                               for who in (0, "clang", "ours")), ""], lines)
    yield ""


def goal_lines(more, summary):
    for caution in more["cautions"]:
        yield f"caution: {caution}"
    for goal in more["goals"]:
        judged = {True: "met   ", False: "MISSED", None: "      "}[goal["met"]]
        if "most" in goal:
            yield f'{judged} {goal["name"]}: {goal["is"]} (at most {goal["most"]})'
        else:
            names = ", ".join(goal["above"]) or "none"
            yield f'{judged} {goal["name"]}: {names} (surely: {", ".join(goal["surely_above"]) or "none"})'
    yield f'info   ns_worst_vs_clang: {summary["ns_worst_vs_clang"]} ({more["worst"]})'


def report(data, summary, rows, more):
    machine = data["machine"]
    yield f'{machine["cpu"]} ({machine["family_model_stepping"]}), {machine["kernel"]}, CPU {machine["pinned_to"]}'
    yield ""
    for row in rows:
        yield f'{row["name"]:<4}{row["what"]}'
    yield ""
    for kind in KINDS:
        yield from times_table(data, rows, kind)
    yield from sizes_table(rows)
    yield from curves_table(data)
    yield from beside_table(data, rows)
    yield from goal_lines(more, summary)


def refused(why):
    print(f"bench-kernel: error: {why}", file=sys.stderr)
    return 3


def write(path, text):
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        sys.exit(refused(f"cannot write {path}: {error.strerror}"))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("measured", metavar="MEASURED.json")
    options.add_argument("--json", metavar="FILE")
    options.add_argument("--out", metavar="DIR")
    chosen = options.parse_args()
    with open(chosen.measured, encoding="utf-8") as file:
        data = json.load(file)
    summary, rows, more = summarise(data)
    text = "\n".join(report(data, summary, rows, more)) + "\n"
    if chosen.json:
        write(chosen.json, json.dumps({"summary": summary, **more, "rows": rows, "measured": data}, indent=1) + "\n")
    if chosen.out:
        write(Path(chosen.out, "tables.txt"), text)
        write(Path(chosen.out, "times.svg"), times_picture(rows, data))
        if data["curves"]:
            write(Path(chosen.out, "curves.svg"), curves_picture(data))
    try:
        print(text, end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has no reader
        sys.exit(refused(f"cannot write the results: {error.strerror}"))


if __name__ == "__main__":
    main()
