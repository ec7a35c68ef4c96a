"""Known failures: which, why, whose, and until when; expired and unused ones are told."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from conformance.failures import Failure

_NEEDED = ("law", "reason", "owner", "until")


class WaiversUnreadable(Exception):
    """A file of waivers, or of known failures, is not what it should be."""


@dataclass(frozen=True, slots=True)
class Waiver:
    law: str
    reason: str
    owner: str
    until: date
    operation: str = ""

    def matches(self, failure: Failure) -> bool:
        """Whether the waiver is for this failure."""
        fits = self.law in {failure.law, failure.key}
        return fits and self.operation in {"", failure.operation}


@dataclass
class Waivers:
    """The waivers of a run, and which of them were used."""

    rows: Sequence[Waiver] = ()
    today: date = field(default_factory=date.today)
    baseline: frozenset[str] = frozenset()
    used: set[Waiver] = field(default_factory=set)

    def covers(self, failure: Failure) -> bool:
        """Whether a failure is known and accepted, today."""
        if self.knows(failure):
            return True
        for waiver in self.rows:
            if waiver.matches(failure):
                self.used.add(waiver)
                if waiver.until >= self.today:
                    return True
        return False

    def knows(self, failure: Failure) -> bool:
        """Whether the baseline holds a failure."""
        return not self.baseline.isdisjoint({failure.key, failure.law})

    def notes(self, known: Collection[str], judged: Collection[str]) -> list[str]:
        """Tell of waivers that have expired, that nothing needed, or that name no promise.

        Nobody knows whether one was needed whose law was not judged.
        """
        notes = []
        for waiver in self.rows:
            law = waiver.law.partition(":")[0]
            told = f"waiver of {waiver.law}"
            if law not in known:
                notes.append(f"{told}: there is no such law or check ({waiver.owner})")
            elif waiver.until < self.today:
                why = f"{waiver.owner}: {waiver.reason}"
                notes.append(f"{told} expired on {waiver.until} ({why})")
            elif waiver not in self.used and law in judged:
                notes.append(f"{told} was not needed: remove it ({waiver.owner})")
        return notes


def read(path: Path, today: date | None = None) -> Waivers:
    """Read waivers from a TOML file."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if strange := [name for name in document if name != "waivers"]:
            raise ValueError(f"{strange[0]!r} is not known here, only [[waivers]]")  # noqa: TRY301
        given = document.get("waivers", [])
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            raise TypeError("waivers are written as [[waivers]]")  # noqa: TRY301
        rows = tuple(_waiver(row) for row in given)
    except (OSError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise WaiversUnreadable(f"{path}: {error}") from error
    return Waivers(rows, today or date.today())  # noqa: DTZ011 - an end date is a day of the calendar


def read_baseline(path: Path) -> frozenset[str]:
    """Read known failures, one a line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WaiversUnreadable(f"{path}: {error}") from error
    return frozenset(line.strip() for line in lines if line.strip())


def _waiver(row: Mapping[str, Any]) -> Waiver:
    told = f"the waiver of {row.get('law', 'no law')}"
    if missing := [name for name in _NEEDED if name not in row]:
        raise ValueError(f"{told} lacks {', '.join(missing)}")
    if strange := [name for name in row if name not in {*_NEEDED, "operation"}]:
        raise ValueError(f"{told} has a {strange[0]!r}, which is not known")
    try:
        day = date.fromisoformat(str(row["until"])[:10])
    except ValueError as error:
        raise ValueError(f"{told}: until is a day like 2027-03-31") from error
    return Waiver(
        str(row["law"]), str(row["reason"]), str(row["owner"]), day, str(row.get("operation", ""))
    )
