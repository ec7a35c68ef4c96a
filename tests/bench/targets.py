"""What is promised of speed, as ratios of one run, and whether the run kept it."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from tests.bench import roster

Figures = dict[str, Any]
AT_LEAST: Literal["≥"] = "≥"
AT_MOST: Literal["≤"] = "≤"
TIMES = "×"


@dataclass(frozen=True)
class Verdict:
    """One promise: what was promised, and what was seen, for each call that it is about.

    `seen` is of the mock that judges its answers again, `by_default` of the mock as it is served;
    what could not be measured in this run, or is not asked of one of them, is empty.
    """

    promise: str
    bound: Literal["≥", "≤"]
    wanted: float
    unit: str
    seen: tuple[float, ...]
    by_default: tuple[float, ...] = ()

    @property
    def reached(self) -> bool | None:
        """Whether the promise was kept for every call; None where nobody knows.

        Where answers can be judged again, that is how the promise is meant.
        """
        found = self.seen or self.by_default
        if not found:
            return None
        if self.bound == AT_LEAST:
            return min(found) >= self.wanted
        return max(found) <= self.wanted


def server_of(figures: Figures, name: str) -> dict[str, Any] | None:
    """Return the figures of a server, or None where it was not measured."""
    return next((each for each in figures["servers"] if each["name"] == name), None)


def ratio(figures: Figures, dear: str, cheap: str, letter: str) -> float | None:
    """Return how many times `cheap`'s CPU the call costs `dear`: the median over the rounds."""
    return ratio_of_calls(figures, (dear, letter), (cheap, letter))


def ratio_of_calls(figures: Figures, dear: tuple[str, str], cheap: tuple[str, str]) -> float | None:
    """Return the ratio of two calls, each a server's name and a letter, round by round."""
    rounds = []
    for name, letter in (dear, cheap):
        found = server_of(figures, name)
        if found is None or letter not in found["calls"]:
            return None
        rounds.append(found["calls"][letter]["by_round"])
    return round(median(one / other for one, other in zip(*rounds, strict=True)), 2)


def judged(figures: Figures) -> list[Verdict]:
    """Return the verdict on every promise, in order."""
    return [
        *_beside_peers(figures),
        *_among_ours(figures),
        *_hooks(figures),
        *_starts(figures),
        *_worlds(figures),
        *_tester(figures),
    ]


def told(figures: Figures) -> list[dict[str, Any]]:
    """Return the verdicts as they are written."""
    return [{**asdict(each), "reached": each.reached} for each in judged(figures)]


_OURS = (roster.VALIDATED, roster.PLAIN)


def _beside_peers(figures: Figures) -> Iterator[Verdict]:
    reads, writes = "read one, list 20", "create, patch"
    wanted = (
        (reads, "ab", roster.STARLETTE, 1.2),
        (f"{reads} (far aim)", "ab", roster.STARLETTE, 2.0),
        (reads, "ab", roster.PRISM, 10.0),
        (reads, "ab", roster.BACKEND, 7.0),
        (reads, "ab", roster.MOCKOON, 25.0),
        (reads, "ab", roster.CONNEXION, 25.0),
        ("read, one header new", "g", roster.STARLETTE, 1.2),
        (writes, "cd", roster.STARLETTE, 1.0),
        (writes, "cd", roster.PRISM, 8.0),
    )
    for what, letters, peer, bound in wanted:
        seen, by_default = (
            _known(ratio(figures, peer, name, letter) for letter in letters) for name in _OURS
        )
        promise = f"{what}: {peer} costs"
        yield Verdict(promise, AT_LEAST, bound, TIMES, seen, by_default)


