"""Where all time comes from: clocks that stand still or can be moved, and ISO texts of time.

Time is an integer of milliseconds since 1970-01-01T00:00:00Z everywhere in the domain.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

NANOSECONDS = 1_000_000
"""Of a millisecond."""
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999: no text of ISO 8601 names a later one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_SECOND = re.compile(r"(?<=:\d\d):60")
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


class Clock(Protocol):
    """Something that can be asked what time it is."""

    def now(self) -> int:
        """Return the time in milliseconds since 1970 (UTC)."""
        ...

    @property
    def is_frozen(self) -> bool:
        """Whether no time passes on it by itself."""
        ...


class FrozenClock:
    """A clock that stands still until it is moved."""

    is_frozen = True

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """Return the time at which this clock stands."""
        return self._now

    def advance(self, milliseconds: int) -> None:
        """Move the clock on."""
        self._now += milliseconds


class ClockState(NamedTuple):
    """Where a clock stands: the moment at which it is frozen, or how far it runs beside its source.

    It is all that a snapshot has to keep of a clock.
    """

    frozen_at: int | None = None
    offset: int = 0


class ControlledClock:
    """A clock that runs beside its source until it is frozen, moved, or set back to the source.

    The source counts in parts of a millisecond: in nanoseconds where there are a million `parts`.
    """

    __slots__ = ("_frozen_at", "_offset", "_parts", "_source")

    def __init__(self, source: Callable[[], int], parts: int = 1) -> None:
        self._source = source
        self._parts = parts
        self._frozen_at: int | None = None
        self._offset = 0

    def now(self) -> int:
        """Return the time on this clock."""
        if self._frozen_at is not None:
            return self._frozen_at
        return self._source() // self._parts + self._offset

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen_at is not None

    @property
    def state(self) -> ClockState:
        """Where it stands, as a value."""
        return ClockState(self._frozen_at, self._offset)

    def restore(self, state: ClockState) -> None:
        """Stand, or run, as it did when `state` was taken."""
        self._frozen_at, self._offset = state

    def freeze(self, at: int | None = None) -> None:
        """Stand still from now on: at the time it is, or at another."""
        self._frozen_at = self.now() if at is None else at

    def move(self, to: int) -> None:
        """Show another time; a clock that runs goes on running from there."""
        if self._frozen_at is None:
            self._offset = to - self._source() // self._parts
        else:
            self._frozen_at = to

    def resume(self) -> None:
        """Run on from the time at which it stands."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - self._source() // self._parts
            self._frozen_at = None

    def reset(self) -> None:
        """Run with its source again."""
        self._frozen_at, self._offset = None, 0


def duration_of(text: str) -> int:
    """Return the milliseconds that an ISO 8601 duration names; years and months have no one length.

    Raises ValueError where the text names no duration.

    >>> duration_of("PT2H30M"), duration_of("P1DT0.5S")
    (9000000, 86400500)
    """
    match = _DURATION.fullmatch(text)
    parts = (
        {name: float(value) for name, value in match.groupdict().items() if value} if match else {}
    )
    if not parts or text.endswith("T"):
        raise ValueError(f"'{text}' is not an ISO 8601 duration such as PT2H, P1D or PT0.5S")
    try:
        length = timedelta(**parts) // timedelta(milliseconds=1)
    except OverflowError:
        length = LATEST + 1
    if length > LATEST:
        raise ValueError(f"'{text}' is longer than any time can be")
    return length


def duration_text(milliseconds: int) -> str:
    """Return the ISO 8601 text of a duration.

    >>> duration_text(9_000_500)
    'PT2H30M0.5S'
    """
    seconds, rest = divmod(milliseconds, SECOND)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    text = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    if seconds or rest or not text:
        text += f"{seconds}{f'.{rest:03d}'.rstrip('0') if rest else ''}S"
    return f"PT{text}"


def iso_time(milliseconds: int) -> str:
    """Return the ISO 8601 text of a time, as the contract's examples write it.

    >>> iso_time(1620392142242)
    '2021-05-07T12:55:42.242Z'
    """
    seconds, rest = divmod(milliseconds, SECOND)
    return f"{_text_of_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=4096)
def _text_of_second(seconds: int) -> str:
    moment = _EPOCH.replace(tzinfo=None) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="seconds")


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
