"""HAR: the exchanges of failures, for any viewer of HTTP archives."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from conformance import __version__
from conformance.failures import Exchange
from conformance.run_events import RunEvent, RunFinished
from conformance.target import Target

_MOST = 100_000


def render(events: Sequence[RunEvent], target: Target) -> str:
    """Return the exchanges of each cause as one archive."""
    ended = next((e for e in events if isinstance(e, RunFinished)), None)
    entries = [
        _entry(x, target, c.failure.key)
        for c in ((*ended.causes, *ended.warnings) if ended else ())
        for x in c.failure.exchanges
    ]
    creator = {"name": "conformance", "version": __version__}
    return json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries}}, indent=1)


def _entry(exchange: Exchange, target: Target, comment: str) -> dict[str, Any]:
    request, answer = exchange.request, exchange.answer
    hidden = target.secrets.hidden  # before anything is cut
    body = hidden((request.body or b"").decode("utf-8", "replace"))[:_MOST]
    url = target.base_url + request.path
    if request.query:
        url += "?" + urlencode(request.query)
    milliseconds = round(answer.seconds * 1000, 3)
    sent: dict[str, Any] = {
        "method": request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": n, "value": v} for n, v in request.headers],
        "queryString": [{"name": n, "value": v} for n, v in request.query],
        "headersSize": -1,
        "bodySize": len(request.body or b""),
    }
    if request.body is not None:
        sent["postData"] = {"mimeType": request.header("content-type") or "", "text": body}
    return {
        "startedDateTime": datetime.fromtimestamp(exchange.began, UTC).isoformat(
            timespec="milliseconds"
        ),
        "time": milliseconds,
        "comment": comment,
        "request": sent,
        "response": {
            "status": answer.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": n, "value": v} for n, v in answer.headers.items()],
            "content": {
                "size": len(answer.body),
                "mimeType": answer.headers.get("content-type", ""),
                "text": hidden(answer.body.decode("utf-8", "replace"))[:_MOST],
            },
            "redirectURL": answer.location,
            "headersSize": -1,
            "bodySize": len(answer.body),
        },
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
    }
