"""Garbage collection of Python, paused while a thread runs.

A collection runs in whichever thread allocates, and destroys unreachable Qt objects there, which may hang Slicer.
"""

from __future__ import annotations

import gc
import threading


class GarbagePause:
    """Counts the threads that run: collection goes on, if it was enabled, when the last one has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._wasEnabled = False

    def begin(self) -> None:
        with self._lock:
            if not self._count:
                self._wasEnabled = gc.isenabled()
                gc.disable()
            self._count += 1

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count and self._wasEnabled:
                gc.enable()


PAUSE = GarbagePause()  # of this process
