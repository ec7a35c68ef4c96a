"""The shared log in a SQLite file: any number of workers and servers of one machine.

The file is in WAL mode. What is committed is in the kernel's hands and survives the end of any
process; a power cut may take the last moments, and leaves the file whole. Beside the file stand
`-turn` and `-lead`, whose locks say who writes and who leads: the kernel takes them back from a
process that ends in any way.
"""

import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from mockvault.store.shared import StoreLost, StoreUnusable, Tail

SCHEME = "sqlite:///"
APPLICATION = 0x4D4F434B
"""What the file says it belongs to (PRAGMA application_id)."""
PATIENCE = 5.0
"""Seconds to wait for the turn, or for somebody who works on the file by other means."""


class SqliteLog:
    """A `SharedLog` in a file. Raises StoreUnusable for one that it cannot be in."""

    def __init__(self, url: str) -> None:
        self.path = Path(_path_of(url))
        self._db = _opened(self.path)
        self._turn = self._lock("turn")
        self._lead = self._lock("lead")
        self._leads = False
        self._version, self._seen = -1, 0
        self._head = 0
        """The last position, while this worker has the turn."""

    @property
    def url(self) -> str:
        """Where the file is."""
        return f"{SCHEME}{self.path}"

    def _lock(self, name: str) -> int:
        path = f"{self.path}-{name}"
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as reason:
            raise StoreUnusable(f"{path} cannot be written: {reason.strerror}") from None

    def _wait(self) -> None:
        """Wait for the lock of the turn: with one who holds it and hangs, not for ever."""
        until, pause = time.monotonic() + PATIENCE, 0.00005
        while True:
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise StoreLost(f"{self.path}: a worker holds the turn and hangs") from None
                time.sleep(pause)
                pause = min(pause * 1.5, 0.001)
            else:
                return

    def found(self, header: bytes) -> bytes:
        """Return the header that the file was founded with; an empty one is founded with this."""
        try:
            self._wait()
        except StoreLost as reason:
            raise StoreUnusable(str(reason)) from None
        try:
            _prepare(self._db, self.path)
            row = self._db.execute("SELECT value FROM about WHERE name = 'header'").fetchone()
            if row is not None:
                return bytes(row[0])
            self._db.execute("INSERT INTO about VALUES ('header', ?)", (header,))
        except sqlite3.Error as reason:
            raise StoreUnusable(f"{self.path} cannot be used: {reason}") from None
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        return header

    def take_turn(self, head: int) -> Tail:
        """Wait for the turn and return what was written after `head`."""
        self._wait()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            tail = self._tail(head)
        except BaseException as reason:
            self.give_turn()
            raise _lost(self.path, reason) from reason
        self._head = tail.head
        return tail

    def append(self, entry: bytes) -> int:
        """Write an entry, durable against the end of this process, and give the turn back."""
        try:
            self._db.execute("INSERT INTO log VALUES (?, ?)", (self._head + 1, entry))
            self._db.execute("COMMIT")
        except BaseException as reason:
            self.give_turn()
            raise _lost(self.path, reason) from reason
        fcntl.flock(self._turn, fcntl.LOCK_UN)
        self._head += 1
        return self._head

    def give_turn(self) -> None:
        """Give the turn back with nothing written."""
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def since(self, head: int) -> Tail:
        """Return what was written after `head`; costs next to nothing where nothing was."""
        try:
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            if version == self._version and head >= self._seen:
                return Tail(head)
            self._db.execute("BEGIN")
            try:
                tail = self._tail(head)
            finally:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as reason:
            raise _lost(self.path, reason) from reason
        self._version, self._seen = version, tail.head
        return tail

    def _tail(self, head: int) -> Tail:
        rows = self._db.execute(
            "SELECT position, entry FROM log WHERE position > ? ORDER BY position", (head,)
        ).fetchall()
        if rows and rows[0][0] == head + 1:
            return Tail(rows[-1][0], [row[1] for row in rows])
        # the state is as large as the world: it is read where it is needed, and only there
        kept = self._db.execute("SELECT head FROM state").fetchone()
        if kept is None or kept[0] <= head:
            return Tail(head)
        (state,) = self._db.execute("SELECT state FROM state").fetchone()
        return Tail(
            rows[-1][0] if rows else kept[0],
            [row[1] for row in rows if row[0] > kept[0]],
            bytes(state),
        )

    def compact(self, head: int, state: bytes) -> None:
        """Keep `state` in place of the entries up to `head`."""
        self._wait()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM state")
            self._db.execute("INSERT INTO state VALUES (?, ?)", (head, state))
            self._db.execute("DELETE FROM log WHERE position <= ?", (head,))
            self._db.execute("COMMIT")
        except BaseException as reason:
            raise _lost(self.path, reason) from reason
        finally:
            self.give_turn()

    def lead(self) -> bool:
        """Tell whether this worker leads, taking the lead where nobody has it."""
        if not self._leads:
            with suppress(BlockingIOError):
                fcntl.flock(self._lead, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._leads = True
        return self._leads

    def close(self) -> None:
        """Give back turn and lead, and close the file."""
        self._db.close()
        for lock in (self._turn, self._lead):
            with suppress(OSError):
                os.close(lock)


def _path_of(url: str) -> str:
    path = url.removeprefix(SCHEME)
    if not url.startswith(SCHEME) or not path or path.startswith(":memory:"):
        raise StoreUnusable(f"'{url}' names no file: write sqlite:///FILE")
    return path


def _opened(path: Path) -> sqlite3.Connection:
    if not path.parent.is_dir():
        raise StoreUnusable(f"{path} cannot be made: there is no folder {path.parent}")
    if path.is_dir():
        raise StoreUnusable(f"{path} is a folder: name a file in it")
    if path.exists() and not os.access(path, os.W_OK):
        raise StoreUnusable(f"{path} cannot be written: it is read-only here")
    try:
        db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (owner,) = db.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error as reason:
        raise StoreUnusable(f"{path} cannot be used: {reason}") from None
    if tables and owner != APPLICATION:
        db.close()
        raise StoreUnusable(f"{path} is another program's database: name another file")
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables where they are not there, in a mode that does not wait for the disk."""
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreUnusable(f"{path} is where SQLite's WAL cannot be: take a local disk")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA wal_autocheckpoint = 4000")
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute("CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB)")
    db.execute("CREATE TABLE IF NOT EXISTS log (position INTEGER PRIMARY KEY, entry BLOB)")
    db.execute("CREATE TABLE IF NOT EXISTS state (head INTEGER, state BLOB)")


def _lost(path: Path, reason: BaseException) -> BaseException:
    return StoreLost(f"{path}: {reason}") if isinstance(reason, sqlite3.Error) else reason
