"""Work in a thread, with Python's garbage collection paused meanwhile.

A collection runs in whichever thread allocates, and destroys unreachable Qt objects there, which may hang Slicer.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

import qt

_LOOK_MS = 100  # between two looks whether collection may go on
_PATIENCE_SECONDS = 0.005

ValueT = TypeVar("ValueT")


class Work(Generic[ValueT]):
    """Runs a function, which must touch neither nodes nor widgets, in a thread of its own.

    The thread gets its turn only while the main thread waits for it in Python, for a moment at a time: Slicer's event
    loop keeps the interpreter to itself. So its owner has to ask ``isDone`` again and again.
    """

    def __init__(self, function: Callable[[], ValueT], name: str = "FlareSegmentation") -> None:
        self._outcome: Future[ValueT] = Future()
        self._thread = Thread(target=self._run, args=(function,), name=name)
        _pause.start(self._thread)

    def isDone(self) -> bool:
        """Wait for a moment and return whether the thread has ended."""
        self._thread.join(_PATIENCE_SECONDS)
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Until it has ended."""
        self._thread.join()
        _pause.look()

    def result(self) -> ValueT:
        """Wait, and return what the function returned. Raises what it raised."""
        self.wait()
        return self._outcome.result()

    def _run(self, function: Callable[[], ValueT]) -> None:
        try:
            self._outcome.set_result(function())
        except BaseException as error:
            self._outcome.set_exception(error)


class _GarbagePause:
    """Collection goes on, if it was enabled, when the main thread sees that the last of the threads has ended."""

    def __init__(self) -> None:
        self._threads: list[Thread] = []
        self._isPaused = self._wasEnabled = False
        self._timer = qt.QTimer()
        self._timer.setInterval(_LOOK_MS)
        self._timer.connect("timeout()", self.look)

    def start(self, thread: Thread) -> None:
        """Start a thread from the main thread. Raises RuntimeError when the system has none left."""
        if not self._isPaused:
            self._isPaused, self._wasEnabled = True, gc.isenabled()
            gc.disable()
            self._timer.start()
        try:
            thread.start()
            self._threads.append(thread)
        finally:
            self.look()

    def look(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if self._threads or not self._isPaused:
            return
        self._isPaused = False
        self._timer.stop()
        if self._wasEnabled:
            gc.enable()


_pause = _GarbagePause()
