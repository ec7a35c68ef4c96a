"""What was asked, what was answered, and which promise that broke: the values all layers share."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

AREAS = (
    "auth",
    "validation",
    "envelope",
    "state",
    "isolation",
    "pagination",
    "filters",
    "sessions",
    "oauth",
    "webhooks",
    "logs",
    "counts",
    "mappings",
    "cascades",
    "concurrency",
    "secrets",
    "headers",
    "limits",
)
LEVEL_BY_AREA = {
    **dict.fromkeys(("validation", "envelope", "headers", "limits"), "contract"),
    **dict.fromkeys(("state", "pagination", "filters", "mappings", "cascades"), "state"),
    **dict.fromkeys(("auth", "isolation", "sessions", "oauth", "secrets"), "security"),
    **dict.fromkeys(("webhooks", "logs", "counts", "concurrency"), "complete"),
}
LEVELS = ("contract", "state", "security", "complete")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def header(self, name: str) -> str | None:
        """Return the header's value, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def data(self) -> Any:
        """The `data` of the envelope, or None."""
        return self.json.get("data") if isinstance(self.json, dict) else None

    @property
    def item(self) -> dict[str, Any]:
        """The `data` of the envelope where it is an object, else an empty one."""
        return self.data if isinstance(self.data, dict) else {}

    @property
    def items(self) -> list[dict[str, Any]]:
        """The objects of the `data` of the envelope where it is a list, else none."""
        return (
            [row for row in self.data if isinstance(row, dict)]
            if isinstance(self.data, list)
            else []
        )

    @property
    def is_good(self) -> bool:
        """Whether the request was served."""
        return 200 <= self.status < 300

    @property
    def is_refusal(self) -> bool:
        """Whether the request was refused as the client's fault."""
        return 400 <= self.status < 500

    @property
    def location(self) -> str:
        """Where a redirect leads, or nothing."""
        return self.headers.get("location", "")


@dataclass(frozen=True)
class Exchange:
    operation_id: str
    request: Request
    answer: Answer
    broke: tuple[str, ...] = ()
    began: float = 0.0
    """When it was sent, in seconds since 1970."""


@dataclass(frozen=True)
class Failure:
    """A broken promise, with what was expected and seen, and how to see it again."""

    law: str
    name: str
    area: str
    promise: str
    expected: str
    seen: str
    source: str
    aspect: str = ""
    operation: str = ""
    must: bool = True
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    replay: Mapping[str, Any] = field(default_factory=dict, repr=False)
    blames: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes two failures the same one: the law and the side of it that broke."""
        return f"{self.law}:{self.aspect}" if self.aspect else self.law


@dataclass(frozen=True)
class Cause:
    """Failures with one cause, told in one line, and what follows from them."""

    failure: Failure
    times: int
    operations: tuple[str, ...]
    follows: tuple[Failure, ...] = ()


def grouped(failures: Sequence[Failure], builds_on: Mapping[str, Sequence[str]]) -> list[Cause]:
    """Tell failures by cause: one line for a law, and none for a law that builds on a broken one.

    A law whose foundation is broken says nothing new, so it stands under the foundation.
    """
    by_law: dict[str, list[Failure]] = {}
    for failure in failures:
        by_law.setdefault(failure.law, []).append(failure)
    grounds = {law: (*builds_on.get(law, ()), *_blamed(members)) for law, members in by_law.items()}
    full = {**builds_on, **grounds}
    root_by_law = {law: _root(law, by_law, full, ()) for law in by_law}
    root_by_law = {law: _settled(law, root_by_law) for law in root_by_law}
    causes = []
    for law, members in by_law.items():
        if root_by_law[law] != law:
            continue
        follows = [
            f
            for other, fs in by_law.items()
            if other != law and root_by_law[other] == law
            for f in fs[:1]
        ]
        operations = tuple(dict.fromkeys(f.operation for f in members if f.operation))
        causes.append(Cause(members[0], len(members), operations, tuple(follows)))
    return causes


def _blamed(members: Sequence[Failure]) -> tuple[str, ...]:
    """Return the checks that the answers broke on which a law failed, if all of them did."""
    if any(not failure.blames for failure in members):
        return ()
    return tuple(dict.fromkeys(name for failure in members for name in failure.blames))


def _settled(law: str, root_by_law: Mapping[str, str]) -> str:
    """Follow roots to one that stands; of laws that build on each other, the first one does."""
    met = [law]
    while (root := root_by_law[met[-1]]) not in met:
        met.append(root)
    circle = set(met[met.index(root) :])
    return next(name for name in root_by_law if name in circle)


def _root(
    law: str,
    broken: Mapping[str, object],
    builds_on: Mapping[str, Sequence[str]],
    seen: tuple[str, ...],
) -> str:
    for ground in builds_on.get(law, ()):
        if ground in seen or ground == law:
            continue
        if ground in broken:
            return _root(ground, broken, builds_on, (*seen, law))
        deeper = _root(ground, broken, builds_on, (*seen, law))
        if deeper != ground:
            return deeper
    return law


def plain(value: Any) -> Any:
    """Turn failures and exchanges into what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value
