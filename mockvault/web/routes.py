"""Which operation a request is for: one pass over the raw path, each segment decoded by itself.

The raw path is walked, not the decoded one, so that an id may hold any character, `/` included.
"""

from difflib import get_close_matches
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

Target = TypeVar("Target")
_PARAMETER = b"{}"


class Routed(NamedTuple, Generic[Target]):
    """What a request is for, with the raw segments that fill its path's template, in order."""

    target: Target
    values: tuple[bytes, ...]


class _Node(Generic[Target]):
    __slots__ = ("children", "targets")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node[Target]] = {}
        self.targets: dict[str, Target] = {}


class _Shape(NamedTuple, Generic[Target]):
    """A template by the places of its fixed segments and of its parameters."""

    fixed: tuple[tuple[int, bytes], ...]
    parameters: tuple[int, ...]
    target: Target


class Routes(Generic[Target]):
    """Every path template with its methods; a fixed segment goes before a parameter.

    Paths are looked up by method, length and second segment (`/vault/connections/...`), which
    leaves a few templates to compare; a path with encoded segments is walked.
    """

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()
        self._templates: list[str] = []
        self._shapes: dict[tuple[str, int, bytes], list[_Shape[Target]]] = {}

    def add(self, method: str, template: str, target: Target) -> None:
        """Route the method and template (`/vault/consumers/{consumer_id}`) to the target."""
        node = self._root
        segments = template.encode().split(b"/")
        for segment in segments[1:]:
            name = _PARAMETER if segment.startswith(b"{") else segment
            node = node.children.setdefault(name, _Node())
        node.targets[method] = target
        if template not in self._templates:
            self._templates.append(template)
        if len(segments) > 2 and not segments[2].startswith(b"{"):
            numbered = list(enumerate(segments))[1:]
            shape = _Shape(
                tuple((at, name) for at, name in numbered if not name.startswith(b"{")),
                tuple(at for at, name in numbered if name.startswith(b"{")),
                target,
            )
            shapes = self._shapes.setdefault((method, len(segments), segments[2]), [])
            shapes.append(shape)
            # where two templates fit, the one whose parameters begin later goes first
            shapes.sort(key=lambda each: each.parameters, reverse=True)

    def find(self, method: str, raw_path: bytes) -> Routed[Target] | None:
        """Return what the request is for, or None where no template has path and method."""
        segments = raw_path.split(b"/")
        if b"%" not in raw_path and len(segments) > 2:
            for shape in self._shapes.get((method, len(segments), segments[2]), ()):
                for at, name in shape.fixed:
                    if segments[at] != name:
                        break
                else:
                    values = tuple([segments[at] for at in shape.parameters])
                    return Routed(shape.target, values) if all(values) else None
        found = self._walk(self._root, segments, 1, (), method)
        return None if found is None else Routed(found[0].targets[method], found[1])

    def methods(self, raw_path: bytes) -> tuple[str, ...]:
        """Return the methods that the path has: none where no template fits."""
        segments = raw_path.split(b"/")
        found: set[str] = set()
        self._collect(self._root, segments, 1, found)
        return tuple(sorted(found))

    def nearest(self, path: str) -> list[str]:
        """Return the templates that the path was probably meant to fit."""
        return get_close_matches(path, self._templates, n=3, cutoff=0.5)

    def _walk(
        self,
        node: _Node[Target],
        segments: list[bytes],
        index: int,
        values: tuple[bytes, ...],
        method: str,
    ) -> tuple[_Node[Target], tuple[bytes, ...]] | None:
        if index == len(segments):
            return (node, values) if method in node.targets else None
        segment = segments[index]
        fixed = node.children.get(unquote_to_bytes(segment) if b"%" in segment else segment)
        if fixed is not None and segment != _PARAMETER:
            found = self._walk(fixed, segments, index + 1, values, method)
            if found is not None:
                return found
        parameter = node.children.get(_PARAMETER)
        if parameter is None or not segment:
            return None
        return self._walk(parameter, segments, index + 1, (*values, segment), method)

    def _collect(
        self, node: _Node[Target], segments: list[bytes], index: int, found: set[str]
    ) -> None:
        if index == len(segments):
            found.update(node.targets)
            return
        segment = segments[index]
        fixed = node.children.get(unquote_to_bytes(segment))
        if fixed is not None and segment != _PARAMETER:
            self._collect(fixed, segments, index + 1, found)
        parameter = node.children.get(_PARAMETER)
        if parameter is not None and segment:
            self._collect(parameter, segments, index + 1, found)
