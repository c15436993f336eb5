#!/usr/bin/env python3
"""Shows what bench_engines measured: report.py ENGINES.json [--flow FLOW.json] [--json] [--svg FILE].
A table on standard output, or with --json one object: what was measured and a summary."""
import argparse
import json
import sys

from plot import svg
from summary import C_CALLED, OURS, Times, rounded, summarise


def row(first, cells, width):
    return f"{first:<20}" + "".join(f"{c:>{width}}" for c in cells)


def trace_table(data, times, trace):
    yield f'{trace}: {data["traces"][trace]["what"]}; ns/packet, median (fastest-slowest pass)'
    yield row("", times.filters, 21)
    for engine in times.engines:
        cells = [times.cell(engine, name, trace) for name in times.filters]
        yield row(engine, [f'{c["ns_median"]:.4g} ({c["ns_min"]:.4g}-{c["ns_max"]:.4g})' if c else "-"
                           for c in cells], 21)
    for engine in times.engines:
        ratios = times.ratios(engine, C_CALLED, trace)
        if ratios and engine not in C_CALLED:
            yield row(f"{engine} / C", [f"{ratios[n]:.2f}" if n in ratios else "-"
                                        for n in times.filters], 21)
    yield ""


def compile_table(data, times):
    if not data["compile"]:
        return
    yield "compile time, median us"
    yield row("", times.filters, 12)
    for engine, made in data["compile"].items():
        yield row(engine, [f'{made["us"][n]:.4g}' if n in made["us"] else "-"
                           for n in times.filters], 12) + f'  {made["from_to"]}'
    yield ""


def summary_table(summary, times):
    rivals = ["c", "c_loop"] + [e.replace("-", "_") for e in times.engines if e not in OURS]
    yield "ratios, geometric mean over the filters that both have (below 1: we are faster)"
    yield row("", rivals, 16)
    for ours in OURS:
        for infix in ("", "_cold"):
            ratios = [summary.get(f"{ours}{infix}_vs_{rival}") for rival in rivals]
            if any(ratios):
                yield row(f"{ours}{infix}", [f"{r:.3f}" if r else "-" for r in ratios], 16)
    for name, target in summary["targets"].items():
        yield f'{"met   " if target["met"] else "MISSED"} {name}: {target["is"]} (at most {target["most"]})'
    if summary["noise"]:
        yield (f'noise: the slowest pass takes {summary["noise"]:.2f} times the fastest (median over all '
               f'cells); above 1.3 something else was using this machine')


def table(data, summary):
    times = Times(data)
    machine = data["machine"]
    yield f'{machine["cpu"]} ({machine["family_model_stepping"]}), {machine["kernel"]}'
    for engine in times.engines:
        yield f"{engine:<20}{data['engines'][engine]}"
    for missing in data["missing"]:
        yield f'{missing["engine"]:<20}not here: {missing["reason"]}'
    yield ""
    for trace in times.traces:
        yield from trace_table(data, times, trace)
    yield from compile_table(data, times)
    yield from summary_table(summary, times)


def to_c(data):
    """Writes into each cell its ratio to C, where there is one."""
    times = Times(data)
    for cell in data["cells"]:
        ratio = times.ratio(cell["engine"], C_CALLED, cell["filter"], cell["trace"])
        cell["ratio_to_c"] = rounded(ratio)


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
        with open(chosen.svg, "w", encoding="utf-8") as file:
            file.write(svg(data))
    if chosen.json:
        json.dump({"summary": summary, **data}, sys.stdout, indent=1)
        print()
    else:
        print("\n".join(table(data, summary)))


if __name__ == "__main__":
    main()
