"""The measured times as an SVG picture: a panel a trace, a column a filter, a dot an engine, with a
line from its fastest pass to its slowest; logarithmic, so that equal ratios are equal distances."""
import math
from xml.sax.saxutils import escape

COLOURS = {
    "interp": "#f4a261", "jit": "#d62828", "batch": "#7b2cbf",
    "gcc": "#1d3557", "clang": "#457b9d", "gcc-loop": "#2a9d8f", "clang-loop": "#8ab17d",
    "libpcap": "#6c757d", "rte_bpf-interp": "#adb5bd", "rte_bpf-jit": "#495057",
}
WIDTH, PANEL, TOP, LEFT, RIGHT, GAP = 960, 300, 44, 64, 150, 52


def decades(cells):
    least = min(c["ns_min"] for c in cells)
    most = max(c["ns_max"] for c in cells)
    return math.floor(math.log10(least)), math.ceil(math.log10(most))


class Panel:
    def __init__(self, top, cells, filters, engines):
        self.top, self.cells, self.filters, self.engines = top, cells, filters, engines
        self.low, self.high = decades(cells)
        self.column = (WIDTH - LEFT - RIGHT) / len(filters)

    def y(self, ns):
        share = (math.log10(max(ns, 10 ** self.low)) - self.low) / max(1, self.high - self.low)
        return self.top + PANEL * (1 - share)

    def x(self, name, engine):
        first = LEFT + self.filters.index(name) * self.column
        return first + self.column * (self.engines.index(engine) + 1) / (len(self.engines) + 1)

    def draw(self, title):
        right = WIDTH - RIGHT
        yield f'<text x="{LEFT}" y="{self.top - 10}" class="title">{escape(title)}</text>'
        for power in range(self.low, self.high + 1):
            y = self.y(10 ** power)
            yield f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            label = f"{10 ** power:g} ns"
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        for index, name in enumerate(self.filters):
            x = LEFT + index * self.column
            if index:
                yield (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" '
                       f'y2="{self.top + PANEL}" class="grid"/>')
            yield (f'<text x="{x + self.column / 2:.1f}" y="{self.top + PANEL + 16}" '
                   f'text-anchor="middle">{escape(name)}</text>')
        for cell in self.cells:
            x = self.x(cell["filter"], cell["engine"])
            colour = COLOURS.get(cell["engine"], "#000000")
            says = f'{cell["engine"]} {cell["filter"]}: {cell["ns_median"]:.2f} ns'
            yield (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.y(cell["ns_min"]):.1f}" '
                   f'y2="{self.y(cell["ns_max"]):.1f}" stroke="{colour}"/>')
            yield (f'<circle cx="{x:.1f}" cy="{self.y(cell["ns_median"]):.1f}" r="3.5" '
                   f'fill="{colour}"><title>{escape(says)}</title></circle>')

    def legend(self):
        for index, engine in enumerate(self.engines):
            y = self.top + 8 + index * 18
            colour = COLOURS.get(engine, "#000000")
            yield f'<circle cx="{WIDTH - RIGHT + 16}" cy="{y}" r="4" fill="{colour}"/>'
            yield f'<text x="{WIDTH - RIGHT + 26}" y="{y + 4}">{escape(engine)}</text>'


def svg(data):
    traces = [t for t in data["traces"] if any(c["trace"] == t for c in data["cells"])]
    engines = [e for e in data["engines"] if any(c["engine"] == e for c in data["cells"])]
    height = TOP + len(traces) * (PANEL + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}">',
        "<style>text { font: 12px sans-serif; } .title { font-weight: bold; } "
        ".grid { stroke: #dddddd; }</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="16">Time per packet on {escape(data["machine"]["cpu"])}: median, '
        f'and fastest to slowest of {data["passes"]} passes</text>',
    ]
    for index, trace in enumerate(traces):
        panel = Panel(TOP + index * (PANEL + GAP), [c for c in data["cells"] if c["trace"] == trace],
                      list(data["filters"]), engines)
        lines += panel.draw(f'{trace}: {data["traces"][trace]["what"]}')
        lines += panel.legend()
    lines.append("</svg>")
    return "\n".join(lines) + "\n"
