"""What an earlier start worked out, kept as JSON in the user's cache folder: never needed.

A file is used only where it is whole, was made from the same sources by the same versions, and
could have been written by nobody but this user. Whatever is wrong with it, or with the folder, it
is as if there were none: the value is worked out again, and nothing is said of it.
"""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from mockvault.version import VERSION

AUTO, OFF = "auto", "off"
LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read at most."""
KEPT = 8
"""Files of one name that are kept: one for each contract, version or checkout that was used."""


class Cache:
    """Values by name and key. Without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @classmethod
    def at(cls, place: str) -> "Cache":
        """Return the cache of a setting: `auto` is the user's cache folder, `off` is none."""
        if place == OFF:
            return cls(None)
        return cls(user_folder() if place == AUTO else Path(place))

    def get(self, name: str, key: str) -> Any:
        """Return the value, or None where none can be had that is surely the one put."""
        if self.folder is None:
            return None
        try:
            content = _own_bytes(self.folder / _file_name(name, key))
            digest, _, text = content.partition(b"\n")
            if digest != hashlib.sha256(text).hexdigest().encode():
                return None
            kept_key, value = orjson.loads(text)
        except (OSError, ValueError, TypeError):
            return None
        return value if kept_key == key else None

    def put(self, name: str, key: str, value: Any) -> None:
        """Keep a value for later starts, where that can be done and JSON can say it."""
        if self.folder is None:
            return
        with suppress(OSError, ValueError, TypeError, RecursionError):
            text = orjson.dumps([key, value])
            if orjson.loads(text) != [key, value]:  # a number that JSON does not have, as NaN
                return
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(
                self.folder / _file_name(name, key),
                hashlib.sha256(text).hexdigest().encode() + b"\n" + text,
            )
            self._drop_oldest(name)

    def _drop_oldest(self, name: str) -> None:
        assert self.folder is not None
        files = [(file.stat().st_mtime, file) for file in self.folder.glob(f"{name}-*.json")]
        for _, file in sorted(files, reverse=True)[KEPT:]:
            file.unlink(missing_ok=True)


def key_of(*parts: bytes, packages: Iterable[str] = (), modules: Iterable[str] = ()) -> str:
    """Return the key of what `packages` and our own `modules` make of the bytes of `parts`.

    It is another for another Python, another version of a package or of the mock, and for another
    text of one of the modules, so that who changes them needs to clear nothing.
    """
    made_by = [VERSION, sys.implementation.name, *map(str, sys.version_info)]
    made_by += [f"{name} {_version(name)}" for name in packages]
    told = hashlib.sha256(orjson.dumps(made_by))
    for part in (*(_source(name) for name in modules), *parts):
        told.update(b"%d:" % len(part))
        told.update(part)
    return told.hexdigest()


def user_folder() -> Path | None:
    """Return the folder in which this user's caches of the mock belong, or None without a home."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given / "mockvault"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        return Path(local) / "mockvault" / "Cache" if local else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "mockvault"
    return home / ".cache" / "mockvault"


def _file_name(name: str, key: str) -> str:
    return f"{name}-{key[:32]}.json"


def _own_bytes(file: Path) -> bytes:
    """Return what a file holds; raise OSError unless it is this user's alone to write."""
    # what stands there may be a pipe, which nobody writes to: that must not be waited for
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        told = os.fstat(handle)
        if not stat.S_ISREG(told.st_mode) or told.st_size > LARGEST:
            raise OSError("it is no file of ours")
        if hasattr(os, "geteuid") and (
            told.st_uid != os.geteuid() or told.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        ):
            raise OSError("another user could have written it")
        return stream.read(LARGEST + 1)


def _write_whole(file: Path, content: bytes) -> None:
    """Write so that a reader, another start included, sees all of it or nothing."""
    handle, partial = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(partial, file)  # noqa: PTH105  both are names already
    except OSError:
        with suppress(OSError):
            os.unlink(partial)  # noqa: PTH108  as above
        raise


@lru_cache(maxsize=64)
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _source(module: str) -> bytes:
    """Return the text of a module of ours, by its path in the package."""
    try:
        return (Path(__file__).parent / module).read_bytes()
    except OSError:
        return b""
