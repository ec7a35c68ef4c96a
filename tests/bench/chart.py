"""The chart of a run: a panel a call, a dot a server, CPU µs on one logarithmic scale."""

import math
from html import escape

from tests.bench.tables import amount
from tests.bench.targets import Figures

WIDTH, LEFT, RIGHT = 940, 216, 60
COLUMNS = 2
ROW, HEAD, FOOT = 19, 34, 26
TOP, BOTTOM = 62, 12
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg" role="img"'
TITLE = "CPU time of the server for one request, in µs"
HINT = (
    "Less is better; each line of the scale is ten times the one before."
    " Blue: the mock, stateful. Grey: peers, which keep nothing."
)
STYLE = """
.ground{fill:#fff}.text{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#d1d9e0}
.line{stroke:#818b98}.peer{fill:#59636e}.ours{fill:#0969da}.oursline{stroke:#0969da}
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
.title{font-size:16px;font-weight:600}.name{font-weight:600}
@media (prefers-color-scheme:dark){.ground{fill:#0d1117}.text{fill:#f0f6fc}.soft{fill:#9198a1}
.grid{stroke:#3d444d}.line{stroke:#656c76}.peer{fill:#9198a1}.ours{fill:#4493f8}
.oursline{stroke:#4493f8}}
"""


def chart(figures: Figures) -> str:
    """Return the chart as SVG: no script, nothing loaded, legible on light and dark grounds."""
    servers = figures["servers"]
    values = [call["cpu_us"] for server in servers for call in server["calls"].values()]
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values)))
    panel = HEAD + ROW * len(servers) + FOOT
    rows = math.ceil(len(figures["calls"]) / COLUMNS)
    height = TOP + panel * rows + BOTTOM
    parts = [
        f'<svg {NAMESPACE} viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<title>{TITLE}, for each call and server</title><style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="text title" x="20" y="30">{TITLE}</text>',
        f'<text class="soft" x="20" y="48">{HINT}</text>',
    ]
    scale = _Scale(low, high)
    for place, (letter, name) in enumerate(figures["calls"].items()):
        x = (place % COLUMNS) * WIDTH // COLUMNS
        y = TOP + (place // COLUMNS) * panel
        parts += _panel(figures, letter, name, scale, x, y)
    parts.append("</svg>\n")
    return "\n".join(parts)


class _Scale:
    """Where a value stands between the left and the right of a panel."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = math.log10(low), math.log10(high)
        self.width = WIDTH // COLUMNS - LEFT - RIGHT

    def at(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return round(LEFT + part * self.width, 1)

    def decades(self) -> list[int]:
        return [10**power for power in range(round(self.low), round(self.high) + 1)]


def _panel(figures: Figures, letter: str, name: str, scale: _Scale, x: int, y: int) -> list[str]:
    servers = figures["servers"]
    bottom = HEAD + ROW * len(servers)
    parts = [f'<g transform="translate({x},{y})">']
    parts.append(f'<text class="text name" x="20" y="20">{escape(name)}</text>')
    for value in scale.decades():
        at = scale.at(value)
        parts.append(f'<line class="grid" x1="{at}" y1="{HEAD - 6}" x2="{at}" y2="{bottom}"/>')
        label = f"{value // 1000}k" if value >= 1000 else f"{value}"
        parts.append(
            f'<text class="soft" x="{at}" y="{bottom + 14}" text-anchor="middle">{label}</text>'
        )
    for number, server in enumerate(servers):
        middle = HEAD + ROW * number + ROW // 2
        whose = "ours" if server["ours"] else "peer"
        weight = "text name" if server["ours"] else "soft"
        parts.append(
            f'<text class="{weight}" x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">'
            f"{escape(server['name'])}</text>"
        )
        call = server["calls"].get(letter)
        if call is None:
            parts.append(
                f'<text class="soft" x="{LEFT + 4}" y="{middle + 4}">no such answer</text>'
            )
            continue
        at = scale.at(call["cpu_us"])
        line = "oursline" if server["ours"] else "line"
        parts.append(f'<line class="{line}" x1="{LEFT}" y1="{middle}" x2="{at}" y2="{middle}"/>')
        parts.append(f'<circle class="{whose}" cx="{at}" cy="{middle}" r="4.5"/>')
        parts.append(
            f'<text class="text" x="{at + 8}" y="{middle + 4}">{amount(call["cpu_us"])}</text>'
        )
    parts.append("</g>")
    return parts
