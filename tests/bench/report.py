#!/usr/bin/env python3
"""Shows what bench_engines measured: report.py ENGINES.json [--flow FLOW.json] [--json] [--svg FILE].
A table on standard output, or with --json one object: what was measured and a summary."""
import argparse
import json
import os
import sys
import textwrap

from plot import svg
from summary import C_CALLED, INFORMATION, NOISY, OURS, Times, rounded, summarise


MOST_COLUMNS = 120


def wrapped(first, text):
    """A label and its text, further lines below the text."""
    return textwrap.wrap(text, MOST_COLUMNS, initial_indent=first, subsequent_indent=" " * len(first),
                         break_on_hyphens=False) or [first]


def grid(header, rows):
    """Lines of equal columns: `rows` are pairs of a label and its cells. What does not fit beside each
    other goes below."""
    first = max(len(label) for label, _ in rows)
    widest = max(len(cell) for cells in [header, *(cells for _, cells in rows)] for cell in cells)
    gap = 2 if first + len(header) * (widest + 2) <= MOST_COLUMNS else 1
    fit = max(1, (MOST_COLUMNS - first) // (widest + gap))
    for begin in range(0, len(header), fit):
        for label, cells in [("", header), *rows]:
            shown = "".join(f"{cell:>{widest + gap}}" for cell in cells[begin:begin + fit])
            if label or shown.strip():
                yield f"{label:<{first}}{shown}".rstrip()
        yield ""


def short(value):
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def verdicts(data):
    for name, trace in data["traces"].items():
        how = "" if trace["timed"] else ", compared only, never timed"
        yield f'{name} ({trace["packets"]} packets{how})'


def trace_table(data, times, trace):
    yield from wrapped(f"{trace}: ", f'{data["traces"][trace]["what"]}; ns/packet, median, and below it '
                                     f'fastest-slowest of {data["passes"]} passes')
    rows = []
    for engine in times.engines:
        cells = [times.cell(engine, name, trace) for name in times.filters]
        rows.append((engine, [short(c["ns_median"]) if c else "-" for c in cells]))
        rows.append(("", [f'{short(c["ns_min"])}-{short(c["ns_max"])}' if c else "" for c in cells]))
    for engine in times.engines:
        ratios = times.ratios(engine, C_CALLED, trace)
        if ratios and engine not in C_CALLED:
            rows.append((f"{engine} / C", [f"{ratios[n]:.2f}" if n in ratios else "-" for n in times.filters]))
    yield from grid(times.filters, rows)


def compile_table(data, times):
    if not data["compile"]:
        return
    yield "compile time, median us"
    yield from grid(times.filters,
                    [(engine, [short(made["us"][n]) if n in made["us"] else "-" for n in times.filters])
                     for engine, made in data["compile"].items()])
    for engine, made in data["compile"].items():
        yield f'{engine}: {made["from_to"]}'
    yield ""


def ratio_table(summary, times):
    rivals = ["c", "c_loop"] + [e.replace("-", "_") for e in times.engines if e not in OURS]
    ours = [f"{engine}{infix}" for engine in OURS for infix in ("", "_cold")]
    ours = [name for name in ours if any(f"{name}_vs_{rival}" in summary for rival in rivals)]
    if ours:
        yield "ratios, geometric mean over the filters that both have (below 1: we are faster)"
        found = [(rival, [summary.get(f"{name}_vs_{rival}") for name in ours]) for rival in rivals]
        yield from grid(ours, [(f"/ {rival}", [f"{r:.3f}" if r else "-" for r in ratios])
                               for rival, ratios in found if any(ratios)])


def target_lines(summary):
    for caution in summary["cautions"]:
        yield from wrapped("caution: ", caution)
    for name, target in summary["targets"].items():
        judged = {True: "met   ", False: "MISSED", None: "      "}[target["met"]]
        how = ", not judged" if target["met"] is None else ""
        yield f'{judged} {name}: {target["is"]} (at most {target["most"]}{how})'
    for name in INFORMATION:
        if name in summary:
            yield f"info   {name}: {summary[name]} (no target)"


def noise_lines(data, summary):
    if summary["noise"] is None:
        return
    worst = summary["noise_worst"]
    text = (f'the slowest pass takes {summary["noise"]:.2f} times the fastest in the median cell, '
            f'{short(worst["ratio"])} times in the worst ({worst["engine"]} {worst["filter"]} on '
            f'{worst["trace"]}); above 1.3 something else was using this machine')
    if summary["noisy_cells"]:
        text += (f'. {summary["noisy_cells"]} of {len(data["cells"])} cells vary more than {NOISY}-fold: '
                 f'they say little')
    yield from wrapped("noise: ", text)


def table(data, summary):
    times = Times(data)
    machine = data["machine"]
    yield f'{machine["cpu"]} ({machine["family_model_stepping"]}), {machine["kernel"]}'
    yield ""
    for name, what in data["filters"].items():
        yield from wrapped(f"{name:<16}", what)
    yield ""
    for engine, what in data["engines"].items():
        yield from wrapped(f"{engine:<16}", what)
    for missing in data["missing"]:
        yield from wrapped(f'{missing["engine"]:<16}', f'not here: {missing["reason"]}')
    yield ""
    yield from wrapped("verdicts: ", "all engines agree on " + ", ".join(verdicts(data)))
    yield ""
    for trace in times.traces:
        yield from trace_table(data, times, trace)
    yield from compile_table(data, times)
    yield from ratio_table(summary, times)
    yield from target_lines(summary)
    yield from noise_lines(data, summary)


def to_c(data):
    """Writes into each cell its ratio to C, where there is one."""
    times = Times(data)
    for cell in data["cells"]:
        ratio = times.ratio(cell["engine"], C_CALLED, cell["filter"], cell["trace"])
        cell["ratio_to_c"] = rounded(ratio)


def refused(why):
    print(f"bench: error: {why}", file=sys.stderr)
    return 3


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("engines", metavar="ENGINES.json")
    options.add_argument("--flow", metavar="FLOW.json")
    options.add_argument("--json", action="store_true")
    options.add_argument("--svg", metavar="FILE")
    chosen = options.parse_args()
    with open(chosen.engines, encoding="utf-8") as file:
        data = json.load(file)
    if chosen.flow:
        with open(chosen.flow, encoding="utf-8") as file:
            data["flow_tables"] = json.load(file)
    to_c(data)
    summary = summarise(data)
    if chosen.svg:
        try:
            with open(chosen.svg, "w", encoding="utf-8") as file:
                file.write(svg(data))
        except OSError as error:
            sys.exit(refused(f"cannot write {chosen.svg}: {error.strerror}"))
    text = json.dumps({"summary": summary, **data}, indent=1) if chosen.json else "\n".join(table(data, summary))
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has no reader
        sys.exit(refused(f"cannot write the results: {error.strerror}"))


if __name__ == "__main__":
    main()
