"""The grid on which the phantom is sampled, processed in slabs so that large scans need little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flareseg.core.errors import InsufficientMemoryError, ScanError
from flareseg.core.geometry import Geometry
from flareseg.core.measure import MB
from flareseg.core.volume import COARSEST_MM, FEWEST_SLICES, FINEST_MM

SLAB_VOXELS = 4_000_000
ATLAS_CENTRE = (18.0, -4.0, 0.0)  # the atlas point, (z, y, x) in mm, at the middle of every scan


_MOST_VOXELS_ALONG_AXIS = 32767  # of a NIfTI file
_BYTES_PER_VOXEL, _BYTES_PER_SLAB_VOXEL = 8, 25  # of make_phantom's peak, measured from 8 to 64 million voxels


@dataclass(frozen=True)
class Grid:
    """``shape`` in voxels and ``spacing`` in mm, both (k, j, i), of a grid whose axes run up, back and left.

    Raises ScanError for sizes that no CT has.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(FEWEST_SLICES <= n <= _MOST_VOXELS_ALONG_AXIS for n in self.shape):
            raise ScanError(
                f"A phantom of {_by(self.shape)} voxels cannot be made.",
                f"Give {FEWEST_SLICES} to {_MOST_VOXELS_ALONG_AXIS} voxels along each axis.",
            )
        if not all(FINEST_MM <= mm <= COARSEST_MM for mm in self.spacing):  # false for NaN too
            raise ScanError(
                f"A phantom with voxels of {_by(self.spacing)} mm cannot be made.",
                f"Give {FINEST_MM:g} to {COARSEST_MM:g} mm along each axis.",
            )

    @property
    def needed_mb(self) -> float:
        """Memory that a phantom on this grid takes while it is made, in MB."""
        k, j, i = self.shape
        return (k * j * i * _BYTES_PER_VOXEL + max(SLAB_VOXELS, j * i) * _BYTES_PER_SLAB_VOXEL) / MB

    def require_memory(self, free_mb: float) -> None:
        """Raise InsufficientMemoryError for a phantom that needs more than ``free_mb``."""
        if self.needed_mb > free_mb:
            raise InsufficientMemoryError(
                f"A phantom of {_by(self.shape)} voxels needs about {self.needed_mb / 1000:.1f} GB of memory; "
                f"{free_mb / 1000:.1f} GB are free.",
                "Give fewer voxels.",
            )

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
        return replace(Geometry.canonical(self.shape, self.spacing), origin=(x, y, z))


def _by(sizes: Sequence[float]) -> str:
    """Sizes (k, j, i) in the order i, j, k in which they are given."""
    return " x ".join(f"{size:g}" if isinstance(size, float) else str(size) for size in reversed(sizes))
