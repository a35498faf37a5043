"""Waiting for a result while Slicer handles its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import qt
import slicer
from flareseg.core.errors import FlareError

from ..background import Work

ResultT = TypeVar("ResultT")


class Outcome:
    """The end of a run or job: connect ``end`` to its signals, start it, then ``wait``."""

    def __init__(self) -> None:
        self._ended: list[tuple[Any, ...]] = []
        self._loop = qt.QEventLoop()

    def end(self, *result: Any) -> None:
        self._ended.append(result)
        self._loop.quit()

    def wait(self, close: Callable[[], object]) -> tuple[Any, ...]:
        """Return its result. Raises the FlareError that it failed with. ``close``: ends it at once."""
        if not self._ended:
            self._loop.exec_()
        if not self._ended:  # the loop was left because Slicer quits
            close()
        (result, *_later) = self._ended
        if isinstance(result[0], FlareError):
            raise result[0]
        return result


def inBackground(work: Callable[[], ResultT]) -> ResultT:
    """Return what ``work`` returns, run in a thread while Slicer handles its events. Raises what it raises.

    It must touch neither nodes nor widgets.
    """
    background = Work(work)
    while not background.isDone():
        slicer.app.processEvents()
    return background.result()
