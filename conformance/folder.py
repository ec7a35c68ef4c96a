"""The folder of a run: its reports, recordings of its failures, and what a next run reads there."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from conformance.replaying import Recording, Unreplayable
from conformance.reports import har, html, junit, markdown, ndjson, sarif
from conformance.reports.again import recording
from conformance.run_events import RunEvent, RunFinished
from conformance.target import Target


def write(folder: Path, events: Sequence[RunEvent], target: Target) -> None:
    """Write every report of a run, with secrets as placeholders.

    The last event is a `RunFinished`; a run that was stopped has one too, which says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hide = target.secrets.hidden
    texts = {
        "junit.xml": junit.render(events, target),
        "events.ndjson": ndjson.render(events),
        "report.html": html.render(events, target),
        "failures.har": har.render(events, target),
        "results.sarif": sarif.render(events),
        "summary.md": markdown.render(events, target),
    }
    for name, text in texts.items():
        _put(folder / name, hide(text))
    _put(folder / "events.schema.json", json.dumps(ndjson.SCHEMA, indent=2))
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    record(folder, ended, target)
    keys = ended.baseline if ended else ()
    _put(folder / "baseline.txt", "".join(f"{key}\n" for key in keys))


def record(folder: Path, ended: RunFinished | None, target: Target, *, keep: bool = False) -> None:
    """Write each failure down as it is replayed, in place of those of the run before or beside."""
    failures = folder / "failures"
    failures.mkdir(parents=True, exist_ok=True)
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
