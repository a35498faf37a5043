"""Where a place of a report lies in the views: its point in the world, and its slices as Slicer names them, in mm."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import slicer
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Orientation
from flareseg.core.report import UncertainPlace

from .results import scanOf
from .volumes import volumeOf

SlicePositions = Callable[[UncertainPlace], tuple[float, float]]


def toWorld(segmentationNode: slicer.vtkMRMLSegmentationNode, ras: Sequence[float]) -> tuple[float, float, float]:
    """A point of the scan's own RAS as it lies in the views, under the transform of the result."""
    point = [0.0, 0.0, 0.0]
    segmentationNode.TransformPointToWorld(list(ras), point)
    return (point[0], point[1], point[2])


def slicePositions(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> SlicePositions | None:
    """Gives the lowest and the highest S of a place's slices: world mm, as the axial view shows them at this place.

    None when the scan is no longer there or no longer a scan: only it knows where its slices lie.
    """
    scan = scanOf(segmentationNode) if segmentationNode else None
    try:
        geometry = volumeOf(scan).geometry
    except FlareError:
        return None
    ijkToRas = geometry.ijk_to_ras()
    axis = 2 - Orientation.of(geometry).order[0]  # of (i, j, k): the one that the report's slices are counted along

    def positions(place: UncertainPlace) -> tuple[float, float]:
        index = (np.linalg.inv(ijkToRas) @ [*place.ras, 1.0])[axis]
        points = [place.ras + (end - index) * ijkToRas[:3, axis] for end in (place.first, place.last)]
        low, high = sorted(toWorld(segmentationNode, point)[2] for point in points)
        return low, high

    return positions
