"""The context of one run: timed stages, memory, progress, and cancellation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType

from flareseg.core.errors import Cancelled
from flareseg.core.measure import MemoryWatch, StageClock

Progress = Callable[[str, float], None]


class Run:
    """Context of one scan's work, handed through the cascade.

    ``progress(stage, fraction)`` is called often, with a key of report.STAGES and 0..1 within the
    stage; ``cancelled()`` is asked as often, and a true answer ends the run with Cancelled.
    """

    def __init__(
        self, progress: Progress = lambda stage, fraction: None, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._stage = ""
        self._part = (0.0, 1.0)
        self.clock = StageClock()
        self.memory = MemoryWatch()

    def __enter__(self) -> Run:
        self.memory.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.memory.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and make it the current one."""
        with self.clock.stage(name):
            self._stage = name
            self.advance(0.0)
            yield
            self.advance(1.0)

    @contextlib.contextmanager
    def part(self, start: float, stop: float) -> Iterator[None]:
        """Have the fractions 0..1 of one step count as ``start`` to ``stop`` of the current stage."""
        self._part = (start, stop)
        try:
            yield
        finally:
            self._part = (0.0, 1.0)

    def advance(self, fraction: float) -> None:
        """Report progress within the current stage; raises Cancelled when the run has been cancelled."""
        if self._cancelled():
            raise Cancelled()
        start, stop = self._part
        self._progress(self._stage, start + fraction * (stop - start))
