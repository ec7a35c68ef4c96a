"""Imports put off: a module that is named by what we import, and not used before we answer."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = import_module(self.__name__)
        self.__dict__.update(vars(module))
        return getattr(module, name)


def defer(name: str) -> None:
    """Have a module be imported when something of it is first asked for.

    `importlib.util.LazyLoader` would not do: an `import` of a module that it has put off loads it.
    """
    if name not in sys.modules:
        sys.modules[name] = _Deferred(name)
