"""The time budget of a benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_LEAST_SECONDS = 5.0


class Budget:
    """Minutes for all jobs together. What a job took is remembered, so that a larger one of its kind can be judged."""

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + 60 * minutes
        self._seconds_per_slice: dict[Hashable, float] = {}

    @property
    def left(self) -> float:
        """Seconds left, 0 when the time is over."""
        return max(0.0, self._end - self._clock())

    def remember(self, kind: Hashable, slices: int, seconds: float) -> None:
        """The slowest job of a kind counts."""
        self._seconds_per_slice[kind] = max(self._seconds_per_slice.get(kind, 0.0), seconds / slices)

    def refusal(self, kind: Hashable, slices: int) -> str:
        """Why a job is not begun; empty when it fits, or when nothing is known of it yet and time is left.

        Its time is taken to grow with the slices, which is too much rather than too little.
        """
        expected = max(_LEAST_SECONDS, self._seconds_per_slice.get(kind, 0.0) * slices)
        if expected <= self.left:
            return ""
        return f"skipped: about {expected:.0f} s needed, {self.left:.0f} s left (--minutes gives more)"
