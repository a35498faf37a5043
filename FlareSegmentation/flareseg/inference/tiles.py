"""Tiles of a large array, for work that concerns few of its voxels, such as those near the borders of organs.

A tile is a block of TILE voxels. Many tiles are worked on at a time, on the device; nothing of the size of the array is
made. Axis order is (k, j, i).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from flareseg.inference.resample import Size

TILE: Size = (8, 24, 24)  # voxels; measured: larger ones hold more that is far from a border, smaller ones more overlap
REACH = 2  # voxels around a tile that count as in it when tiles are chosen


def labels_in_tiles(labels: np.ndarray) -> np.ndarray:
    """Find the label values in each tile, with REACH voxels around it.

    Args:
        labels: Label map, uint8 (k, j, i), of values below 8.

    Returns:
        One element a tile, uint8 (k, j, i), in which bit n says that label value n is there.
    """
    starts = [range(0, size, tile) for size, tile in zip(labels.shape, TILE)]
    found = np.zeros([len(each) for each in starts], np.uint8)
    for row, k in enumerate(starts[0]):
        slab = labels[max(0, k - REACH) : k + TILE[0] + REACH]
        values = np.bitwise_or.reduce(np.left_shift(np.uint8(1), slab), axis=0)
        for axis in (0, 1):
            values = np.moveaxis(values, axis, 0)
            size = TILE[axis + 1]
            ends = [values[max(0, a - REACH) : a + size + REACH] for a in starts[axis + 1]]
            values = np.moveaxis(np.stack([np.bitwise_or.reduce(each, axis=0) for each in ends]), 0, axis)
        found[row] = values
    return found


def starts_of(chosen: np.ndarray) -> np.ndarray:
    """Return the first voxel (k, j, i) of each chosen tile, int64 (n, 3). ``chosen``: bool (k, j, i) of tiles."""
    return np.argwhere(chosen) * TILE


def gather(array: np.ndarray, starts: np.ndarray, halo: Size = (0, 0, 0)) -> np.ndarray:
    """Copy tiles, each with ``halo`` voxels around it; beyond the array the outermost voxel is repeated.

    Args:
        array: Any array (k, j, i).
        starts: First voxels of the tiles, (n, 3).
        halo: Voxels before and behind a tile along (k, j, i).

    Returns:
        The tiles, (n, k, j, i), of the type of ``array``.
    """
    low, high = starts - halo, starts + TILE + np.array(halo)
    tiles = np.empty((len(starts), *(size + 2 * more for size, more in zip(TILE, halo))), array.dtype)
    inside = (low >= 0).all(axis=1) & (high <= array.shape).all(axis=1)
    for tile, (k0, j0, i0), (k1, j1, i1), is_inside in zip(tiles, low, high, inside):
        if is_inside:
            tile[:] = array[k0:k1, j0:j1, i0:i1]
        else:
            spans = zip((k0, j0, i0), (k1, j1, i1), array.shape)
            tile[:] = array[np.ix_(*(np.arange(a, b).clip(0, size - 1) for a, b, size in spans))]
    return tiles


def voxels_of(marks: Tensor, starts: np.ndarray, shape: Size) -> tuple[np.ndarray, np.ndarray]:
    """Find the marked voxels of tiles without halo.

    Args:
        marks: Nonzero where a voxel is marked, (n, k, j, i).
        starts: First voxels of the tiles, (n, 3).
        shape: Shape of the array that the tiles are of.

    Returns:
        The voxels inside the array, int32 (3, m), and the tile that each is of, int64 (m).
    """
    tile, *within = (each.cpu().numpy() for each in marks.nonzero(as_tuple=True))
    voxels = (starts[tile].T + np.stack(within)).astype(np.int32)
    inside = (voxels < np.array(shape)[:, None]).all(axis=0)
    return voxels[:, inside], tile[inside]
