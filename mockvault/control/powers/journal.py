"""The powers over what is known to have happened: the journal, its stream, and verdicts on it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from mockvault.contract import Contract
from mockvault.control.journal import Entry, Journal
from mockvault.control.power import LIMIT, TEXT, Asked, BodyRefused, Power, Told, an_object
from mockvault.control.showing import Shower
from mockvault.control.verification import Verdict, Wanted, verify
from mockvault.domain.errors import EntityNotFound
from mockvault.json_text import dumps
from mockvault.web.recording import Exchange

HEARTBEAT = 15.0
_KINDS = {
    "type": "string",
    "pattern": "^(request|event|attempt|control)(,(request|event|attempt|control))*$",
    "description": "Some of request, event, attempt, control, with commas between.",
}
_NUMBER = {"type": "integer", "minimum": 0}


def list_entries(asked: Asked) -> Any:
    """List entries, oldest first, from after a number; without one, the newest."""
    journal, query = _journal(asked), asked.query
    limit = query["limit"]
    wanted = [
        each for each in journal.entries(query.get("after", 0), _kinds(query)) if _fits(each, query)
    ]
    chosen = wanted[:limit] if "after" in query else wanted[-limit:]
    shower = Shower(asked.bench)
    shown = [shower.short(each) for each in chosen]
    if query.get("violations"):
        shown = [each for each in shown if each.get("violations")]
    return {
        "entries": shown,
        "last": journal.last,
        "kept": len(journal),
        "evicted": journal.evicted,
    }


def show_entry(asked: Asked) -> Any:
    """Show one entry whole."""
    return Shower(asked.bench).whole(_entry(asked))


def clear(asked: Asked) -> None:
    """Forget every entry."""
    _journal(asked).clear()


async def replay(asked: Asked) -> Any:
    """Send a request again as it was sent; answer with the entry that it made."""
    entry = _request(asked)
    exchange: Exchange = entry.what
    status = await asked.mock.tools["replay"](exchange)
    journal = asked.workbench.journal
    last = next((each for each in reversed(tuple(journal)) if each.kind == "request"), None)
    return {"status": status, "number": None if last is None else last.number}


def as_fixture(asked: Asked) -> Any:
    """Answer a request's answer in the form of `fixtures/examples`, its secrets hidden."""
    entry = _request(asked)
    shown = Shower(asked.bench).whole(entry)
    exchange: Exchange = entry.what
    example = {"summary": f"As answered at {shown['at']}", "value": shown["answer_body"]}
    return {
        "file": f"fixtures/examples/{exchange.operation_id}.json",
        "example": {str(exchange.status): {f"recorded-{entry.number}": example}},
    }


def verify_requests(asked: Asked) -> Any:
    """Answer 200 where the requests were made as wanted, 422 with the nearest misses where not."""
    body = dict(asked.body)
    count = body.pop("count", {"at_least": 1})
    if isinstance(count, int):
        count = {"exactly": count}
    exactly = count.get("exactly")
    at_least = count.get("at_least", 0) if exactly is None else exactly
    at_most = count.get("at_most") if exactly is None else exactly
    _check_patterns(body)
    wanted = Wanted(
        **{key: body[key] for key in body if key != "body"},
        body=body.get("body"),
        has_body="body" in body,
        at_least=at_least,
        at_most=at_most,
    )
    verdict = verify(asked.workbench.journal, wanted)
    told = _verdict(asked, verdict)
    return told if verdict.holds else Told(422, told)


