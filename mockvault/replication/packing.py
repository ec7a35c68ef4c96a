"""Values of the mock as bytes and back: exact, fast, and of our own kinds only.

It is pickle, bounded: nothing is made when it is read but plain data and the values named here, so
that who can write to a store can spoil a world, and run nothing.
"""

import copyreg
import io
import pickle
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from operator import attrgetter
from typing import Any

_MODULES = (
    "mockvault.domain.clock",
    "mockvault.domain.entities",
    "mockvault.domain.events",
    "mockvault.domain.history",
    "mockvault.domain.states",
    "mockvault.domain.timers",
    "mockvault.store.logbook",
    "mockvault.store.memory",
    "mockvault.store.ordering",
    "mockvault.delivery.outbox",
    "mockvault.control.faults",
    "mockvault.control.preferences",
    "mockvault.control.workbench",
)
_PLAIN: dict[tuple[str, str], Any] = {
    ("array", "array"): array,
    ("array", "_array_reconstructor"): array("q").__reduce_ex__(3)[0],
    ("builtins", "frozenset"): frozenset,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "deque"): deque,
    ("copyreg", "__newobj__"): getattr(copyreg, "__newobj__"),  # noqa: B009
    ("copyreg", "_reconstructor"): getattr(copyreg, "_reconstructor"),  # noqa: B009
    ("builtins", "object"): object,
}


class Unreadable(Exception):
    """The bytes hold something that the mock does not write."""


def _reducer(kind: type) -> Callable[[Any], Any]:
    """Return what takes a frozen value apart: quicker than what dataclasses do for slots."""
    names = [each.name for each in fields(kind)]
    if len(names) == 1:
        name = names[0]
        return lambda value: (kind, (getattr(value, name),))
    parts = attrgetter(*names)
    return lambda value: (kind, parts(value))


def _kinds() -> dict[tuple[str, str], Any]:
    found = dict(_PLAIN)
    for name in _MODULES:
        for each in vars(import_module(name)).values():
            if isinstance(each, type) and each.__module__ == name:
                found[name, each.__qualname__] = each
    return found


_KINDS = _kinds()
_TABLE = {
    kind: _reducer(kind)
    for kind in _KINDS.values()
    if isinstance(kind, type) and is_dataclass(kind) and all(each.init for each in fields(kind))
}


class _Pickler(pickle.Pickler):
    dispatch_table = _TABLE


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KINDS[module, name]
        except KeyError:
            raise Unreadable(f"{module}.{name} is no value of the mock") from None


def packed(value: Any) -> bytes:
    """Return a value as bytes; what stands in it twice is one value again when it is read."""
    stream = io.BytesIO()
    _Pickler(stream, protocol=5).dump(value)
    return stream.getvalue()


def unpacked(content: bytes) -> Any:
    """Return the value that bytes hold; raise Unreadable where the mock has not written them."""
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError) as reason:
        raise Unreadable(f"it was not written by this mock: {reason}") from reason
