"""How many instructions a call takes, in process: a count that no busy machine changes.

`python -m tests.bench.instructions` runs the mock under callgrind and holds its counts
beside those kept for this Python: what grew by more than the tolerance is named, and makes it fail.
"""

import argparse
import gc
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench import callgrind
from tests.bench.calls import CALLS
from tests.bench.in_process import Direct

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KEPT = HERE / "instructions.json"
COUNTED = tuple(call for call in CALLS if call.letter in "abcde")
WARM, COUNT = 200, 50
TOLERANCE = 0.02
"""By which a count may grow; between runs of the same tree it moves by a tenth of that."""
PACKAGES = ("httptools", "jsonschema-rs", "orjson", "uvicorn")


@dataclass(frozen=True)
class Change:
    """A call whose count is not what is kept: how many instructions, and by what part more."""

    name: str
    kept: int
    counted: int

    @property
    def by(self) -> float:
        """By what part of what is kept the count is more; less than 0 where it is less."""
        return self.counted / self.kept - 1


def changes(kept: Mapping[str, int], counted: Mapping[str, int]) -> list[Change]:
    """Return what has changed by more than the tolerance, in either direction."""
    found = [Change(name, kept[name], counted[name]) for name in kept if name in counted]
    return [each for each in found if abs(each.by) > TOLERANCE]


def environment() -> str:
    """Return what counts are comparable for: this Python on this kind of machine."""
    implementation, number = platform.python_implementation(), platform.python_version_tuple()
    return f"{implementation} {number[0]}.{number[1]}, {platform.machine()}"


def packages() -> dict[str, str]:
    """Return the versions of what is compiled and on the way of a request."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def why_not() -> str | None:
    """Return why nothing can be counted here, or None."""
    if shutil.which("valgrind") is None:
        return "valgrind is not there (apt-get install valgrind)"
    if platform.machine() != "x86_64":
        return f"there is no way to tell callgrind where a call begins on {platform.machine()}"
    return None


def counted() -> dict[str, int]:
    """Return the instructions of each call, counted in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet"]
        command += [f"--callgrind-out-file={folder}/out"]
        command += [sys.executable, "-W", "ignore", "-m", "tests.bench.instructions", "--inside"]
        path = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        subprocess.run(command, check=True, env={**os.environ, **path}, cwd=ROOT)
        totals = callgrind.totals(Path(folder))
    return {call.name: totals[call.letter] // COUNT for call in COUNTED}


def inside() -> None:
    """Ask each call, and tell callgrind where it begins and ends."""
    tell = callgrind.Teller()
    direct = Direct()
    gc.collect()
    gc.disable()  # when a collection comes is chance
    for call in COUNTED:
        direct.ask(direct.requests(call, WARM))
        direct.answered(call, WARM)
        raws = direct.requests(call, COUNT)
        tell.start()
        direct.ask(raws)
        tell.stop(call.letter)
        direct.answered(call, COUNT)
    direct.close()


def main() -> int:
    """Count, compare, tell; return the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-instructions ARGS=", description=__doc__)
    parser.add_argument("--update", action="store_true", help="keep the counts of this run")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        inside()
        return 0
    return compare(counted, update=chosen.update, reason=why_not())


def compare(count: Callable[[], dict[str, int]], *, update: bool, reason: str | None) -> int:
    """Count and tell what grew: 0 where nothing did or nothing can be counted, else 1."""
    if reason is not None:
        print(f"no instructions are counted: {reason}")
        return 0
    here, every = environment(), json.loads(KEPT.read_text()) if KEPT.exists() else {}
    found = count()
    kept = every.get(here, {}).get("instructions", {})
    for name, number in found.items():
        beside = f"{number / kept[name] - 1:+8.1%}" if name in kept else ""
        print(f"{name:<24}{number:>10,} instructions a call{beside}")
    if update:
        every[here] = {"packages": packages(), "instructions": found}
        KEPT.write_text(json.dumps(every, indent=1) + "\n")
        print(f"kept for {here}")
        return 0
    if not kept:
        print(f"no counts are kept for {here}: --update keeps these")
        return 0
    if (old := every[here]["packages"]) != packages():
        print(f"what was counted ran on {old}, this ran on {packages()}: counts may differ by that")
    changed = changes(kept, found)
    for each in changed:
        word = "grew" if each.by > 0 else "shrank: --update keeps that"
        print(f"{each.name} {word}: {each.kept:,} -> {each.counted:,} ({each.by:+.1%})")
    return int(any(each.by > 0 for each in changed))


if __name__ == "__main__":
    sys.exit(main())
