"""What may be shown of a request and its answer: no secret, told by its name or by its value."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"
_SHORTEST = 4
_NAMES = re.compile(
    r"authorization|cookie|secret|passw|api[-_]?key|(access|refresh|session|confirm|auth|id)_token"
    r"|^token$|^code$|^state$|credential|private",
    re.IGNORECASE,
)
_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+\S+")
_CODE = re.compile(r"\b(?:at|rt|code)_[0-9a-f]{16,}\b")
_OPEN = ("state",)
"""Names that are secret in a query alone: a connection's state is not OAuth's."""


class Redactor:
    """Hides what is named as a secret, and wherever they stand, the secrets that are known."""

    def __init__(self, secrets: Iterable[str], fields: Iterable[str] = ()) -> None:
        known = sorted({each for each in secrets if len(each) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None
        self._fields = frozenset(fields)

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _CODE.sub(REDACTED, _JWT.sub(REDACTED, text))

    def header(self, name: str, value: str) -> str:
        """Return a header's value without secrets; of credentials the scheme is left."""
        if _NAMES.search(name):
            scheme = _BEARER.match(value)
            return f"{scheme[1]} {REDACTED}" if scheme else REDACTED
        return self.text(value)

    def parameter(self, name: str, value: str) -> str:
        """Return a query parameter's value without secrets."""
        return REDACTED if _NAMES.search(name) else self.text(value)

    def value(self, value: Any, name: str = "") -> Any:
        """Return a JSON value without secrets; what hides them keeps its shape."""
        if name and self._is_secret(name):
            return self._hidden(value)
        if isinstance(value, Mapping):
            hidden = value.get("sensitive") is True or value.get("id") in self._fields
            return {
                key: self._hidden(below)
                if hidden and key == "value"
                else self.value(below, str(key))
                for key, below in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.value(each, name) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def _is_secret(self, name: str) -> bool:
        return name in self._fields or (name not in _OPEN and _NAMES.search(name) is not None)

    def _hidden(self, value: Any) -> Any:
        return value if value is None or value == "" else REDACTED
