"""What was worked out before and may be used again: bounded by its size, forgotten all at once."""

from collections.abc import Callable
from typing import Any

LIMIT = 16 * 1024 * 1024
"""Bytes of text that are kept at most."""


Parts = list[bytes]
"""The JSON texts that an object is joined from.

First its beginning, properties that change together, without the closing brace; then each other
property, its comma before it (`,"enabled":true`); last the brace.
"""


class Text:
    """JSON text that was worked out once, and by whom it has been proved to be right.

    A proof holds for as long as the text is served: the text never changes, only another is made.
    """

    __slots__ = ("content", "parts", "proved_by", "reply", "tail")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.parts: Parts | None = None
        """What the data was joined from, where that is kept."""
        self.proved_by: tuple[Any, ...] = ()
        self.reply: Any = None
        """The answer that is made of it alone, where one was made."""
        self.tail: bytes | None = None
        """The end of the answer as it is written; empty where the text was written but once."""


class Kept:
    """Values by their keys. Each says itself for how long it is good: who uses it compares."""

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}
        self.get: Callable[[Any], Any] = self._values.get
        """Returns what is kept under a key, or None."""
        self._size = 0
        self.keeps_parts = False
        """Whether texts keep what they were joined from, to be proved part by part."""

    def keep(self, key: Any, value: Any, size: int) -> None:
        """Keep a value; where there is no more room, all the others are forgotten."""
        size = 2 * size + 200  # as it is, and as it is written
        self._size += size
        if self._size > LIMIT:
            self._values.clear()
            self._size = size
        self._values[key] = value
