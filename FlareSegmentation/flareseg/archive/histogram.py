"""Histograms of the columns of a table, as the report page draws them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BINS = 30


@dataclass(frozen=True)
class Histogram:
    """``bars``: heights from 0 to 1, ``low`` to ``high`` in the unit of the values; values beyond are in the end bars.

    ``count``: how many values there are; ``median``, ``lower`` and ``upper`` quartile.
    """

    title: str
    unit: str
    bars: tuple[float, ...]
    low: float
    high: float
    count: int
    median: float
    lower: float
    upper: float


def histogram_of(title: str, unit: str, values: np.ndarray, limits: tuple[float, float] | None = None) -> Histogram:
    """The histogram of finite values, one or more, between ``limits`` or the 1st and 99th percentile."""
    low, high = limits or (float(value) for value in np.percentile(values, (1, 99)))
    if high <= low:
        low, high = low - 1.0, high + 1.0
    counts, _ = np.histogram(np.clip(values, low, high), _BINS, (low, high))
    lower, median, upper = (float(value) for value in np.percentile(values, (25, 50, 75)))
    bars = tuple(float(share) for share in counts / counts.max())
    return Histogram(title, unit, bars, low, high, len(values), median, lower, upper)
