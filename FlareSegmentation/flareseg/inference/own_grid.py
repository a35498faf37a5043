"""The grid of a network that takes whole scans as they are: the scan's own, or a stated factor of it."""

from __future__ import annotations

import math

from flareseg.inference.resample import Size


def own_grid(shape: Size, factor: float, divisor: int) -> Size:
    """Number of voxels (k, j, i): those of a scan times a factor, to the next number that the network can halve."""
    k, j, i = (math.ceil(n * factor / divisor) * divisor for n in shape)
    return (k, j, i)
