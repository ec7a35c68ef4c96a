"""A store by its URL, and whether what it holds is what this server would begin with."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from mockvault.locations import builtin_fixtures
from mockvault.settings import Settings
from mockvault.store import redis, sqlite
from mockvault.store.shared import SharedLog, StoreUnusable
from mockvault.version import VERSION

FORMAT = 1
"""What the entries of a log are like; another number is another mock's."""
AGREED = ("seed", "scenario", "log_capacity", "journal_capacity", "webhook_signature")
"""Settings that all who share a store have in common."""


def open_log(url: str) -> SharedLog:
    """Return the log at a URL; raise StoreUnusable where it names none that can be used."""
    if url.startswith("sqlite:"):
        return sqlite.SqliteLog(url)
    if url.startswith(redis.SCHEMES):
        return redis.RedisLog(url)
    raise StoreUnusable(f"'{url}' is no store: write memory, sqlite:///FILE or redis://HOST:PORT/0")


def agree(log: SharedLog, settings: Settings) -> tuple[Settings, bytes]:
    """Return the settings with which to serve what the log holds, and its header.

    What was left at its default is as it was when the store was founded. Raises StoreUnusable where
    something else was given, or the world was made by other fixtures or another version.
    """
    ours = _header(settings)
    header = log.found(orjson.dumps(ours))
    theirs = orjson.loads(header)
    if (theirs.get("format"), theirs.get("version")) != (FORMAT, VERSION):
        raise StoreUnusable(
            f"{log.url} was founded by mockvault {theirs.get('version')}, this is {VERSION}: "
            "name another store, or carry the world over with `mockvault snapshot export`"
        )
    defaults = Settings()
    for name in AGREED:
        given, there = getattr(settings, name), theirs["settings"][name]
        if given != there and given != getattr(defaults, name):
            flag = f"--{name.replace('_', '-')}"
            raise StoreUnusable(
                f"{log.url} holds a world with {flag} {there}, not {given}: "
                f"leave {flag} out, or name another store"
            )
    settings = replace(settings, **theirs["settings"])
    if _digest(settings) != theirs["fixtures"]:
        raise StoreUnusable(
            f"{log.url} holds a world that was made from other fixtures: name another store"
        )
    return settings, header


def _header(settings: Settings) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": {name: getattr(settings, name) for name in AGREED},
        "fixtures": _digest(settings),
    }


def _digest(settings: Settings) -> str:
    """Return what tells one beginning from another: connectors and scenario, whole."""
    digest = blake2b(digest_size=16)
    for path in _files(settings):
        if path.is_file():
            content = path.read_bytes()
            digest.update(b"%d %s" % (len(content), content))
    return digest.hexdigest()


def _files(settings: Settings) -> Iterator[Path]:
    fixtures = settings.fixtures or builtin_fixtures()
    yield from sorted((fixtures / "connectors").glob("*.yml"))
    yield fixtures / "scenarios" / f"{settings.scenario}.yml"
    yield Path(settings.scenario)
