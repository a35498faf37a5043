"""Undoing the tilt of a gantry: upright slices for the networks, and labels back on the scan's own voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from flareseg.geometry import Geometry
from flareseg.volume import AIR_HU, Volume


def upright(volume: Volume) -> Volume:
    """The volume with each slice shifted in its own plane to where it lies in the patient.

    Linear interpolation between the two or four nearest voxels; rows and columns are added so that every slice
    fits, and filled with air. A volume without tilt is returned as it is.
    """
    if not any(volume.geometry.tilt):
        return volume
    shifts, grid = _shifts(volume.geometry), _wide_grid(volume.geometry)
    whole = volume.voxels.dtype.kind in "iu"
    voxels = np.empty(grid.shape, np.int16 if whole else np.float32)
    for k, shift in enumerate(shifts):
        plane = volume.voxels[k].astype(np.float32)
        moved = ndimage.affine_transform(plane, [1, 1], -shift, grid.shape[1:], order=1, cval=AIR_HU)
        voxels[k] = np.rint(moved) if whole else moved
    return Volume(voxels, grid, volume.name, volume.warnings)


def put_back(array: np.ndarray, geometry: Geometry) -> np.ndarray:
    """What lies on the grid of ``upright``, (k, j, i), on the voxels of the tilted scan: the nearest voxel's value."""
    _, rows, columns = geometry.shape
    places = np.rint(_shifts(geometry)).astype(int)
    return np.stack([plane[j : j + rows, i : i + columns] for plane, (j, i) in zip(array, places)])


def _shifts(geometry: Geometry) -> np.ndarray:
    """By how many voxels along (j, i) each slice lies further than the one that lies nearest to 0, (k, 2)."""
    shifts = np.arange(geometry.shape[0])[:, None] * np.divide(geometry.tilt, geometry.spacing[1:])
    return shifts - shifts.min(axis=0)


def _wide_grid(geometry: Geometry) -> Geometry:
    """The grid on which all slices find room, straight above each other."""
    slices, rows, columns = geometry.shape
    more = np.ceil(_shifts(geometry).max(axis=0)).astype(int)
    first = np.minimum(0.0, np.multiply(geometry.tilt, slices - 1))  # mm along (j, i)
    origin = np.array(geometry.origin) + first @ np.array(geometry.axes[1:])
    return replace(
        geometry,
        shape=(slices, rows + int(more[0]), columns + int(more[1])),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        tilt=(0.0, 0.0),
    )
