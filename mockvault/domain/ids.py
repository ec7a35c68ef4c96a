"""Where ids and other made-up values come from: a seeded source, so that one seed is one world."""

from hashlib import blake2b

_BATCH = 4
"""Ids that are made at once: one digest has room for as many."""
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class IdSource:
    """Ids that follow from a seed and from how many were asked for before, and nothing else."""

    __slots__ = ("_count", "_keyed", "_ready", "_seed")

    def __init__(self, seed: str, count: int = 0) -> None:
        self._seed = seed.encode()
        self._keyed = blake2b(key=self._seed[:64], digest_size=64)
        self._count = count
        self._ready: list[str] = []

    @property
    def count(self) -> int:
        """How many ids were given: with the seed, all that a snapshot needs to keep."""
        return self._count

    def rewind(self, count: int) -> None:
        """Continue as if `count` ids had been given."""
        self._count = count
        self._ready = []

    def uuid(self) -> str:
        """Return a UUID (version 4, variant 1, in form)."""
        ready = self._ready or self._next()
        self._count += 1
        return ready.pop()

    def _next(self) -> list[str]:
        """Return the ids that come next, the first at the end."""
        batch, given = divmod(self._count, _BATCH)
        made = self._keyed.copy()  # a third of the time that it takes to begin with the key
        made.update(b"%d" % batch)
        digits = made.hexdigest()
        self._ready = ready = [
            _uuid_of(digits[at : at + 32]) for at in range(96, 32 * given - 32, -32)
        ]
        return ready

    def token(self, prefix: str = "") -> str:
        """Return an opaque token: the prefix and 40 hexadecimal digits."""
        self._count += 1
        self._ready = []
        made = blake2b(b"%d" % self._count, key=self._seed[:64], digest_size=20)
        return prefix + made.hexdigest()


def _uuid_of(digits: str) -> str:
    variant = _VARIANTS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def secret_of(*parts: str) -> bytes:
    """Return 32 bytes that follow from the parts alone: the key an application signs with."""
    return blake2b("\x1f".join(parts).encode(), digest_size=32, person=b"mockvault").digest()
