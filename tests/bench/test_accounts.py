"""What the kernel's account is read as."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.accounts import TICKS, Machine, cpu_seconds, memory_mib, tree


def a_process(proc: Path, pid: int, *children: int, nanoseconds: int | None = None) -> Path:
    task = proc / str(pid) / "task" / str(pid)
    task.mkdir(parents=True)
    (task / "children").write_text(" ".join(map(str, children)))
    if nanoseconds is not None:
        (task / "schedstat").write_text(f"{nanoseconds} 5 7\n")
    (proc / str(pid) / "status").write_text(f"Name:\tx\nVmRSS:\t{pid * 1024} kB\n")
    return task


def test_the_account_of_a_process_holds_all_below_it(tmp_path: Path) -> None:
    a_process(tmp_path, 1, 2, 3, nanoseconds=1_000_000_000)
    a_process(tmp_path, 2, 4, nanoseconds=500_000_000)
    a_process(tmp_path, 3, nanoseconds=0)
    a_process(tmp_path, 4, nanoseconds=250_000_000)
    a_process(tmp_path, 9, nanoseconds=99_000_000_000)

    assert sorted(tree(1, tmp_path)) == [1, 2, 3, 4]
    assert cpu_seconds([1], tmp_path) == pytest.approx(1.75)
    assert memory_mib(1, tmp_path) == 10


def test_a_process_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    a_process(tmp_path, 1, 7, nanoseconds=2_000_000_000)

    assert cpu_seconds([1, 8], tmp_path) == pytest.approx(2.0)


def test_ticks_are_counted_where_the_scheduler_keeps_no_account(tmp_path: Path) -> None:
    task = a_process(tmp_path, 1)
    fields = ["0"] * 50
    fields[11], fields[12] = str(2 * TICKS), str(TICKS)
    (task / "stat").write_text(f"1 (a (b) c) {' '.join(fields)}")

    assert cpu_seconds([1], tmp_path) == pytest.approx(3.0)


def test_the_account_of_a_process_that_works_grows_with_its_work() -> None:
    working = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", working], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = cpu_seconds([process.pid])
        time.sleep(0.05)
        later = cpu_seconds([process.pid])
        process.communicate(b"\n")

    assert used >= 0.29
    assert later - used < 0.05  # it waits
    assert os.waitstatus_to_exitcode(process.returncode) == 0


def test_what_others_use_is_what_is_busy_but_not_ours(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(
        f"cpu  {4 * TICKS} 0 {TICKS} {10 * TICKS} 0 0 0 {TICKS} 0 0\ncpu0 1 2 3\n"
    )

    now = Machine.now(tmp_path)

    assert now == Machine(busy=6.0, idle=10.0)
    assert now.share_of_others(Machine(2.0, 4.0), ours=1.0) == pytest.approx(0.3)
    assert now.share_of_others(now, ours=0.0) == 0