def _among_ours(figures: Figures) -> Iterator[Verdict]:
    seen, by_default = (
        _known([ratio_of_calls(figures, (name, "e"), (name, "d"))]) for name in _OURS
    )
    promise = "a refused patch costs, of an accepted one"
    yield Verdict(promise, AT_MOST, 1.0, TIMES, seen, by_default)
    seen, by_default = (_known([ratio(figures, name, roster.STATIC, "f")]) for name in _OURS)
    promise = "list all connections costs, of as many bytes that are ready"
    yield Verdict(promise, AT_MOST, 1.3, TIMES, seen, by_default)
    seen, by_default = (_spread(figures, name) for name in _OURS)
    promise = "p99 of p50 at one connection, any call"
    yield Verdict(promise, AT_MOST, 3.0, TIMES, seen, by_default)
    for name, bound in ((roster.SQLITE, 2.0), (roster.REDIS, 3.0)):
        seen = _known(ratio(figures, name, roster.PLAIN, letter) for letter in figures["calls"])
        promise = f"any call with {name.removeprefix('mockvault, ')} costs, of one in memory"
        yield Verdict(promise, AT_MOST, bound, TIMES, (), seen)


def _hooks(figures: Figures) -> Iterator[Verdict]:
    found, server = figures.get("hooks_us"), server_of(figures, roster.PLAIN)
    seen = ()
    if found is not None and server is not None:
        seen = _known(
            round(us / server["calls"][letter]["cpu_us"], 3) for letter, us in found.items()
        )
    promise = "journal, webhooks and faults that nobody uses cost, of any call"
    yield Verdict(promise, AT_MOST, 0.05, TIMES, (), seen)


def _spread(figures: Figures, name: str) -> tuple[float, ...]:
    """Return p99 / p50 of each call."""
    found = server_of(figures, name)
    calls = [] if found is None else found["calls"].values()
    return tuple(round(call["p99_ms"] / call["p50_ms"], 2) for call in calls)


def _starts(figures: Figures) -> Iterator[Verdict]:
    for promise, bound, unit, key in (
        ("memory when idle", 75.0, "MiB", "memory_mib"),
        ("start to the first answer, CPU", 0.75, "s", "start_cpu_s"),
    ):
        seen, by_default = (
            () if server is None else (server[key],)
            for server in (server_of(figures, name) for name in _OURS)
        )
        yield Verdict(promise, AT_MOST, bound, unit, seen, by_default)
    commands = figures["commands"]
    for promise, bound, key in (
        ("start without a cache, CPU", 2.0, "cold start"),
        ("mockvault --help, CPU", 0.15, "--help"),
        ("mockvault --version, CPU", 0.15, "--version"),
    ):
        yield Verdict(promise, AT_MOST, bound, "s", (), (commands[key],))


def _worlds(figures: Figures) -> Iterator[Verdict]:
    worlds = figures["worlds"]
    ratios, longest, sizes, weighed, collection = (), (), (), {}, ()
    if worlds is not None:
        ratios = tuple(worlds["ratios"].values())
        longest = (max(worlds["longest_ms"].values()),)
        sizes, weighed = worlds["sizes"], worlds["bytes"]
        collection = (worlds["collection_ms"],)
    largest, least = (f"{sizes[-1]:,}", f"{sizes[0]:,}") if sizes else ("many", "few")
    promise = f"an operation with {largest} consumers costs, of one with {least}"
    yield Verdict(promise, AT_MOST, 1.3, TIMES, (), ratios)
    yield Verdict("the longest of these", AT_MOST, 5.0, "ms", (), longest)
    for name in ("consumer", "connection"):
        seen = (weighed[name],) if name in weighed else ()
        yield Verdict(f"one more {name}", AT_MOST, 1000.0, "bytes", (), seen)
    yield Verdict("the longest garbage collection", AT_MOST, 5.0, "ms", (), collection)


def _tester(figures: Figures) -> Iterator[Verdict]:
    tester = figures["tester"]
    for what, key in (
        ("by its own strategies, a second", "own_ratio"),
        ("with profile quick, a second", "rate_ratio"),
        ("with profile quick, a CPU second of the tester", "cpu_ratio"),
    ):
        seen = () if tester is None else (tester[key],)
        promise = f"cases judged by conformance {what}, of Schemathesis's"
        yield Verdict(promise, AT_LEAST, 4.0, TIMES, (), seen)


def _known(ratios: Iterable[float | None]) -> tuple[float, ...]:
    """Return the ratios, or none of them where one is not known."""
    found = tuple(ratios)
    return () if None in found else tuple(each for each in found if each is not None)
