"""The grid of a network that takes whole scans as they are: the scan's own, or a stated factor of it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

from flareseg.inference.resample import Size

_LEAST_HUNDREDTHS = 5


def own_grid(shape: Size, factor: float, divisor: int) -> Size:
    """Number of voxels (k, j, i): those of a scan times a factor, to the next number that the network can halve.

    Never one voxel alone on the network's coarsest level, which no norm can take.
    """
    k, j, i = (math.ceil(n * factor / divisor - 1e-9) * divisor for n in shape)
    return (k, j, 2 * i) if k == j == i == divisor else (k, j, i)


def largest_factor(fits: Callable[[float], bool], factor: float = 1.0) -> float | None:
    """The largest factor in hundredths, below ``factor``, that fits; None for none from 0.05 on.

    ``fits`` is asked a few times only: what fits with a factor fits with every smaller one.
    """
    hundredths = range(_LEAST_HUNDREDTHS, math.ceil(100 * factor))
    fitting = bisect_left(hundredths, True, key=lambda n: not fits(n / 100))
    return hundredths[fitting - 1] / 100 if fitting else None
