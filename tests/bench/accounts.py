"""What the kernel says that a process and all below it has used: CPU seconds and memory."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int, proc: Path = PROC) -> list[int]:
    """Return the process and all below it; one that is gone has nobody below it."""
    found = [pid]
    for task in (proc / str(pid) / "task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += tree(int(child), proc)
    return found


def cpu_seconds(pids: Iterable[int], proc: Path = PROC) -> float:
    """Return the CPU seconds of the processes and all below them.

    By the scheduler's account (nanoseconds) where the kernel keeps it, else in clock ticks. A
    thread that ends takes its account along: servers keep theirs.
    """
    total = 0.0
    for pid in pids:
        for each in tree(pid, proc):
            try:
                tasks = list((proc / str(each) / "task").iterdir())
            except OSError:
                continue
            for task in tasks:
                total += _seconds_of(task)
    return total


def _seconds_of(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, ValueError, IndexError):
        pass
    try:
        # the name in brackets may hold spaces and brackets: count from behind it
        fields = (task / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int, proc: Path = PROC) -> float:
    """Return the resident memory of the process and all below it, in MiB."""
    total = 0
    for each in tree(pid, proc):
        try:
            lines = (proc / str(each) / "status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return total / 1024


@dataclass(frozen=True)
class Machine:
    """What the whole machine has done since it started, in CPU seconds."""

    busy: float
    idle: float

    @classmethod
    def now(cls, proc: Path = PROC) -> "Machine":
        """Read the account of all cores; time that a hypervisor took counts as busy."""
        first = (proc / "stat").read_text().splitlines()[0].split()[1:9]
        user, nice, system, idle, waiting, hard, soft, stolen = (int(each) for each in first)
        busy = user + nice + system + hard + soft + stolen
        return cls(busy / TICKS, (idle + waiting) / TICKS)

    def share_of_others(self, earlier: "Machine", ours: float) -> float:
        """Return the part of the machine that others used since `earlier`, from 0 to 1."""
        busy, idle = self.busy - earlier.busy, self.idle - earlier.idle
        return max(0.0, busy - ours) / (busy + idle) if busy + idle else 0.0


def processor(proc: Path = PROC) -> str:
    """Return the name that the processor gives itself."""
    try:
        lines = (proc / "cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"
