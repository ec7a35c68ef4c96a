"""Several processes that answer on one port: started, replaced where one dies, stopped together.

The parent listens and answers nothing itself. Each worker tells it by a pipe that it answers, and
by the pipe's end that it is gone; when the parent is gone, the workers stop.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

STOP_WITHIN = 1.6
"""Seconds after which a worker that was told to stop is stopped."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds before a worker that never came to answer is started again: twice as long each time."""

Work = Callable[[Callable[[str], None]], None]
"""What a worker does; it calls what it is given, with what it has to say, once it answers."""


@dataclass(slots=True)
class _Worker:
    pid: int
    pipe: int
    said: str | None = None
    """What it said when it began to answer; None before that."""


class Workers:
    """A parent of `count` processes that each do `work`, until SIGINT or SIGTERM."""

    def __init__(self, count: int, work: Work, started: Callable[[str], None]) -> None:
        self._count = count
        self._work = work
        self._started = started
        self._workers: dict[int, _Worker] = {}
        self._pause = FIRST_PAUSE
        self._due: list[float] = []
        self._told = False
        self._alive, self._life = os.pipe()
        self._signals, self._signal = socket.socketpair()

    def run(self) -> int:
        """Have the work done until a signal; return the exit code.

        It is 0, or that of the first worker where it never came to answer.
        """
        self._signal.setblocking(False)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, _only_wake)
        signal.set_wakeup_fd(self._signal.fileno())
        self._start()
        while True:
            until = min(self._due, default=None)
            timeout = None if until is None else max(0.0, until - time.monotonic())
            signals = self._signals.fileno()
            ready, _, _ = select.select([signals, *self._workers], [], [], timeout)
            if signals in ready:
                self._stop()
                return 0
            for pipe in ready:
                code = self._hear(pipe)
                if code is not None and not self._told:
                    return code
            now = time.monotonic()
            for due in [each for each in self._due if each <= now]:
                self._due.remove(due)
                self._start()

    def _hear(self, pipe: int) -> int | None:
        """Take what a worker says; return its exit code where it says that it is gone."""
        worker = self._workers[pipe]
        said = os.read(pipe, 65_536)
        if said:
            worker.said, self._pause = said.decode(), FIRST_PAUSE
            self._complete()
            return None
        os.close(pipe)
        del self._workers[pipe]
        _, status = os.waitpid(worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if self._told:
            told = f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            _say(f"worker {worker.pid} {told}: another takes its place")
        delay = 0.0
        if worker.said is None:
            delay, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        self._due.append(time.monotonic() + delay)
        return code if code > 0 else 1

    def _complete(self) -> None:
        """Start those that are missing, after the first; tell once when all of them answer."""
        if self._told or any(each.said is None for each in self._workers.values()):
            return
        if len(self._workers) < self._count:
            for _ in range(self._count - len(self._workers)):
                self._start()
            return
        self._told = True
        self._started(next(iter(self._workers.values())).said or "")

    def _start(self) -> None:
        pipe, told = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become_worker(self._work, told, self._alive, [self._life, pipe, *self._workers])
        os.close(told)
        self._workers[pipe] = _Worker(pid, pipe)

    def _stop(self) -> None:
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
        until = time.monotonic() + STOP_WITHIN
        open_pipes = dict(self._workers)
        while open_pipes and (left := until - time.monotonic()) > 0:
            for pipe in select.select([*open_pipes], [], [], left)[0]:
                if not os.read(pipe, 65_536):
                    del open_pipes[pipe]
        for worker in open_pipes.values():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
        for worker in self._workers.values():
            os.waitpid(worker.pid, 0)


def _become_worker(work: Work, told: int, alive: int, others: list[int]) -> None:
    """Do the work in this process, which was forked for it, and end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        for each in others:
            os.close(each)
        threading.Thread(target=_stop_with_parent, args=(alive,), daemon=True).start()
        work(lambda said: _tell(told, said))
        code = 0
    except SystemExit as reason:
        code = reason.code if isinstance(reason.code, int) else 1
    except BaseException as reason:  # noqa: BLE001  a forked process must not go on as its parent
        sys.excepthook(type(reason), reason, reason.__traceback__)
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _tell(pipe: int, said: str) -> None:
    os.write(pipe, said.encode() or b" ")


def _stop_with_parent(alive: int) -> None:
    os.read(alive, 1)  # it returns when the parent, the only one who could write, is gone
    os.kill(os.getpid(), signal.SIGTERM)


def _only_wake(number: int, frame: FrameType | None) -> None:
    """Leave it to who waits for signals."""


def _say(line: str) -> None:
    sys.stderr.write(f"mockvault: {line}\n")
    sys.stderr.flush()
