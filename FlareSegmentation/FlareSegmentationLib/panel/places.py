"""Navigation to a point of the scan: slice views and crosshair."""

from __future__ import annotations

from collections.abc import Sequence

import slicer

from ..nodes.positions import toWorld


def showPlace(point: tuple[float, float, float]) -> None:
    """``point``: world RAS in mm. A crosshair that is not shown yet becomes a small one."""
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *point)
    for crosshair in slicer.util.getNodesByClass("vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(point)
        if crosshair.GetCrosshairMode() == crosshair.NoCrosshair:
            crosshair.SetCrosshairMode(crosshair.ShowSmallBasic)


def showMiddle(segmentationNode: slicer.vtkMRMLSegmentationNode, bounds: Sequence[float]) -> None:
    """The slice views go to the middle of ``bounds`` (r0, r1, a0, a1, s0, s1 in mm, in the RAS of the node's scan)."""
    middle = [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2])]
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *toWorld(segmentationNode, middle))
