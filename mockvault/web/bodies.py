"""JSON bodies, from bytes to a value: strictly UTF-8, no key twice, not nested without end."""

import json
import re
from typing import Any

import orjson

from mockvault.contract import escape
from mockvault.web.violations import cut

DEEPEST = 100
_BOM = b"\xef\xbb\xbf"
_KEY_ENDS = re.compile(rb'"[ \t\r\n]*:')
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_INNERMOST = re.compile(rb"\[\]|\{\}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class BodyUnreadable(Exception):
    """The bytes are not the JSON they should be; `pointer` says where, if it is inside a value."""

    def __init__(
        self, keyword: str, message: str, expected: str, got: str, pointer: str = ""
    ) -> None:
        super().__init__(message)
        self.keyword = keyword
        self.message = message
        self.expected = expected
        self.got = got
        self.pointer = pointer


def read_json(content: bytes) -> Any:
    """Return the value that `content` writes.

    Raises BodyUnreadable when it is no JSON, or JSON that two readers could read differently.
    """
    # each bracket opens at most one level and has to be closed: few of them cannot nest deeply
    if len(content) > 2 * DEEPEST and content.count(b"[") + content.count(b"{") > DEEPEST:
        _refuse_depth(content)
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _unreadable(content, error) from None
    # of what no backslash hides, as many colons are written as were read: but where a name came
    # again, its first value is lost, and the colon between both
    if b"\\" not in content:
        if content.count(b":") != orjson.dumps(value).count(b":"):
            _refuse_repeated_keys(content)
    elif len(_KEY_ENDS.findall(content)) != _count_keys(value):
        _refuse_repeated_keys(content)
    return value


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(map(_count_keys, value.values()))
    if type(value) is list:
        return sum(map(_count_keys, value))
    return 0


def _refuse_depth(content: bytes) -> None:
    brackets = _TEXT.sub(b"", content).translate(None, delete=_NO_BRACKETS)
    for _ in range(DEEPEST):
        if not brackets:
            return
        outer = _INNERMOST.sub(b"", brackets)
        if len(outer) == len(brackets):  # no two fit together: it is not even JSON
            break
        brackets = outer
    else:
        if not brackets:
            return
        raise _too_deep()
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise _too_deep()


def _too_deep() -> BodyUnreadable:
    message = f"the body is nested more than {DEEPEST} levels deep"
    return BodyUnreadable("depth", message, f"at most {DEEPEST} levels", "more")


def _unreadable(content: bytes, error: json.JSONDecodeError) -> BodyUnreadable:
    if content.startswith(_BOM):
        return BodyUnreadable(
            "encoding",
            "the body begins with a byte order mark, which JSON in UTF-8 must not have",
            "UTF-8 without a byte order mark",
            "a byte order mark",
        )
    try:
        content.decode()
    except UnicodeDecodeError as wrong:
        return BodyUnreadable(
            "encoding",
            f"the body is not UTF-8: byte {wrong.start} cannot stand there",
            "UTF-8",
            f"byte 0x{content[wrong.start]:02x}",
        )
    return BodyUnreadable(
        "json",
        f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
        "JSON",
        f"line {error.lineno}, column {error.colno}",
    )


class _Pairs:
    """An object of which no member is lost, though two have one name."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _refuse_repeated_keys(content: bytes) -> None:
    value = json.loads(content, object_pairs_hook=_Pairs, parse_int=len, parse_float=len)
    pending: list[tuple[Any, str]] = [(value, "")]
    while pending:
        node, pointer = pending.pop()
        if isinstance(node, list):
            pending.extend((item, f"{pointer}/{place}") for place, item in enumerate(node))
        elif isinstance(node, _Pairs):
            seen: set[str] = set()
            for name, inner in node.pairs:
                where = f"{pointer}/{escape(cut(name))}"
                if name in seen:
                    raise BodyUnreadable(
                        "repeated",
                        f"{where} is given more than once",
                        "each name once",
                        "the name again",
                        where,
                    )
                seen.add(name)
                pending.append((inner, where))
