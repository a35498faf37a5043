"""The grid on which the phantom is sampled, walked slab by slab so that large scans need little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flareseg.geometry import Geometry

SLAB_VOXELS = 4_000_000
ATLAS_CENTRE = (18.0, -4.0, 0.0)  # the atlas point, (z, y, x) in mm, at the middle of every scan


@dataclass(frozen=True)
class Grid:
    """``shape`` in voxels and ``spacing`` in mm, both (k, j, i), of a grid whose axes run up, back and left."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def axes(self, slab: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates (z, y, x) of the voxel centres of some slices, in mm from the middle of the grid."""
        z, y, x = ((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(self.shape, self.spacing))
        return z[slab], y, x

    @property
    def bounds(self) -> np.ndarray:
        """(2, 3) lowest and highest (z, y, x) of the voxel centres in mm."""
        half = (np.array(self.shape) - 1) * np.array(self.spacing) / 2
        return np.array([-half, half])

    def slabs(self) -> Iterator[slice]:
        step = max(1, SLAB_VOXELS // (self.shape[1] * self.shape[2]))
        for first in range(0, self.shape[0], step):
            yield slice(first, min(first + step, self.shape[0]))

    def geometry(self) -> Geometry:
        """The grid in the patient, its middle at the LPS origin."""
        z, y, x = (float(v) for v in self.bounds[0])
        return Geometry(self.shape, self.spacing, ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)), (x, y, z))
