"""SARIF: failures for code scanning, each at its rule."""

import json
from collections.abc import Sequence
from typing import Any

from conformance import __version__
from conformance.reports.verdict import found, level
from conformance.run_events import RunEvent, RunFinished


def render(events: Sequence[RunEvent]) -> str:
    """Return the causes as SARIF 2.1.0."""
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    rows = [(c, "error") for c in (ended.causes if ended else ())]
    rows += [(c, "warning") for c in (ended.warnings if ended else ())]
    rules = {
        c.failure.law: {
            "id": c.failure.law,
            "name": c.failure.name,
            "shortDescription": {"text": c.failure.promise},
            "help": {"text": f"{c.failure.source}. See conformance explain {c.failure.law}."},
            "properties": {"tags": [c.failure.area]},
        }
        for c, _ in rows
    }
    results = [
        {
            "ruleId": c.failure.law,
            "level": level,
            "message": {"text": f"expected {c.failure.expected}; seen {c.failure.seen}"},
            "partialFingerprints": {"cause": c.failure.key},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "spec/vault.yml"}}}],
        }
        for c, level in rows
    ]
    driver = {"name": "conformance", "version": __version__, "rules": list(rules.values())}
    run: dict[str, Any] = {"tool": {"driver": driver}, "results": results}
    if ended:
        run["invocations"] = [_invocation(ended)]
    log = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [run],
    }
    return json.dumps(log, indent=1)


def _invocation(ended: RunFinished) -> dict[str, Any]:
    """Tell whether the run came to a verdict on the whole of what it was to judge."""
    whole = ended.outcome in {"conforms", "fails"}
    told = [f"{ended.outcome}: {found(ended)}, {level(ended)}"]
    told += [f"partial: {ended.partial}"] if ended.partial else []
    return {
        "executionSuccessful": whole,
        "toolExecutionNotifications": [
            {"level": "note" if whole else "warning", "message": {"text": text}} for text in told
        ],
    }
