"""The bounding box of the nonzero voxels of an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Slices = tuple[slice, slice, slice]
"""Part of a (k, j, i) array."""


def box_around(marks: np.ndarray, margin: Sequence[int] = (0, 0, 0)) -> Slices:
    """Return the smallest box around the nonzero voxels of an integer or boolean array (k, j, i).

    Grown by ``margin`` voxels (k, j, i) on both sides, upwards beyond the array if it must be. Without anything in it
    the box is empty.
    """
    plane = np.bitwise_or.reduce(marks, axis=0)
    k, j, i = np.asarray(marks.any(axis=(1, 2))), plane.any(axis=1), plane.any(axis=0)
    return (_span(k, margin[0]), _span(j, margin[1]), _span(i, margin[2]))


def _span(held: np.ndarray, margin: int) -> slice:
    where = np.flatnonzero(held)
    return slice(max(0, int(where[0]) - margin), int(where[-1]) + 1 + margin) if where.size else slice(0, 0)
