"""How long the application's main thread was not free, measured by a timer that should fire every 20 ms."""

from __future__ import annotations

import time
from types import TracebackType

import qt
import slicer

INTERVAL_MS = 20


class Stalls:
    """``longestMs`` after a ``with`` block: the longest time in it during which no event was handled."""

    def __init__(self) -> None:
        self.longestMs = 0.0
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._tick)

    def __enter__(self) -> Stalls:
        self._last = time.monotonic()
        self._timer.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        slicer.app.processEvents()
        self._tick()
        self._timer.stop()

    def _tick(self) -> None:
        now = time.monotonic()
        self.longestMs = max(self.longestMs, (now - self._last) * 1000 - INTERVAL_MS)
        self._last = now
