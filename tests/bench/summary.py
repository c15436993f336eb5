"""What follows from the cells that bench_engines measured: ratios, and whether they are good enough."""
import math
from statistics import median

OURS = ("interp", "jit", "batch")
C_CALLED = ("gcc", "clang")
C_LOOPED = ("gcc-loop", "clang-loop")
MIX, COLD = "imix-hot", "imix-cold"

# Ratios that VFM wants to reach: name in the summary, the most it may be.
TARGETS = (
    ("jit_vs_c", 0.8),
    ("jit_worst_vs_c", 1.2),
    ("batch_vs_c", 0.4),
    ("batch_cold_vs_c", 0.6),
    ("interp_vs_libpcap", 1.0),
)
# What is shown beside the targets, without being one.
INFORMATION = ("jit_cold_vs_c",)
# A cell whose slowest pass takes more than so many times its fastest says little.
NOISY = 2
# Flow tables: the worst ratio of lookup + add to boost and absl, each used the best way it has, from so many
# entries on and below.
FLOW_LARGE, FLOW_LARGE_MOST, FLOW_SMALL_MOST = 1_000_000, 0.5, 1.2
# Microseconds from the verified module to native code.
COMPILE_TARGETS = (("F1", 5), ("F2", 10), ("F8", 500))


class Times:
    """ns per packet by engine, filter and trace."""

    def __init__(self, data):
        self.cells = {(c["engine"], c["filter"], c["trace"]): c for c in data["cells"]}
        self.engines = [e for e in data["engines"] if any(k[0] == e for k in self.cells)]
        self.filters = list(data["filters"])
        self.traces = [t for t in data["traces"] if any(k[2] == t for k in self.cells)]

    def cell(self, engine, name, trace):
        return self.cells.get((engine, name, trace))

    def ratio(self, ours, rivals, name, trace):
        """To the fastest of `rivals`, or None. Engines took turns, so each pass is compared with the
        rival's pass beside it: the machine may be slower a second later."""
        mine = self.cell(ours, name, trace)
        theirs = [c for c in (self.cell(r, name, trace) for r in rivals) if c]
        if not mine or not theirs:
            return None
        return max(median(a / b for a, b in zip(mine["ns_passes"], c["ns_passes"])) for c in theirs)

    def ratios(self, ours, rivals, trace):
        """By filter, of those that both have."""
        found = {name: self.ratio(ours, rivals, name, trace) for name in self.filters}
        return {name: ratio for name, ratio in found.items() if ratio is not None}


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def rounded(value):
    return None if value is None else round(value, 4)


def spread(cell):
    return max(cell["ns_passes"]) / min(cell["ns_passes"])


def noise(cells):
    """How much a pass differs from the next: near 1 on a quiet machine. The median hides single wild cells,
    so the worst is told too."""
    if not cells:
        return {"noise": None}
    worst = max(cells, key=spread)
    return {"noise": rounded(median(spread(c) for c in cells)),
            "noise_worst": {"ratio": rounded(spread(worst)),
                            **{key: worst[key] for key in ("engine", "filter", "trace")}},
            "noisy_cells": sum(spread(c) > NOISY for c in cells)}


def cautions(data, times):
    """Why the targets below are to be taken with care."""
    made, partial = [], data.get("partial", [])
    if data.get("quick"):
        made.append("a quick run shows that everything works; its times judge nothing")
    if "filters" in partial:
        made.append(f'only filters {", ".join(times.filters)} took part; targets are meant for all of them')
    if "engines" in partial:
        made.append(f'only engines {", ".join(data["engines"])} took part; a target may compare with fewer '
                    f'rivals than it is meant for')
    there = [e for e in C_CALLED if e in times.engines]
    if len(there) == 1:
        made.append(f"C is {there[0]} alone, not the faster of {' and '.join(C_CALLED)}")
    return made


def summarise(data):
    times = Times(data)
    made = {}
    for ours in OURS:
        if ours not in times.engines:
            continue
        rivals = [("c", C_CALLED), ("c_loop", C_LOOPED)]
        rivals += [(e.replace("-", "_"), (e,)) for e in times.engines if e not in OURS]
        for label, engines in rivals:
            for trace, infix in ((MIX, ""), (COLD, "_cold")):
                mean = geometric_mean(times.ratios(ours, engines, trace).values())
                if mean is not None:
                    made[f"{ours}{infix}_vs_{label}"] = rounded(mean)
        to_c = times.ratios(ours, C_CALLED, MIX)
        if to_c:
            worst = max(to_c, key=to_c.get)
            made[f"{ours}_worst_vs_c"] = rounded(to_c[worst])
            made[f"{ours}_worst_filter"] = worst
            made[f"{ours}_to_c"] = {name: rounded(ratio) for name, ratio in to_c.items()}
    made["compile_us"] = data["compile"].get("jit", {}).get("us", {})
    reached = [(name, most, made.get(name)) for name, most in TARGETS]
    reached += [(f"compile_us {name}", most, made["compile_us"].get(name))
                for name, most in COMPILE_TARGETS]
    flow = data.get("flow_tables", {}).get("summary", [])
    for label, most, large in (("large", FLOW_LARGE_MOST, True), ("small", FLOW_SMALL_MOST, False)):
        ratios = [r["best"] for r in flow if (r["entries"] >= FLOW_LARGE) == large]
        reached.append((f"flow_{label}_worst_vs_best", most, rounded(max(ratios, default=None))))
    quick = data.get("quick", False)
    made["targets"] = {name: {"most": most, "is": value, "met": None if quick else value <= most}
                       for name, most, value in reached if value is not None}
    made["cautions"] = cautions(data, times)
    return {**made, **noise(data["cells"])}
