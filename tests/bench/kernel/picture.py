"""Pictures as SVG: the times of each filter, and how our programs grow."""
import math
from xml.sax.saxutils import escape

WIDTH, PANEL, TOP, LEFT, RIGHT, GAP = 960, 260, 44, 64, 150, 52
COLOURS = {"null": "#adb5bd", "clang": "#457b9d", "ours": "#d62828"}
LINES = "#d62828", "#457b9d", "#2a9d8f", "#f4a261", "#7b2cbf", "#1d3557", "#6c757d"
STYLE = "<style>text { font: 12px sans-serif; } .title { font-weight: bold; } .grid { stroke: #dddddd; }</style>"


class Logarithmic:
    """Where a value lies between the decades around all of them."""

    def __init__(self, values, begin, length):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.begin, self.length = begin, length

    def at(self, value):
        return self.begin + self.length * (math.log10(value) - self.low) / (self.high - self.low)

    def decades(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def text(x, y, what, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(what)}</text>'


def document(height, lines):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
                      f'viewBox="0 0 {WIDTH} {height}">', STYLE,
                      f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *lines, "</svg>"]) + "\n"


def horizontal(scale, unit):
    for value in scale.decades():
        y = scale.at(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield text(LEFT - 6, y + 4, f"{value:g} {unit}".strip(), 'text-anchor="end"')


def legend(top, entries):
    for index, (name, colour) in enumerate(entries):
        y = top + 8 + index * 18
        yield f'<circle cx="{WIDTH - RIGHT + 16}" cy="{y}" r="4" fill="{colour}"/>'
        yield text(WIDTH - RIGHT + 26, y + 4, name)


def times_picture(rows, data):
    """A panel for fixed and one for varied packets, a column a filter, a dot for each program."""
    lines = [text(LEFT, 16, f'ns a run on {data["machine"]["cpu"]}, medians of {data["rounds"]} rounds')]
    for index, kind in enumerate(("fixed", "varied")):
        top = TOP + index * (PANEL + GAP)
        values = [row[kind][who] for row in rows for who in COLOURS]
        scale = Logarithmic(values, top + PANEL, -PANEL)
        lines += [text(LEFT, top - 10, kind, 'class="title"'), *horizontal(scale, "ns")]
        column = (WIDTH - LEFT - RIGHT) / len(rows)
        for number, row in enumerate(rows):
            middle = LEFT + (number + 0.5) * column
            lines.append(text(middle, top + PANEL + 16, row["name"], 'text-anchor="middle"'))
            for place, (who, colour) in enumerate(COLOURS.items()):
                value = row[kind][who]
                lines.append(f'<circle cx="{middle + (place - 1) * column / 4:.1f}" cy="{scale.at(value):.1f}" r="3.5" '
                             f'fill="{colour}"><title>{who} {row["name"]}: {value:.1f} ns</title></circle>')
        lines += legend(top, COLOURS.items())
    return document(TOP + 2 * (PANEL + GAP), lines)


def curves_picture(data):
    """A panel for processed instructions and one for load time, a line for each family."""
    lines = []
    taken = [point for point in data["curves"] if "refused" not in point]
    for index, (fact, unit, title) in enumerate((("processed", "", "instructions that the verifier walks"),
                                                 ("load_ms", "ms", "load time"))):
        top = TOP + index * (PANEL + GAP)
        scale = Logarithmic([point[fact] for point in taken], top + PANEL, -PANEL)
        across = Logarithmic([point["n"] for point in data["curves"]], LEFT, WIDTH - LEFT - RIGHT)
        lines += [text(LEFT, top - 10, title, 'class="title"'), *horizontal(scale, unit)]
        lines += [text(across.at(n), top + PANEL + 16, f"{n:g}", 'text-anchor="middle"') for n in across.decades()]
        colours = dict(zip(data["families"], LINES))
        for family, colour in colours.items():
            points = [point for point in taken if point["family"] == family]
            places = [(across.at(point["n"]), scale.at(point[fact])) for point in points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
            lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        lines += legend(top, colours.items())
    return document(TOP + 2 * (PANEL + GAP), lines)
