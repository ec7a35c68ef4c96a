"""SARIF: failures for code scanning, each at its rule."""

import json
from collections.abc import Sequence

from conformance import __version__
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
    log = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=1)
