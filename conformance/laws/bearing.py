"""Which calls a failure is told with: those that the last answer hangs on, and no others.

A law makes many calls before one answer breaks it. What bears on that answer is what was written to
the same place for the same caller, the same question asked before, and the latest write of anybody.
"""

import json
import re
from collections.abc import Sequence

from conformance.failures import Exchange

MOST = 8
_CONNECTION = re.compile(r"/vault/(?:connections|custom-mappings)/([^/]+)/([^/]+)")
_CONSUMER = re.compile(r"/vault/consumers/([^/]+)")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FLOW = frozenset({"connectionsAuthorize", "connectionsCallback", "connectionsRevoke", "provider"})
_OF_ALL = frozenset({"consumersAll", "logsAll"})
"""Lists of what calls leave behind: they hang on the pages before."""


def bearing(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """Return the exchanges that bear on the last one, in order, and that one."""
    if not exchanges:
        return ()
    *earlier, last = exchanges
    kept = [last]
    asked_before = wrote_before = False
    for exchange in reversed(earlier):
        again = _asks(exchange) == _asks(last)
        writes = _writes(exchange)
        nearest = (again and not asked_before) or (writes and not wrote_before)
        if nearest or (not again and _bears(exchange, last)):
            kept.append(exchange)
        asked_before |= again
        wrote_before |= writes
    return tuple(reversed(kept[:MOST]))


def _bears(exchange: Exchange, last: Exchange) -> bool:
    if last.operation_id in _OF_ALL and last.operation_id == exchange.operation_id:
        return _owner(exchange) == _owner(last)
    if not _writes(exchange) or exchange.answer.status >= 400:
        return False
    if exchange.operation_id in _FLOW or last.operation_id in _FLOW:
        return True
    if _owner(exchange) != _owner(last):
        return False
    places = (_place(exchange), _place(last))
    return None in places or places[0] == places[1]


def _writes(exchange: Exchange) -> bool:
    return exchange.request.method not in _READS or exchange.operation_id in _FLOW


def _asks(exchange: Exchange) -> tuple[object, ...]:
    request = exchange.request
    return (request.method, request.path, request.query, request.body, _owner(exchange))


def _owner(exchange: Exchange) -> tuple[str | None, str | None]:
    """Return the application and the consumer that a call is for."""
    request = exchange.request
    consumer = request.header("x-apideck-consumer-id")
    if consumer is None and (found := _CONSUMER.match(request.path)):
        consumer = found[1]
    if consumer is None and exchange.operation_id == "consumersAdd":
        consumer = _named(request.body)
    return request.header("x-apideck-app-id"), consumer


def _named(body: bytes | None) -> str | None:
    try:
        found = json.loads(body or b"null")
    except ValueError:
        return None
    return str(found.get("consumer_id")) if isinstance(found, dict) else None


def _place(exchange: Exchange) -> tuple[str, ...] | None:
    """Return the connection that a call is about, or None for one about more or less."""
    found = _CONNECTION.match(exchange.request.path)
    return found.groups() if found else None
