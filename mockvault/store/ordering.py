"""Numbered things in order: added, removed, and read from any number both ways, at any size.

A tree of nodes with 32 places each. A node that a frozen ordering shares is replaced when it
changes, one of its own is changed in place: to freeze costs nothing, however much there is.
"""

from typing import Any

_BITS = 5
_WIDTH = 1 << _BITS
_MASK = _WIDTH - 1
_OWNER = _WIDTH
"""The place in a node, after its children, of whoever may change it."""

Node = list[Any]
Numbered = tuple[int, Any]


class Ordering:
    """Values by numbers from 0 up; a value is never None."""

    __slots__ = ("_owner", "_root", "_shift")

    def __init__(self) -> None:
        self._owner = object()
        self._shift = 0
        self._root: Node = self._node()

    def copy(self) -> "Ordering":
        """Return an ordering that goes its own way; both share what neither changes."""
        twin = Ordering()
        twin._root, twin._shift = self._root, self._shift
        self._owner = object()  # what there is belongs to nobody now
        return twin

    def put(self, number: int, value: Any) -> None:
        """Keep a value under a number."""
        while number >> self._shift >= _WIDTH:
            higher = self._node()
            higher[0] = self._root
            self._root, self._shift = higher, self._shift + _BITS
        node = self._root = self._mine(self._root)
        shift = self._shift
        while shift:
            place = (number >> shift) & _MASK
            child = node[place]
            child = node[place] = self._node() if child is None else self._mine(child)
            node, shift = child, shift - _BITS
        node[number & _MASK] = value

    def remove(self, number: int) -> None:
        """Forget the value of a number, if it has one."""
        if number >> self._shift < _WIDTH:
            self._root = self._without(self._root, self._shift, number) or self._node()

    def above(self, number: int, limit: int) -> list[Numbered]:
        """Return the first `limit` that stand after a number, in order."""
        found: list[Numbered] = []
        if limit > 0:
            _ascend(self._root, self._shift, 0, number + 1, found=found, limit=limit)
        return found

    def below(self, number: int | None, limit: int) -> list[Numbered]:
        """Return the last `limit` that stand before a number, or of all, backward."""
        found: list[Numbered] = []
        end = _WIDTH << self._shift
        if limit > 0:
            highest = end - 1 if number is None else min(number, end) - 1
            _descend(self._root, self._shift, 0, highest, found=found, limit=limit)
        return found

    def _node(self) -> Node:
        node: Node = [None] * (_WIDTH + 1)
        node[_OWNER] = self._owner
        return node

    def _mine(self, node: Node) -> Node:
        if node[_OWNER] is self._owner:
            return node
        node = node.copy()
        node[_OWNER] = self._owner
        return node

    def _without(self, node: Node, shift: int, number: int) -> Node | None:
        """Return the node without a number, or None where nothing is left of it."""
        place = (number >> shift) & _MASK
        child = node[place]
        if child is None:
            return node
        rest = self._without(child, shift - _BITS, number) if shift else None
        if rest is child:
            return node
        node = self._mine(node)
        node[place] = rest
        if rest is None and node[:_WIDTH].count(None) == _WIDTH:
            return None
        return node


def _ascend(
    node: Node, shift: int, base: int, lowest: int, *, found: list[Numbered], limit: int
) -> None:
    for place in range(max(0, (lowest - base) >> shift), _WIDTH):
        child = node[place]
        if child is None:
            continue
        at = base + (place << shift)
        if shift:
            _ascend(child, shift - _BITS, at, lowest, found=found, limit=limit)
        else:
            found.append((at, child))
        if len(found) >= limit:
            return


def _descend(
    node: Node, shift: int, base: int, highest: int, *, found: list[Numbered], limit: int
) -> None:
    for place in range(min(_MASK, (highest - base) >> shift), -1, -1):
        child = node[place]
        if child is None:
            continue
        at = base + (place << shift)
        if shift:
            _descend(child, shift - _BITS, at, highest, found=found, limit=limit)
        else:
            found.append((at, child))
        if len(found) >= limit:
            return
