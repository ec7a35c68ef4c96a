"""What operations cost as the world grows, as `tests.bench.growth` finds it, for the figures."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.growth import OUT, SIZES
from tests.bench.rounds import Effort
from tests.bench.servers import first

ROOT = Path(__file__).parent.parent.parent


def grown(effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure worlds of several sizes in turn; a short effort leaves out the largest."""
    sizes = SIZES if effort.rounds > 2 else SIZES[:-1]
    say(f"worlds of {', '.join(f'{size:,}' for size in sizes)} consumers")
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.growth", "--rounds", "5"]
    subprocess.run(
        [*command, "--sizes", *map(str, sizes)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=first if effort.alone else None,
    )
    return summed_up(json.loads(OUT.read_text()))


def summed_up(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of the worlds: ratios by operation, bytes, the longest collection."""
    return {
        "sizes": found["sizes"],
        "ratios": {row["name"]: round(row["ratio"], 2) for row in found["rows"]},
        "longest_ms": {row["name"]: round(row["max"], 2) for row in found["rows"]},
        "bytes": {name: round(size) for name, size in found["bytes"].items()},
        "collection_ms": round(found["after"]["longest"] * 1000, 2),
    }
