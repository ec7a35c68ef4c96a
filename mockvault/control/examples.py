"""Named examples: what an operation answers when it is told what to answer.

They are read from `fixtures/examples/<operationId>.json` when first asked for: by status, then by
name, each with a summary, the value of the body, and the headers beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Example:
    """One answer: its status, its body or None, and the headers that belong to it."""

    name: str
    status: int
    value: Any
    summary: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Examples:
    """The examples of every operation, read from a folder when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[Example, ...]] = {}

    def of(self, operation_id: str) -> tuple[Example, ...]:
        """Return the examples of an operation, those of success first."""
        found = self._read.get(operation_id)
        if found is None:
            found = self._read[operation_id] = tuple(self._load(operation_id))
        return found

    def find(
        self, operation_id: str, code: int | None = None, name: str | None = None
    ) -> Example | None:
        """Return the first example of that status and that name, or None."""
        for example in self.of(operation_id):
            if code in (None, example.status) and name in (None, example.name):
                return example
        return None

    def _load(self, operation_id: str) -> Iterator[Example]:
        file = self._folder / f"{operation_id}.json"
        if not operation_id.isalnum() or not file.is_file():
            return
        for status, named in orjson.loads(file.read_bytes()).items():
            for name, said in named.items():
                yield Example(
                    name,
                    int(status),
                    said.get("value"),
                    said.get("summary", ""),
                    said.get("headers", {}),
                )
