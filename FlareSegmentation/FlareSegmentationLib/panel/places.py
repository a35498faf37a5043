"""Navigation to a point of the scan: slice views and crosshair."""

from __future__ import annotations

import slicer


def showPlace(point: tuple[float, float, float]) -> None:
    """``point``: world RAS in mm. A crosshair that is not shown yet becomes a small one."""
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *point)
    for crosshair in slicer.util.getNodesByClass("vtkMRMLCrosshairNode"):
        crosshair.SetCrosshairRAS(point)
        if crosshair.GetCrosshairMode() == crosshair.NoCrosshair:
            crosshair.SetCrosshairMode(crosshair.ShowSmallBasic)
