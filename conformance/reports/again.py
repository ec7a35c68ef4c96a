"""The line that judges one failure again, alone."""

import shlex

from conformance.failures import Failure
from conformance.run_events import RunStarted


def recording(failure: Failure) -> str:
    """Return the name of the file that a failure is recorded in."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in failure.key) + ".json"


def alone(failure: Failure, begun: RunStarted, folder: str = "") -> str:
    """Return the command: a law is judged by its id, all else by its recording in the folder."""
    if failure.replay.get("kind") != "law":
        path = shlex.quote(f"{folder}failures/{recording(failure)}")
        writes = ["--allow-writes"] if "--allow-writes" in begun.asked else []
        return " ".join(["conformance replay", path, begun.base_url, *writes])
    phase = str(failure.replay.get("phase", "laws"))
    return " ".join(
        [
            f"conformance run {begun.base_url} --only {failure.law}",
            *([] if phase in {"laws", "webhooks"} else [f"--phase {phase}"]),
            f"--seed {failure.replay.get('seed', begun.seed)}",
            *map(shlex.quote, begun.asked),
        ]
    )
