"""What follows from what bench_kernel measured: ratios to clang's programs, with intervals, and whether they
are good enough."""
import math
from statistics import median

# Names in the summary, and the most that they may be. Ratios are geometric means over the filters, of whole
# times: what the null program takes is not taken off.
GOALS = (
    ("ns_vs_clang", 1.0),
    ("ns_varied_vs_clang", 1.0),
    ("insns_vs_clang", 1.0),
    ("loaded_vs_clang", 1.2),
    ("load_vs_clang", 1.0),
)
# No filter may take more than clang's by the larger of these.
SHARE, NANOSECONDS = 0.1, 1.0
CONFIDENCE = 0.95
KINDS = "fixed", "varied"


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def rounded(value):
    return None if value is None else round(value, 4)


def interval(values):
    """Of the median, by order statistics: as many of the outer values are left out as leave at least CONFIDENCE.
    Of too few values all that there is."""
    ordered, n, outside, left_out = sorted(values), len(values), 0.0, 0
    while True:
        outside += 2 * math.comb(n, left_out) / 2 ** n
        if outside > 1 - CONFIDENCE:
            break
        left_out += 1
    left_out = max(left_out, 1)
    return ordered[left_out - 1], ordered[n - left_out]


def beside(one, kind):
    """Our time beside clang's: medians of both, of their ratios and of their differences, round by round."""
    ours, clang, null = (one[who]["ns"][kind] for who in ("ours", "clang", "null"))
    differences = [a - b for a, b in zip(ours, clang)]
    ratios = [a / b for a, b in zip(ours, clang)]
    low, high = interval(differences)
    allowed = max(SHARE * median(clang), NANOSECONDS)
    return {"ours": rounded(median(ours)), "clang": rounded(median(clang)), "null": rounded(median(null)),
            "ratio": rounded(median(ratios)), "ratio_interval": [rounded(r) for r in interval(ratios)],
            "difference": rounded(median(differences)), "difference_interval": [rounded(low), rounded(high)],
            "allowed": rounded(allowed), "good": high <= allowed, "bad": low > allowed}


def rows(data):
    """One for each filter."""
    made = []
    for one in data["filters"]:
        ours, clang = one["ours"], one["clang"]
        row = {"name": one["name"], "what": one["what"], **{kind: beside(one, kind) for kind in KINDS}}
        row["load_ms"] = {who: rounded(median(one[who]["load_ms"])) for who in ("ours", "clang")}
        row["load_ratio"] = rounded(median(a / b for a, b in zip(ours["load_ms"], clang["load_ms"])))
        for fact in ("executed", "loaded", "processed", "machine_bytes"):
            row[fact] = {"ours": rounded(ours[fact]), "clang": rounded(clang[fact])}
        made.append(row)
    return made


def share(row, fact):
    return row[fact]["ours"] / row[fact]["clang"]


def cautions(data):
    made = []
    if data["quick"]:
        made.append("a quick run shows that everything works; its times judge nothing")
    if data["partial"]:
        made.append(f'only {", ".join(one["name"] for one in data["filters"])} took part; goals are meant for all')
    if not data["machine"]["before_all_others"]:
        made.append("the run had no real-time priority: others may have run between")
    return made


def summarise(data):
    """The summary, the rows, and what else is to be said."""
    all_rows = rows(data)
    worst = max(all_rows, key=lambda row: max(row[kind]["ratio"] for kind in KINDS))
    made = {
        "ns_vs_clang": rounded(geometric_mean(row["fixed"]["ratio"] for row in all_rows)),
        "ns_worst_vs_clang": max(worst[kind]["ratio"] for kind in KINDS),
        "ns_varied_vs_clang": rounded(geometric_mean(row["varied"]["ratio"] for row in all_rows)),
        "insns_vs_clang": rounded(geometric_mean(share(row, "executed") for row in all_rows)),
        "loaded_vs_clang": rounded(geometric_mean(share(row, "loaded") for row in all_rows)),
        "load_vs_clang": rounded(geometric_mean(row["load_ratio"] for row in all_rows)),
        "processed": {row["name"]: row["processed"]["ours"] for row in all_rows},
        "load_ms": {row["name"]: row["load_ms"]["ours"] for row in all_rows},
    }
    return made, all_rows, {"worst": worst["name"], "cautions": cautions(data),
                            "goals": goals(made, all_rows, data["quick"])}


def goals(summary, all_rows, quick):
    """Each with `met`, which is null where nothing is judged."""
    made = [{"name": name, "most": most, "is": summary[name], "met": None if quick else summary[name] <= most}
            for name, most in GOALS]
    for kind in KINDS:
        above = [row["name"] for row in all_rows if not row[kind]["good"]]
        surely = [row["name"] for row in all_rows if row[kind]["bad"]]
        made.append({"name": f"no filter above clang's, {kind}", "above": above, "surely_above": surely,
                     "met": None if quick else not above})
    return made
