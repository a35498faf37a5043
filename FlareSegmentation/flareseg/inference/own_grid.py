"""The grid of a network that takes whole scans as they are: the scan's own, or a stated factor of it."""

from __future__ import annotations

import math
from collections.abc import Callable

from flareseg.inference.resample import Size

_LEAST_HUNDREDTHS = 5
_SPARE = 2  # hundredths above the first guess at which the search for a factor begins


def own_grid(shape: Size, factor: float, divisor: int) -> Size:
    """Number of voxels (k, j, i): those of a scan times a factor, to the next number that the network can halve.

    Never one voxel alone on the network's coarsest level, which no norm can take.
    """
    k, j, i = (math.ceil(n * factor / divisor - 1e-9) * divisor for n in shape)
    return (k, j, 2 * i) if k == j == i == divisor else (k, j, i)


def largest_factor(fits: Callable[[float], bool], free: float, needed: float, factor: float = 1.0) -> float | None:
    """The largest factor in hundredths, below ``factor``, that fits; None for none from 0.05 on.

    ``needed``: memory with ``factor``; ``free``: what there is of it. Memory grows with the voxels, more or less.
    """
    guess = math.ceil(100 * factor * max(0.0, free / needed) ** (1 / 3)) + _SPARE
    below = math.ceil(100 * factor) - 1
    return next((n / 100 for n in range(min(guess, below), _LEAST_HUNDREDTHS - 1, -1) if fits(n / 100)), None)
