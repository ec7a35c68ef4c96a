"""Known failures: which, why, whose, and until when; expired and unused ones are told."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from conformance.failures import Failure


class WaiversUnreadable(Exception):
    """The file of waivers is not what it should be."""


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
        if failure.key in self.baseline or failure.law in self.baseline:
            return True
        for waiver in self.rows:
            if waiver.matches(failure):
                self.used.add(waiver)
                if waiver.until >= self.today:
                    return True
        return False

    def notes(self) -> list[str]:
        """Tell of waivers that have expired or that nothing needed."""
        notes = [
            f"waiver of {w.law} expired on {w.until} ({w.owner}: {w.reason})"
            for w in self.rows
            if w.until < self.today
        ]
        unused = [w for w in self.rows if w not in self.used and w.until >= self.today]
        return notes + [f"waiver of {w.law} was not needed: remove it ({w.owner})" for w in unused]


def read(path: Path, today: date | None = None) -> Waivers:
    """Read waivers from a TOML file."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_waiver(row) for row in document.get("waivers", ()))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise WaiversUnreadable(f"{path}: {error}") from error
    return Waivers(rows, today or date.today())  # noqa: DTZ011 - an end date is a day of the calendar


def _waiver(row: Mapping[str, Any]) -> Waiver:
    missing = [name for name in ("law", "reason", "owner", "until") if name not in row]
    if missing:
        raise ValueError(f"a waiver lacks {', '.join(missing)}")
    until = row["until"]
    day = until if isinstance(until, date) else date.fromisoformat(str(until))
    return Waiver(
        str(row["law"]), str(row["reason"]), str(row["owner"]), day, str(row.get("operation", ""))
    )
