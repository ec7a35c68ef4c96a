"""What a piece of work costs by the calls that it makes, which no busy machine changes."""

import gc
import sys
from collections.abc import Callable
from typing import Any


def steps(work: Callable[[], Any]) -> int:
    """Return how many calls a piece of work makes, of Python's functions and of C's.

    Garbage of other tests is not collected meanwhile, whose finalizers would be counted.
    """
    counted = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        del frame, argument
        counted += event in {"call", "c_call"}

    collects = gc.isenabled()
    gc.disable()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        if collects:
            gc.enable()
    return counted
