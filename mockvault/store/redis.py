"""The shared log in Redis or Valkey: workers and servers of any number of machines.

The turn is a lease: whoever holds it writes within it, and one that comes late is refused, so that
a worker that died or hung keeps the others waiting for two seconds and spoils nothing. How durable
an entry is follows from how the server keeps its data (`appendfsync`).
"""

import os
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from mockvault.store.shared import StoreLost, StoreUnusable, Tail

SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://", "unix://")
LEASE = 2_000
"""Milliseconds for which a turn is given at most."""
LEAD = 3_000
"""Milliseconds for which the lead is given before it has to be asked for again."""
PATIENCE = 5.0
"""Seconds to wait for the turn: longer than a lease that nobody gives back."""
ANSWER_WITHIN = 1.0
"""Seconds in which the server has to answer."""
PAUSE = 0.25
"""Seconds for which a server that did not answer is not asked again."""

_TAIL = """
local base = tonumber(redis.call('HGET', KEYS[1], 'base') or '0')
local head = tonumber(ARGV[1])
local last = base + redis.call('LLEN', KEYS[2])
if head < base then
  return {last, redis.call('LRANGE', KEYS[2], 0, -1), redis.call('GET', KEYS[3])}
end
return {last, head < last and redis.call('LRANGE', KEYS[2], head - base, -1) or {}, false}
"""
_TAKE = f"""
if not redis.call('SET', KEYS[4], ARGV[2], 'NX', 'PX', {LEASE}) then return false end
{_TAIL}
"""
_APPEND = """
if redis.call('GET', KEYS[4]) ~= ARGV[2] then return -1 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[4])
return tonumber(redis.call('HGET', KEYS[1], 'base') or '0') + redis.call('LLEN', KEYS[2])
"""
_GIVE = """
if redis.call('GET', KEYS[4]) == ARGV[2] then redis.call('DEL', KEYS[4]) end
return 0
"""
_COMPACT = """
local base = tonumber(redis.call('HGET', KEYS[1], 'base') or '0')
local head = tonumber(ARGV[1])
if head <= base then return 0 end
redis.call('SET', KEYS[3], ARGV[2])
redis.call('LTRIM', KEYS[2], head - base, -1)
redis.call('HSET', KEYS[1], 'base', head)
return 1
"""
_LEAD = f"""
local holder = redis.call('GET', KEYS[5])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[5], ARGV[1], 'PX', {LEAD})
return 1
"""


class RedisLog:
    """A `SharedLog` in Redis, in keys that begin with a prefix.

    Raises StoreUnusable where there is no such server, or its client is not installed.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import redis  # noqa: PLC0415  an extra, which few need
        except ImportError:
            raise StoreUnusable(
                "--store redis://… needs the Python package redis: pip install 'mockvault[redis]'"
            ) from None
        self._clock = clock
        self._token = f"{os.getpid()}-{uuid4()}".encode()
        self._failed = redis.RedisError
        self._asleep_until = 0.0
        self._leads_until = 0.0
        address, _, query = url.partition("?")
        said = [each for each in query.split("&") if each and not each.startswith("prefix=")]
        prefix = parse_qs(query).get("prefix", ["mockvault"])[0]
        self.url = re.sub(r"//[^/@]*@", "//", address)
        self._keys = [f"{prefix}:{name}" for name in ("about", "log", "state", "turn", "lead")]
        plain = re.sub(r"^valkey(s?)://", r"redis\1://", address)
        plain = "?".join(filter(None, (plain, "&".join(said))))
        try:
            self._redis: Any = redis.Redis.from_url(
                plain,
                socket_timeout=ANSWER_WITHIN,
                socket_connect_timeout=ANSWER_WITHIN,
                retry_on_timeout=False,
                retry=None,
            )
            self._redis.ping()
        except ValueError as reason:
            raise StoreUnusable(f"{self.url} is no address of a Redis: {reason}") from None
        except redis.RedisError as reason:
            raise StoreUnusable(f"no Redis answers at {self.url}: {reason}") from None
        self._take, self._append, self._give, self._tail, self._compact, self._lead = (
            self._redis.register_script(script)
            for script in (_TAKE, _APPEND, _GIVE, _TAIL, _COMPACT, _LEAD)
        )

    def _ask(self, script: Any, *arguments: Any) -> Any:
        if self._clock() < self._asleep_until:
            raise StoreLost(f"{self.url} did not answer a moment ago")
        try:
            return script(keys=self._keys, args=arguments)
        except self._failed as reason:
            self._asleep_until = self._clock() + PAUSE
            raise StoreLost(f"{self.url}: {reason}") from reason

    def found(self, header: bytes) -> bytes:
        """Return the header that the log was founded with; an empty one is founded with this."""
        try:
            self._redis.hsetnx(self._keys[0], "header", header)
            return bytes(self._redis.hget(self._keys[0], "header"))
        except self._failed as reason:
            raise StoreUnusable(f"{self.url} cannot be used: {reason}") from None

    def take_turn(self, head: int) -> Tail:
        """Wait for the turn and return what was written after `head`."""
        until, pause = self._clock() + PATIENCE, 0.0002
        while (found := self._ask(self._take, head, self._token)) is None:
            if self._clock() > until:
                raise StoreLost(f"{self.url}: the turn was not given")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)
        return _tail(found)

    def append(self, entry: bytes) -> int:
        """Write an entry and give the turn back; refused where the turn's time is over."""
        position = int(self._ask(self._append, entry, self._token))
        if position < 0:
            raise StoreLost(f"{self.url}: the turn was over before it was used")
        return position

    def give_turn(self) -> None:
        """Give the turn back with nothing written; one that cannot be ends by itself."""
        try:
            self._ask(self._give, b"", self._token)
        except StoreLost:
            return

    def since(self, head: int) -> Tail:
        """Return what was written after `head`."""
        return _tail(self._ask(self._tail, head))

    def compact(self, head: int, state: bytes) -> None:
        """Keep `state` in place of the entries up to `head`."""
        self._ask(self._compact, head, state)

    def lead(self) -> bool:
        """Tell whether this worker leads; the lead that it has is renewed every second."""
        now = self._clock()
        if now < self._leads_until - LEAD * 2 / 3000:
            return True
        try:
            if self._ask(self._lead, self._token):
                self._leads_until = now + LEAD / 1000
        except StoreLost:
            return now < self._leads_until
        return now < self._leads_until

    def close(self) -> None:
        """Give back turn and lead, and hang up."""
        give = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
        try:
            for key in self._keys[3:]:
                self._redis.eval(give, 1, key, self._token)
        except self._failed:
            return
        finally:
            self._redis.close()


def _tail(found: Any) -> Tail:
    head, entries, state = found
    return Tail(int(head), entries, state or None)
