"""Keeps secrets out of every artefact, by value: a placeholder stands where a secret stood."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote, quote_plus

_JWT = re.compile(r"eyJ(?:hbGci|0eXAi|[\w-]{8,}\.)[\w.-]*")
_AS_VARIABLE = "${{{}}}"
_VARIABLE = re.compile(r"\$\{((?:VAULT|CANARY)_[A-Z0-9_]+)\}")


def placeholders_in(text: str) -> frozenset[str]:
    """Return the names of the secrets for which a placeholder stands in a text."""
    return frozenset(_VARIABLE.findall(text))


def _spellings(value: str) -> set[str]:
    """Return a value as artefacts may spell it: plain, in JSON, in HTML, in a URL, in a header."""
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        escape(value),
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
        value.encode("utf-8", "replace").decode("latin-1"),
    }


@dataclass
class Secrets:
    """Values that no artefact may hold, and the placeholders that stand for them."""

    name_by_value: dict[str, str] = field(default_factory=dict)
    _longest_first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, value: str, name: str) -> str:
        """Keep a value out of every artefact."""
        if len(value) >= 4 and value not in self.name_by_value:
            for spelling in _spellings(value):
                self.name_by_value.setdefault(spelling, name)
            self._longest_first = []
        return value

    def take_over(self, names: Iterable[str]) -> None:
        """Take the placeholders of an earlier run, whose secrets nobody knows, for what they hide.

        So a command that is shown again has them as variables again.
        """
        for name in names:
            self.name_by_value.setdefault(_AS_VARIABLE.format(name), name)
        self._longest_first = []

    def hidden(self, text: str, placeholder: str = _AS_VARIABLE) -> str:
        """Return the text with each secret replaced by a placeholder that holds its name."""
        if not self._longest_first:
            longest = sorted(self.name_by_value.items(), key=lambda row: -len(row[0]))
            self._longest_first = longest
        for value, name in self._longest_first:
            if value in text:
                text = text.replace(value, placeholder.format(name))
        return _JWT.sub(placeholder.format("VAULT_JWT"), text)
