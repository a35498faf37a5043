"""Placement of volumes that cover different parts of one voxel lattice, such as a cropped segmentation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume

Offset = tuple[int, int, int]


def joint_grid(first: Geometry, second: Geometry) -> Geometry | None:
    """The smallest grid on the first one's lattice that holds both; None when the second is on another lattice (other
    spacing or axes, or shifted by part of a voxel) or has no voxel in common with the first."""
    offset = _offset(first, second)
    if offset is None:
        return None
    start = [min(0, shift) for shift in offset]
    stop = [max(n, shift + m) for n, shift, m in zip(first.shape, offset, second.shape)]
    return _part(first, _whole(start), _whole([last - begin for begin, last in zip(start, stop)]))


def placed(volume: Volume, grid: Geometry, outside: int = 0) -> Volume:
    """A volume on another part of its lattice: cropped to ``grid``, and ``outside`` where it has no voxels.

    Raises ValueError when the grid is not on the lattice of the volume.
    """
    offset = _offset(grid, volume.geometry)
    if offset is None:
        raise ValueError("the grid is not on the lattice of the volume")
    if offset == (0, 0, 0) and grid.shape == volume.geometry.shape:
        return volume
    voxels = np.full(grid.shape, outside, volume.voxels.dtype)
    into = tuple(slice(max(0, shift), shift + n) for shift, n in zip(offset, volume.voxels.shape))
    part = voxels[into]
    start = [max(0, -shift) for shift in offset]
    part[...] = volume.voxels[tuple(slice(first, first + n) for first, n in zip(start, part.shape))]
    return Volume(voxels, grid, volume.name, volume.warnings)


def _offset(grid: Geometry, other: Geometry) -> Offset | None:
    """The index (k, j, i) in ``grid`` of the other's first voxel; None for another lattice or no common voxel."""
    ijk = np.linalg.solve(grid.ijk_to_ras(), other.ijk_to_ras()[:, 3])[:3]
    offset = _whole(np.rint(ijk[::-1]))
    overlap = all(-m < shift < n for n, shift, m in zip(grid.shape, offset, other.shape))
    return offset if overlap and _part(grid, offset, other.shape).is_close_to(other) else None


def _part(grid: Geometry, offset: Offset, shape: tuple[int, int, int]) -> Geometry:
    """The grid of ``shape`` voxels whose first one has the index ``offset`` in ``grid``; both may reach outside it."""
    steps = np.multiply(offset, grid.spacing)
    x, y, z = (float(value) for value in grid.origin + steps @ np.array(grid.direction))
    return Geometry(shape, grid.spacing, grid.direction, (x, y, z))


def _whole(values: Iterable[float]) -> tuple[int, int, int]:
    k, j, i = (int(value) for value in values)
    return (k, j, i)
