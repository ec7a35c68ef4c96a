"""The figures as tables: for a terminal, and for the README."""

from collections.abc import Sequence
from typing import Any

from tests.bench import roster
from tests.bench.targets import Figures, judged, ratio
from tests.bench.testers import OVER_HTTP

BEGIN, END = "<!-- figures: begin, written by make bench -->", "<!-- figures: end -->"
CHART = "tests/bench/chart.svg"
JOURNEY = "tests/bench/journey.md"
_WORDS = {True: "yes", False: "**no**", None: "not measured"}


class NoPlace(Exception):
    """A text has no place for the figures."""


def cost_rows(figures: Figures) -> list[list[str]]:
    """Return a row a server: CPU µs a request and how many times ours, then start and memory."""
    rows = []
    for server in figures["servers"]:
        cells = []
        for letter in figures["calls"]:
            call = server["calls"].get(letter)
            if call is None:
                cells.append("–")
                continue
            times = ratio(figures, server["name"], roster.VALIDATED, letter)
            cells.append(f"{amount(call['cpu_us'])} ({times_of(times)})")
        rows.append(
            [
                server["name"],
                *cells,
                f"{server['start_cpu_s']:.2f}",
                f"{server['memory_mib']:.0f}",
            ]
        )
    return rows


def rate_rows(figures: Figures) -> list[list[str]]:
    """Return a row a server: requests a second, and p50 / p99 at one connection."""
    rows = []
    for server in figures["servers"]:
        cells = []
        for letter in figures["calls"]:
            call = server["calls"].get(letter)
            cells.append(
                "–"
                if call is None
                else f"{call['rate']:,}; {call['p50_ms']:.2f} / {call['p99_ms']:.2f}"
            )
        rows.append([server["name"], *cells])
    return rows


COSTS = (
    "CPU µs of the server a request at 32 connections, and how many times that of"
    f" *{roster.VALIDATED}*:"
)
PEER_HEAD = ["peer", "version", "what is unequal"]
VERDICT_HEAD = ["", "wanted", "answers judged again", "as served", "kept"]


def verdict_rows(figures: Figures) -> list[list[str]]:
    """Return a row a promise: what was promised, what was seen, whether it is kept."""
    return [
        [
            each.promise,
            f"{each.bound} {each.wanted:g} {each.unit}",
            values(each.seen),
            values(each.by_default),
            _WORDS[each.reached],
        ]
        for each in judged(figures)
    ]


def values(found: Sequence[float]) -> str:
    """Return some values: each of two, or the least and the greatest of many.

    >>> values([]), values([1.25, 2]), values([3, 1, 2])
    ('–', '1.25, 2', '1 to 3')
    """
    if not found:
        return "–"
    if len(found) < 3:
        return ", ".join(f"{each:g}" for each in found)
    return f"{min(found):g} to {max(found):g}"


def amount(number: float) -> str:
    """Return a number of µs as it is read: three figures or whole.

    >>> amount(12.34), amount(1234.5)
    ('12.3', '1,234')
    """
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def times_of(number: float | None) -> str:
    """Return a ratio as it is read.

    >>> times_of(0.456), times_of(45.6)
    ('0.46×', '46×')
    """
    if number is None:
        return "–"
    return f"{number:.0f}×" if number >= 10 else f"{number:.2f}×"


def cost_head(figures: Figures) -> list[str]:
    """Return the head of the table of costs."""
    return ["", *figures["calls"].values(), "start, CPU s", "MiB"]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal: words to the left, what begins with a figure to the right."""
    widths = [max(len(line[place]) for line in (head, *rows)) for place in range(len(head))]
    words = {0} | {
        place for place in range(len(head)) if any(row[place].count(" ") > 3 for row in rows)
    }
    lines = []
    for line in (head, *rows):
        cells = [
            each.ljust(width) if place in words else each.rjust(width)
            for place, (each, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def section(figures: Figures) -> str:
    """Return the README's section on speed: chart, table, verdicts, and what to make of them."""
    verdicts = judged(figures)
    known = [each for each in verdicts if each.reached is not None]
    kept = sum(bool(each.reached) for each in known)
    return "\n".join(
        [
            BEGIN,
            f"![CPU time a request of the mock and of its peers, a panel a call]({CHART})",
            "",
            COSTS,
            "",
            markdown(cost_head(figures), cost_rows(figures)),
            _made(figures),
            "",
            _folded("What is unequal", markdown(PEER_HEAD, peer_rows(figures))),
            "",
            f"Of {len(known)} promises that were measured {kept} are kept. {_testers(figures)}",
            "",
            _folded("Each promise", markdown(VERDICT_HEAD, verdict_rows(figures))),
            END,
        ]
    )


def _folded(title: str, text: str) -> str:
    """Return a text that is seen once its title is pressed."""
    return f"<details><summary>{title}</summary>\n\n{text}\n</details>"


def _testers(figures: Figures) -> str:
    """Return a sentence on how fast the testers judge."""
    tester = figures["tester"]
    if tester is None:
        return "The testers were not measured."
    told = "; ".join(
        f"{name} {run['rate']:,.0f} ({run['cases'] / run['cpu_s']:,.0f} a CPU second)"
        for name, run in tester["runs"].items()
    )
    own = tester["runs"][OVER_HTTP]["own_rate"]
    return (
        f"Cases judged a second, with profile {tester['profile']}: {told}; by strategies of"
        f" conformance's own ({', '.join(tester['own_phases'])}) {own:,.0f}."
    )


def peer_rows(figures: Figures) -> list[list[str]]:
    """Return a row a peer: its version, and what is unequal between it and the mock."""
    rows = [
        [each["name"], each["version"], each["unequal"]]
        for each in figures["servers"]
        if not each["ours"]
    ]
    return rows + [[each["name"], "–", f"not had: {each['reason']}"] for each in figures["absent"]]


def _made(figures: Figures) -> str:
    machine, method, seeds = figures["machine"], figures["method"], figures["seeds"]
    first = " before all other processes" if method["alone"] else ""
    return (
        f"Measured {figures['taken']} on {machine['processor']} ({machine['cores']} cores, which"
        f" others used by {machine['others_share']:.0%} meanwhile: trust ratios, which are taken"
        f" within a round, before µs), {machine['system']}, CPython {machine['python']}."
        f" {method['rounds']} rounds of {method['seconds']:g} s a call{first}, the server on one"
        f" core, the load on another; world of seed {seeds['world']}. That each peer gives the"
        f" mock's answers is checked; none is its equal. {method['note']}".rstrip()
    )


def placed(text: str, section_text: str) -> str:
    """Return a text with the section in its place; raise NoPlace where it has none."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise NoPlace(f"there must be {BEGIN} and {END}")
    return before + section_text + after


def report(figures: Figures) -> str:
    """Return everything for a terminal."""
    parts: list[Any] = [
        f"CPU µs a request at 32 connections (× {roster.VALIDATED})",
        plain(cost_head(figures), cost_rows(figures)),
        "requests a second at 32 connections; p50 / p99 ms at one, of the quietest round",
        plain(["", *figures["calls"].values()], rate_rows(figures)),
        plain(VERDICT_HEAD, verdict_rows(figures)).replace("**", ""),
        _testers(figures),
        "",
        _made(figures),
        plain(PEER_HEAD, peer_rows(figures)),
    ]
    return "\n".join(parts)
