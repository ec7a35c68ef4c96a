"""One verdict of several: what the shards of a run have judged, put together."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from conformance import resuming
from conformance.engine import Former
from conformance.resuming import Kept

Key = TypeVar("Key", bound=Hashable)

# What the shards of one run are asked alike. Where each chose a seed by chance, they differ in it.
_ALIKE = ("version", "contract", "base_url", "profile", "phases", "only")


class Unmergeable(Exception):
    """Folders that do not hold the shards of one run, and why."""


@dataclass(frozen=True)
class Merged:
    """What all shards were asked and judged.

    `lacking` says which are missing or were stopped, `spent` which had no more time or requests.
    """

    asked: Mapping[str, Any]
    former: Former
    capabilities: Mapping[str, str]
    options: tuple[str, ...]
    placeholders: frozenset[str]
    lacking: str
    spent: str


def merged(folders: Iterable[Path]) -> Merged:
    """Return what the runs in the folders come to. Raises `Unmergeable`."""
    kept = {folder: _read(folder) for folder in folders}
    first, *others = kept
    asked = kept[first].asked
    for folder in others:
        for name in _ALIKE:
            if kept[folder].asked.get(name) != asked.get(name):
                raise Unmergeable(
                    f"the run in {first} had {name} {asked.get(name)!r}, "
                    f"the one in {folder} {kept[folder].asked.get(name)!r}"
                )
    runs = list(kept.values())
    return Merged(
        asked,
        _together([each.former for each in runs]),
        {name: value for each in runs for name, value in each.capabilities.items()},
        runs[0].options,
        frozenset().union(*(each.placeholders for each in runs)),
        _lacking(kept),
        ", ".join(
            f"shard {each.asked['shard'][0]}/{each.asked['shard'][1]}: {each.spent}"
            for each in runs
            if each.spent
        ),
    )


def _read(folder: Path) -> Kept:
    try:
        kept = resuming.read(folder)
    except resuming.Unresumable as error:
        raise Unmergeable(str(error)) from error
    if kept is None:
        raise Unmergeable(f"{folder} holds no run: name the --report-dir of each shard")
    return kept


def _lacking(kept: Mapping[Path, Kept]) -> str:
    """Say which shards are not there, or not whole.

    Raises `Unmergeable` where one is there twice, or where they are shards of different runs.
    """
    places: dict[int, Path] = {}
    parts = {int(each.asked["shard"][1]) for each in kept.values()}
    if len(parts) > 1:
        raise Unmergeable(f"the folders hold shards of {' and of '.join(map(str, sorted(parts)))}")
    for folder, each in kept.items():
        part = int(each.asked["shard"][0])
        if part in places:
            raise Unmergeable(f"{places[part]} and {folder} both hold shard {part}")
        places[part] = folder
    of = parts.pop()
    told = [f"shard {part}/{of} is missing" for part in range(1, of + 1) if part not in places]
    told += [
        f"shard {part}/{of} was not finished"
        for part, folder in sorted(places.items())
        if not kept[folder].is_whole and not kept[folder].spent
    ]
    return ", ".join(told)


def _together(formers: list[Former]) -> Former:
    return Former(
        tuple(case for each in formers for case in each.cases),
        tuple(failure for each in formers for failure in each.failures),
        sum(each.requests for each in formers),
        sum(each.seconds for each in formers),
        _sums(each.observed for each in formers),
        _unions(each.exercised for each in formers),
        _sums(each.judged for each in formers),
        _each_place(formers),
        _unions(each.seen for each in formers),
        (sum(each.twice[0] for each in formers), sum(each.twice[1] for each in formers)),
    )


def _sums(counts: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    total: Counter[Key] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _unions(sets: Iterable[Mapping[Key, frozenset[str]]]) -> dict[Key, frozenset[str]]:
    total: dict[Key, frozenset[str]] = {}
    for each in sets:
        for key, values in each.items():
            total[key] = total.get(key, frozenset()) | values
    return total


def _each_place(formers: Iterable[Former]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return how often each place of each operation was sent kept, and sent broken."""
    total: dict[str, dict[str, tuple[int, int]]] = {}
    for each in formers:
        for operation, places in each.sent.items():
            counts = total.setdefault(operation, {})
            for place, (kept, broken) in places.items():
                before = counts.get(place, (0, 0))
                counts[place] = (before[0] + kept, before[1] + broken)
    return total
