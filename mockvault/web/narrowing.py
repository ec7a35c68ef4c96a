"""A small part of a large invalid value, invalid too: to tell all of it would take seconds."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

MANY = 1_000


def narrowed(value: Any, is_valid: Callable[[Any], bool], known: AbstractSet[str]) -> Any:
    """Return `value`, or when it is large its beginning: the first items of all that it holds.

    What is left is invalid as the whole is. Properties of `known` names are never left out, so
    that nothing is missing from the part that the whole has.
    """
    if not exceeds(value, MANY):
        return value
    low, high = 1, _longest(value)
    while low < high:
        middle = (low + high) // 2
        if is_valid(shortened(value, middle, known)):
            low = middle + 1
        else:
            high = middle
    part = shortened(value, low, known)
    longer = shortened(value, low * 2, known)
    while not exceeds(longer, MANY) and low < MANY:
        low, part = low * 2, longer
        longer = shortened(value, low * 2, known)
    return part


def shortened(value: Any, most: int, known: AbstractSet[str]) -> Any:
    """Return `value` with no more than `most` items in any array, or unknown names in any object.

    >>> shortened({"a": [1, 2, 3], "b": 4, "c": 5}, 1, {"a"})
    {'a': [1], 'b': 4}
    """
    if type(value) is list:
        return [shortened(item, most, known) for item in value[:most]]
    if type(value) is dict:
        kept, strangers = {}, 0
        for name, inner in value.items():
            if name not in known:
                strangers += 1
                if strangers > most:
                    continue
            kept[name] = shortened(inner, most, known)
        return kept
    return value


def exceeds(value: Any, most: int) -> bool:
    """Tell whether `value` is made of more than `most` values."""
    pending, count = [value], 0
    while pending:
        node = pending.pop()
        count += 1
        if count + len(pending) > most:
            return True
        if type(node) is list:
            if len(node) > most:
                return True
            pending.extend(node)
        elif type(node) is dict:
            if len(node) > most:
                return True
            pending.extend(node.values())
    return False


def _longest(value: Any) -> int:
    longest, pending = 1, [value]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            node = list(node.values())
        if type(node) is list:
            longest = max(longest, len(node))
            pending.extend(inner for inner in node if type(inner) in {dict, list})
    return longest