def stream(asked: Asked) -> Any:
    """Stream entries as server-sent events, each as it is made, from after a number on."""
    journal = _journal(asked)
    return StreamingResponse(
        _events(asked, journal),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def show_contract(asked: Asked) -> Any:
    """List the contract's operations and schemas, with how often each operation was called."""
    contract: Contract = asked.mock.tools["contract"]
    counts: dict[str, int] = {}
    if asked.bench is not None:
        journal = asked.bench.journal
        counts.update(journal.evicted_requests)
        for _, exchange in journal.requests():
            counts[exchange.operation_id] = counts.get(exchange.operation_id, 0) + 1
    return {
        "version": contract.version,
        "operations": [
            {
                "operation_id": each.operation_id,
                "method": each.method,
                "path": each.path,
                "summary": each.summary,
                "responses": list(each.responses),
                "calls": counts.get(each.operation_id, 0),
            }
            for each in contract.operations
        ],
        "schemas": contract.document.get("components", {}).get("schemas", {}),
    }


async def _events(asked: Asked, journal: Journal) -> AsyncIterator[bytes]:
    query, kinds = asked.query, _kinds(asked.query)
    queue = journal.follow()
    shower, shown = Shower(asked.bench), 0
    last = query.get("after", journal.last)
    try:
        yield b"retry: 1000\n\n"
        for entry in list(journal.entries(last, kinds)):
            last = entry.number
            yield _event(shower.short(entry))
        while True:
            try:
                entry_now = await asyncio.wait_for(queue.get(), HEARTBEAT)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if entry_now is None:
                yield b"event: end\ndata: {}\n\n"
                return
            if entry_now.number > last and (not kinds or entry_now.kind in kinds):
                shown += 1
                if shown % 50 == 0 or entry_now.kind == "event":
                    shower = Shower(asked.bench)  # it learns of new secrets
                yield _event(shower.short(entry_now))
    finally:
        journal.unfollow(queue)


def _event(shown: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: entry\ndata: %s\n\n" % (shown["number"], dumps(shown))


def _journal(asked: Asked) -> Journal:
    return asked.mock.workbenches.journal if asked.bench is None else asked.bench.journal


def _kinds(query: Any) -> frozenset[str]:
    return frozenset(query["kinds"].split(",")) if "kinds" in query else frozenset()


def _fits(entry: Entry, query: Any) -> bool:
    wanted = [key for key in ("operation_id", "consumer", "status") if key in query]
    if not wanted and not query.get("violations"):
        return True
    what = entry.what
    if not isinstance(what, Exchange):
        return False
    return (
        query.get("operation_id") in (None, what.operation_id)
        and query.get("consumer") in (None, what.consumer_id)
        and query.get("status") in (None, what.status)
    )


def _entry(asked: Asked) -> Entry:
    text = asked.path["number"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    found = _journal(asked).find(number)
    if found is None:
        raise EntityNotFound("journal entry", text)
    return found


def _request(asked: Asked) -> Entry:
    entry = _entry(asked)
    if entry.kind != "request":
        raise EntityNotFound("request", asked.path["number"])
    return entry


def _verdict(asked: Asked, verdict: Verdict) -> dict[str, Any]:
    told: dict[str, Any] = {
        "holds": verdict.holds,
        "wanted": verdict.wanted,
        "count": verdict.count,
        "evicted": verdict.evicted,
        "matches": list(verdict.matches),
    }
    if verdict.holds is None:
        told["message"] = (
            f"{verdict.evicted} requests that could matter were evicted from the journal: "
            "nobody can tell. Clear it before the test, or raise --journal-capacity."
        )
    elif not verdict.holds:
        told["message"] = f"Wanted {verdict.wanted}, found {verdict.count}"
    if not verdict.holds:
        shower = Shower(asked.bench)
        redact = shower.body
        told["nearest"] = [
            {
                "number": entry.number,
                "method": entry.what.method,
                "path": entry.what.path,
                "operation_id": entry.what.operation_id,
                "status": entry.what.status,
                "misses": redact(json.dumps(misses).encode()),
            }
            for entry, misses in verdict.nearest
        ]
    return told


def _check_patterns(value: Any, pointer: str = "") -> None:
    if isinstance(value, dict):
        if set(value) == {"$matches"}:
            try:
                re.compile(str(value["$matches"]))
            except re.error as reason:
                raise BodyRefused(
                    f"{pointer}/$matches", f"a regular expression: {reason}"
                ) from None
        for key, below in value.items():
            _check_patterns(below, f"{pointer}/{key}")
    elif isinstance(value, list):
        for place, below in enumerate(value):
            _check_patterns(below, f"{pointer}/{place}")


_APP = "/_mock/apps/{app}"
_TEXTS = {"type": "object", "additionalProperties": {}}
POWERS = (
    Power(
        "GET",
        f"{_APP}/journal",
        "journalList",
        "List what happened, oldest first",
        list_entries,
        "Journal",
        query={
            "limit": {**LIMIT, "maximum": 10_000},
            "after": _NUMBER,
            "kinds": _KINDS,
            "operation_id": TEXT,
            "consumer": TEXT,
            "status": {"type": "integer"},
            "violations": {"type": "boolean"},
        },
    ),
    Power("DELETE", f"{_APP}/journal", "journalClear", "Forget it", clear, "Journal", 204),
    Power(
        "GET", f"{_APP}/journal/{{number}}", "journalShow", "Show one whole", show_entry, "Journal"
    ),
    Power(
        "POST",
        f"{_APP}/journal/{{number}}/replay",
        "journalReplay",
        "Send a request again as it was sent",
        replay,
        "Journal",
    ),
    Power(
        "GET",
        f"{_APP}/journal/{{number}}/fixture",
        "journalFixture",
        "Answer it in the form of fixtures/examples",
        as_fixture,
        "Journal",
    ),
    Power(
        "POST",
        f"{_APP}/verify",
        "verify",
        "Judge whether requests were made as a test says",
        verify_requests,
        "Journal",
        takes=an_object(
            operation_id=TEXT,
            consumer=TEXT,
            method={"enum": ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"]},
            path=TEXT,
            status={"type": "integer"},
            query=_TEXTS,
            headers=_TEXTS,
            body={
                "description": "A pattern: objects may have more; {'$matches': '^a'}, {'$any': 1}"
            },
            count={
                "anyOf": [
                    _NUMBER,
                    an_object(("exactly",), exactly=_NUMBER),
                    {**an_object(at_least=_NUMBER, at_most=_NUMBER), "minProperties": 1},
                ]
            },
        ),
        refusals={422: "They were not, or nobody can tell; the nearest misses are told."},
    ),
    Power(
        "GET",
        f"{_APP}/stream",
        "journalStream",
        "Stream what happens as server-sent events",
        stream,
        "Journal",
        query={"after": _NUMBER, "kinds": _KINDS},
    ),
    Power(
        "GET",
        f"{_APP}/contract",
        "contractShow",
        "List operations and schemas, with how often each was called",
        show_contract,
        "Journal",
    ),
    Power(
        "GET",
        "/_mock/journal",
        "strayList",
        "List the requests that name no application",
        list_entries,
        "Journal",
        query={
            "limit": LIMIT,
            "after": _NUMBER,
            "kinds": _KINDS,
            "violations": {"type": "boolean"},
        },
    ),
    Power("DELETE", "/_mock/journal", "strayClear", "Forget them", clear, "Journal", 204),
)
