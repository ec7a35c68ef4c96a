"""Where all time comes from: the clock protocol, a clock that stands still, and ISO texts of time.

Time is an integer of milliseconds since 1970-01-01T00:00:00Z everywhere in the domain.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_SECOND = re.compile(r"(?<=:\d\d):60")


class Clock(Protocol):
    """Something that can be asked what time it is."""

    def now(self) -> int:
        """Return the time in milliseconds since 1970 (UTC)."""
        ...


class FrozenClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """Return the time at which this clock stands."""
        return self._now

    def advance(self, milliseconds: int) -> None:
        """Move the clock on."""
        self._now += milliseconds


def iso_time(milliseconds: int) -> str:
    """Return the ISO 8601 text of a time, as the contract's examples write it.

    >>> iso_time(1620392142242)
    '2021-05-07T12:55:42.242Z'
    """
    moment = _EPOCH.replace(tzinfo=None) + timedelta(milliseconds=milliseconds)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def milliseconds_of(text: str) -> int:
    """Return the time that an ISO 8601 date-time names; one without a zone is read as UTC.

    Raises ValueError where the text names no time.

    >>> milliseconds_of("2021-05-07T12:55:42.242Z")
    1620392142242
    >>> milliseconds_of("2016-12-31T23:59:60Z") == milliseconds_of("2017-01-01T00:00:00Z")
    True
    """
    leap = _LEAP_SECOND.search(text)
    if leap:  # RFC 3339 knows a second 60, which is the first of the next minute here
        text = f"{text[: leap.start()]}:59{text[leap.end() :]}"
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1) + (SECOND if leap else 0)
