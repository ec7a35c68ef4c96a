"""Chance that follows from a text alone: so cheap to begin that each thing can have its own."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Item = TypeVar("Item")
_ENOUGH = 1 << 64


class Chance:
    """Picks that follow from a key, and from nothing that was picked for another.

    One digest of 512 bits is a number from which picks are taken as remainders, until little is
    left of it; then comes the next.
    """

    __slots__ = ("_key", "_left", "_round")

    def __init__(self, *key: str) -> None:
        self._key = "/".join(key).encode()
        self._round = 0
        self._left = 0

    def below(self, end: int) -> int:
        """Return a whole number from 0 to `end`, without the end."""
        left = self._left
        if left < _ENOUGH:
            self._round += 1
            digest = blake2b(self._key, salt=self._round.to_bytes(16, "big")).digest()
            left = int.from_bytes(digest, "big")
        self._left, found = divmod(left, end)
        return found

    def between(self, first: int, last: int) -> int:
        """Return a whole number from `first` to `last`, both included."""
        return first + self.below(last - first + 1)

    def bits(self, count: int) -> int:
        """Return a whole number of so many bits, 64 at most."""
        return self.below(1 << count)

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Return so many of the items, no place twice, in any order."""
        places: dict[int, None] = {}
        while len(places) < count:
            places[self.below(len(items))] = None
        return [items[place] for place in places]
