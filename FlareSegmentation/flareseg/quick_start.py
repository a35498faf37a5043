"""A process of our own starts a third faster and ends at once.

PyTorch is imported without the tables that only its compiler reads, and what is loaded for good is kept out of the
search for garbage. For the command and the worker only: in somebody else's process neither is ours to decide.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flareseg.cascade import Cascade
    from flareseg.limits import Limits

_COMPILERS_TABLES = "torch._meta_registrations"  # what operations do to shapes; 0.4 s and 20 MB


def load_cascade(device: str = "auto", weights: Path | None = None, limits: Limits | None = None) -> Cascade:
    """As Cascade.load, and it imports what that needs. Raises what it raises."""
    with importing_torch():
        from flareseg.cascade import Cascade

        return Cascade.load(device, weights, limits)


@contextlib.contextmanager
def importing_torch() -> Iterator[None]:
    """Around the first import of PyTorch in a process; later nothing is different."""
    if "torch" in sys.modules:
        yield
        return
    with _without_garbage_search(), _without_compilers_tables():
        yield


@contextlib.contextmanager
def _without_garbage_search() -> Iterator[None]:
    """What the block makes is never searched for garbage, not even at the end of the process, where it takes 0.4 s."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextlib.contextmanager
def _without_compilers_tables() -> Iterator[None]:
    """PyTorch imported in the block finds a stand-in for them. Whoever needs them later has to import them."""
    sys.modules[_COMPILERS_TABLES] = _Later(_COMPILERS_TABLES)
    try:
        yield
    finally:
        if isinstance(sys.modules.get(_COMPILERS_TABLES), _Later):
            del sys.modules[_COMPILERS_TABLES]


class _Later(ModuleType):
    """Becomes the real module when somebody asks it for something."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)
