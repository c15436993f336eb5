"""What follows from the cells that measure.py measured: ratios, and whether they are good enough."""
from statistics import median

ROAD = "road"
# Name in the summary, worst that it may be, and whether more is better.
TARGETS = (("pass_vs_loop", 0.9, True), ("drop_vs_loop", 0.9, True), ("vs_nfqueue", 2, True),
           ("latency_vs_plain", 2, False))
ALL_FILTERS = 6
# More than this share lost, or less than this share of the CPU used, and a cell says little.
MOST_LOST, LEAST_BUSY = 0.001, 0.9


class Cells:
    """Packets per second and core by contender, filter and side, one for each round."""

    def __init__(self, data):
        self.rounds = {}
        for cell in data["cells"]:
            key = cell["contender"], cell["filter"], cell["side"]
            self.rounds.setdefault(key, {})[cell["round"]] = cell
        self.names = list(dict.fromkeys(c["contender"] for c in data["cells"]))

    def median(self, contender, name, side, what="per_second_core"):
        rounds = self.rounds.get((contender, name, side))
        return median(c[what] for c in rounds.values()) if rounds else None

    def ratio(self, contender, rival, name, side):
        """Median of what the one does to what the other does in the same round; None without both."""
        ours, theirs = self.rounds.get((contender, name, side)), self.rounds.get((rival, name, side))
        both = set(ours or ()) & set(theirs or ())
        return median(ours[r]["per_second_core"] / theirs[r]["per_second_core"] for r in both) if both else None


def worst(cells, data, rival, sides):
    ratios = [cells.ratio(ROAD, rival, f["name"], side) for f in data["filters"] for side in sides]
    ratios = [r for r in ratios if r is not None]
    return round(min(ratios), 4) if ratios else None


def latency_of(data, contender):
    """Medians over the rounds, in microseconds; None if it was not measured."""
    rows = [r for r in data["latency"] if r["contender"] == contender]
    if not rows:
        return None
    return {what: round(median(r[what] for r in rows), 1) for what in ("p50", "p99")}


def cautions(data):
    if data["quick"]:
        yield "a quick run: its times judge nothing"
    if len(data["filters"]) < ALL_FILTERS:
        yield f"only {', '.join(f['name'] for f in data['filters'])}"
    for missing in data["missing"]:
        yield f"{missing['name']} is missing: {missing['reason']}"
    lossy = [c for c in data["cells"] if c["lost"] > MOST_LOST * c["arrived"]]
    if lossy:
        most = max(lossy, key=lambda c: c["lost"] / c["arrived"])
        yield (f"{len(lossy)} of {len(data['cells'])} cells lost more than one packet in a thousand; most: "
               f"{most['contender']} {most['filter']} {most['side']}, {most['lost'] / most['arrived']:.1%}")
    slack = [c for c in data["cells"] if c["busy"] < LEAST_BUSY]
    if slack:
        yield (f"in {len(slack)} of {len(data['cells'])} cells the receiving CPU was for a tenth of the time or "
               "more not at work for the contender: something else had it, or the generator was too slow")


def summarise(data):
    cells = Cells(data)
    made = {"pass_vs_loop": worst(cells, data, "loop", ["pass"]),
            "drop_vs_loop": worst(cells, data, "loop", ["drop"]),
            "vs_nfqueue": worst(cells, data, "nfqueue", ["pass", "drop"]),
            "latency_us": latency_of(data, ROAD)}
    plain = latency_of(data, "plain")
    both = made["latency_us"] and plain
    made["latency_vs_plain"] = round(made["latency_us"]["p50"] / plain["p50"], 3) if both else None
    made["plain_latency_us"], made["nfqueue_latency_us"] = plain, latency_of(data, "nfqueue")
    made["targets"] = {}
    for name, bound, more in TARGETS:
        is_met = None if data["quick"] or made[name] is None else \
            made[name] >= bound if more else made[name] <= bound
        made["targets"][name] = {"least" if more else "most": bound, "is": made[name], "met": is_met}
    made["cautions"] = list(cautions(data))
    return made
