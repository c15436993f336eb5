#!/usr/bin/env python3
"""Shows what measure.py measured: tables.py FILE [--json]. Tables on standard output, or one object."""
import json
import os
import sys
from pathlib import Path

from judge import Cells, latency_of, summarise

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from report import grid, wrapped  # noqa: E402

WHAT = {"plain": "the host's own stack, nothing in the way", "loop": "a bare loop on libxdp: gives all back, drops all",
        "nfqueue": "iptables' NFQUEUE and a trivial program", "road": "vfm-xdp run with the filter"}
SIDES = {"pass": "packets that the filter passes, given back to the stack", "drop": "packets that the filter drops"}


def shown(value, form):
    return "-" if value is None else format(value, form)


def side_table(data, cells, side, what):
    names = [f["name"] for f in data["filters"]]
    yield from wrapped(f"{side}: ", f"{what}; thousands a second and core, and below ns a packet; median of "
                                    f"{data['rounds']} rounds")
    rows = [("bytes", [str(f["bytes"][side]) for f in data["filters"]])]
    for contender in cells.names:
        rates = [cells.median(contender, name, side) for name in names]
        if not any(rates):
            continue
        rows.append((contender, [shown(r and r / 1000, ".0f") for r in rates]))
        rows.append(("", [shown(cells.median(contender, name, side, "ns_per_packet"), ".0f") for name in names]))
    for rival in ("loop", "nfqueue"):
        ratios = [cells.ratio("road", rival, name, side) for name in names]
        if any(ratios):
            rows.append((f"road / {rival}", [shown(r, ".2f") for r in ratios]))
    yield from grid(names, rows)


def latency_table(data, cells):
    if not data["latency"]:
        return
    yield from wrapped("latency: ", "UDP ping-pong at half load, microseconds there and back; load in thousands of "
                                    "packets a second: half of what the road can do, without it the loop; for nfqueue of what it can do")
    rows = []
    for contender in dict.fromkeys(r["contender"] for r in data["latency"]):
        found = latency_of(data, contender)
        load = max(r["load"] for r in data["latency"] if r["contender"] == contender)
        rows.append((contender, [f"{found['p50']:.1f}", f"{found['p99']:.1f}", f"{load / 1000:.0f}"]))
    yield from grid(["p50", "p99", "load"], rows)


def tables(data, summary):
    machine, cells = data["machine"], Cells(data)
    yield f'{machine["cpu"]} ({machine["family_model_stepping"]}), {machine["cpus"]} CPUs, {machine["kernel"]}'
    yield ""
    for filter in data["filters"]:
        yield from wrapped(f'{filter["name"]:<9}', filter["what"])
    yield ""
    for contender in cells.names:
        yield from wrapped(f"{contender:<9}", WHAT[contender])
    yield ""
    for side, what in SIDES.items():
        yield from side_table(data, cells, side, what)
    yield from latency_table(data, cells)
    for caution in summary["cautions"]:
        yield from wrapped("caution: ", caution)
    for name, target in summary["targets"].items():
        judged = {True: "met   ", False: "MISSED", None: "      "}[target["met"]]
        bound = f'at least {target["least"]}' if "least" in target else f'at most {target["most"]}'
        yield f'{judged} {name}: {shown(target["is"], "")} ({bound}{", not judged" if target["met"] is None else ""})'


def main():
    data = json.loads(Path(sys.argv[1]).read_text())
    summary = summarise(data)
    as_json = sys.argv[2:] == ["--json"]
    text = json.dumps({"summary": summary, **data}, indent=1) if as_json else "\n".join(tables(data, summary))
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has no reader
        print(f"bench-live: error: cannot write the results: {error.strerror}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
