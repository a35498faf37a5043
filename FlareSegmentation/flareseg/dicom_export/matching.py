"""The DICOM images behind a volume that another program loaded, and its label map in their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.core.geometry import Geometry, Orientation
from flareseg.dicom_export.source import Source, planes_in, source_of_planes
from flareseg.io.dicom.grid import geometry_of
from flareseg.io.dicom.header import without_pydicoms_warnings
from flareseg.io.dicom.stack import Stack, stacks_of


@without_pydicoms_warnings()
def matched(files: Iterable[Path], labels: np.ndarray, geometry: Geometry) -> tuple[Source, np.ndarray]:
    """Find the images whose grid is that of a label map, and bring the label map to their order.

    Args:
        files: The files of the series, in any order.
        labels: Label map, uint8 (k, j, i).
        geometry: Its grid. Of a scan with a tilted gantry, the slices stand straight above each other in it.

    Returns:
        The images, and the label map with a slice for each of them; it may be a view of ``labels``.

    Raises:
        ScanError: A file is missing, or the grid is not that of images among them.
    """
    for stack in stacks_of(plane for file in files for plane in planes_in(file)):
        for grid in _grids(stack):
            own, other = Orientation.of(grid), Orientation.of(geometry)
            if own.geometry(grid).is_close_to(other.geometry(geometry)):
                return source_of_planes(stack.planes), _turned(labels, other, own, grid.shape)
    raise ScanError(
        "The scan's voxels are not those of its DICOM series: it was cropped, resampled, or moved by a hardened "
        "transform.",
        "Load the series again, and segment that volume.",
    )


def _grids(stack: Stack) -> list[Geometry]:
    """The grid of a stack, as others may give it: with a tilt, some take the way between slices for their distance."""
    try:
        grid = geometry_of(stack)[0]
    except ScanError:  # its images are on no grid
        return []
    straight = replace(grid, tilt=(0.0, 0.0))
    along = float(np.hypot(grid.spacing[0], np.hypot(*grid.tilt)))
    return [straight, replace(straight, spacing=(along, *grid.spacing[1:]))]


def _turned(labels: np.ndarray, its: Orientation, wanted: Orientation, shape: tuple[int, int, int]) -> np.ndarray:
    turned = np.empty(shape, labels.dtype)
    wanted.view(turned)[:] = its.view(labels)
    return turned
