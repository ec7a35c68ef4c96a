"""Whether requests were made as a test says: counted, and never said of what has been forgotten."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from mockvault.control.journal import Entry, Journal
from mockvault.web.recording import Exchange

NEAREST = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests are meant, and how many there should be."""

    operation_id: str | None = None
    consumer: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    has_body: bool = False
    at_least: int = 1
    at_most: int | None = None

    def misses(self, exchange: Exchange) -> list[str]:
        """Return what of a request is not as wanted, in words; nothing where it matches."""
        found = []
        plain = (
            ("operation_id", self.operation_id, exchange.operation_id),
            ("consumer", self.consumer, exchange.consumer_id),
            ("method", self.method, exchange.method),
            ("path", self.path, exchange.path),
            ("status", self.status, exchange.status),
        )
        for name, wanted, got in plain:
            if wanted is not None and wanted != got:
                found.append(f"{name}: wanted {wanted!r}, got {got!r}")
        if self.query:
            given = dict(parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True))
            found += _differences(self.query, given, "query")
        if self.headers:
            sent = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in exchange.headers
            }
            wanted_headers = {name.lower(): value for name, value in self.headers.items()}
            found += _differences(wanted_headers, sent, "headers")
        if self.has_body:
            try:
                body = json.loads(exchange.content or b"null")
            except (ValueError, RecursionError):
                return [*found, "body: it is not JSON"]
            found += _differences(self.body, body, "body")
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many requests were found, and whether that is what was wanted.

    `holds` is None where evicted entries could turn it either way.
    """

    holds: bool | None
    count: int
    evicted: int
    wanted: str
    matches: tuple[int, ...]
    nearest: tuple[tuple[Entry, tuple[str, ...]], ...]


def verify(journal: Journal, wanted: Wanted) -> Verdict:
    """Judge the journal; what was evicted counts as perhaps, where it could have matched."""
    matches, near = [], []
    for entry, exchange in journal.requests():
        misses = wanted.misses(exchange)
        if misses:
            near.append((len(misses), entry, tuple(misses)))
        else:
            matches.append(entry.number)
    evicted = (
        journal.evicted_requests[wanted.operation_id]
        if wanted.operation_id is not None
        else journal.evicted_requests.total()
    )
    count = len(matches)
    nearest = sorted(near, key=lambda each: (each[0], -each[1].number))[:NEAREST]
    return Verdict(
        _holds(wanted, count, count + evicted),
        count,
        evicted,
        _told(wanted),
        tuple(matches[:100]),
        tuple((entry, misses) for _, entry, misses in nearest),
    )


def _holds(wanted: Wanted, least: int, most: int) -> bool | None:
    """Tell whether the wanted count holds for every count from `least` to `most`, or for none."""
    high = most if wanted.at_most is None else wanted.at_most
    if wanted.at_least <= least and most <= high:
        return True
    if most < wanted.at_least or (wanted.at_most is not None and least > wanted.at_most):
        return False
    return None


def _told(wanted: Wanted) -> str:
    if wanted.at_most is None:
        return f"at least {wanted.at_least}"
    if wanted.at_most == wanted.at_least:
        return f"exactly {wanted.at_least}"
    return f"{wanted.at_least} to {wanted.at_most}"


def _differences(wanted: Any, got: Any, where: str) -> list[str]:  # noqa: PLR0911  by shape
    """Return where `got` is not what is wanted: objects may have more, patterns match texts."""
    if isinstance(wanted, Mapping):
        if set(wanted) == {"$matches"}:
            text = got if isinstance(got, str) else json.dumps(got)
            if re.search(str(wanted["$matches"]), text):
                return []
            return [f"{where}: wanted something like {wanted['$matches']!r}, got {got!r}"]
        if set(wanted) == {"$any"}:
            return []
        if not isinstance(got, Mapping):
            return [f"{where}: wanted an object, got {got!r}"]
        found = []
        for name, part in wanted.items():
            if name in got:
                found += _differences(part, got[name], f"{where}.{name}")
            else:
                found.append(f"{where}.{name}: is missing")
        return found
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [
            told
            for place, (one, other) in enumerate(zip(wanted, got, strict=True))
            for told in _differences(one, other, f"{where}[{place}]")
        ]
    return [] if wanted == got else [f"{where}: wanted {wanted!r}, got {got!r}"]
