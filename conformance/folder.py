"""The folder of a run: its reports, recordings of its failures, and what a next run reads there."""

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from conformance.replaying import Recording, Unreplayable
from conformance.reports import har, html, junit, markdown, ndjson, sarif
from conformance.reports.again import recording
from conformance.run_events import RunEvent, RunFinished
from conformance.target import Target

# What a run leaves where no --report-dir is given.
FOLDER = Path(".conformance")
# Where the traceback of a tester that broke is kept.
CRASH = "crash.txt"


class Unwritable(Exception):
    """Some reports of a run could not be made."""


def write(folder: Path, events: Sequence[RunEvent], target: Target) -> None:
    """Write every report of a run, with secrets as placeholders.

    The last event is a `RunFinished`; a run that was stopped has one too, which says so. A report
    that cannot be made holds up no other: `Unwritable` is raised after all of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hide = target.secrets.hidden
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    keys = ended.baseline if ended else ()
    texts: dict[str, Callable[[], str]] = {
        "junit.xml": lambda: junit.render(events, target),
        "events.ndjson": lambda: ndjson.render(events),
        "report.html": lambda: html.render(events, target),
        "failures.har": lambda: har.render(events, target),
        "results.sarif": lambda: sarif.render(events),
        "summary.md": lambda: markdown.render(events, target),
        "events.schema.json": lambda: json.dumps(ndjson.SCHEMA, indent=2),
        "baseline.txt": lambda: "".join(f"{key}\n" for key in keys),
    }
    wrong: dict[str, Exception] = {}
    for name, text in texts.items():
        try:
            _put(folder / name, hide(text()))
        except Exception as error:  # noqa: BLE001 - it is told after the others are written
            wrong[name] = error
            (folder / name).unlink(missing_ok=True)  # that of an earlier run would be taken for it
    record(folder, ended, target)
    if wrong:
        first = next(iter(wrong.values()))
        raise Unwritable(f"{', '.join(wrong)} could not be written: {first!r}") from first


def record(folder: Path, ended: RunFinished | None, target: Target, *, keep: bool = False) -> None:
    """Write each failure down as it is replayed, in place of those of the run before or beside."""
    failures = folder / "failures"
    failures.mkdir(parents=True, exist_ok=True)
    (folder / CRASH).unlink(missing_ok=True)
    for old in () if keep else failures.glob("*.json"):
        old.unlink()
    for cause in (*ended.causes, *ended.warnings) if ended else ():
        text = Recording.of(cause.failure, target.base_url).text()
        _put(failures / recording(cause.failure), target.secrets.hidden(text))


def failed_before(folder: Path) -> tuple[str, ...]:
    """Return the laws that failed in the run before, to be judged first."""
    laws = set()
    for path in (folder / "failures").glob("*.json"):
        with contextlib.suppress(Unreplayable):
            laws.add(Recording.read(path).law)
    return tuple(sorted(laws))


def _put(path: Path, text: str) -> None:
    """Write a file whole or not at all: what stops a run may stop this too."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8", errors="backslashreplace")  # half of a character
    new.replace(path)
