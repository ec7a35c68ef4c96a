"""Cursors and the links around a page: opaque to a client, read strictly."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

from mockvault.domain.errors import CursorRefused
from mockvault.store.base import START, Page, Position

_CURSOR = re.compile(rb"([a-z]+)::(after|before)::([1-9]\d{0,17})")


def position_of(listed: str, cursor: str | None) -> Position:
    """Return where a page begins; raise CursorRefused for a cursor that the list never gave."""
    if not cursor:
        return START
    try:
        match = _CURSOR.fullmatch(urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, UnicodeError):
        match = None
    if match is None or match[1] != listed.encode() or _cursor(*_parts(match)) != cursor:
        raise CursorRefused(cursor)
    return Position(int(match[3]), backward=match[2] == b"before")


def around(
    page: Page[Any], listed: str, cursor: str | None, url: str, query: dict[str, str]
) -> dict[str, Any]:
    """Return `meta` and `links` of a page: null where there is no neighbour."""
    previous = None if page.before is None else _cursor(listed, "before", page.before)
    following = None if page.after is None else _cursor(listed, "after", page.after)
    return {
        "meta": {
            "items_on_page": len(page.items),
            "cursors": {"previous": previous, "current": cursor or None, "next": following},
        },
        "links": {
            "previous": None if previous is None else _link(url, query, previous),
            "current": _link(url, query, cursor),
            "next": None if following is None else _link(url, query, following),
        },
    }


def _parts(match: re.Match[bytes]) -> tuple[str, str, int]:
    return match[1].decode(), match[2].decode(), int(match[3])


def _cursor(listed: str, direction: str, key: int) -> str:
    return urlsafe_b64encode(f"{listed}::{direction}::{key}".encode()).decode()


def _link(url: str, query: dict[str, str], cursor: str | None) -> str:
    asked = {**query, "cursor": cursor} if cursor else query
    return f"{url}?{urlencode(asked)}" if asked else url
