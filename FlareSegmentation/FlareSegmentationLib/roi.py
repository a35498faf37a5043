"""The box to segment: a markups ROI node or bounds, as bounds in the scan's own RAS coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer
import vtk
from flareseg.errors import FlareError
from slicer.i18n import tr as _

_ALIGNED = 0.999  # cosine between a side of the box and a patient axis: 2.6 degrees
_BOX_TYPES = ("ROITypeBox", "ROITypeBoundingBox")


def roiBounds(
    roi: slicer.vtkMRMLMarkupsROINode | Sequence[float], volumeNode: slicer.vtkMRMLScalarVolumeNode
) -> list[float]:
    """RAS bounds in mm (r0, r1, a0, a1, s0, s1), before any parent transform of the volume.

    ``roi`` may be bounds of that form already. Raises FlareError("bad_roi") for a rotated, round or
    empty box.
    """
    isNode = isinstance(roi, slicer.vtkMRMLMarkupsROINode)
    bounds = _boundsOfNode(roi, volumeNode) if isNode else [float(value) for value in roi]
    if len(bounds) != 6 or not np.isfinite(bounds).all() or not all(np.less(bounds[::2], bounds[1::2])):
        raise _badRoi(
            _("The region of interest has no size."),
            _("Draw a box around the abdomen, or give six bounds in mm: R, R, A, A, S, S, each pair ascending."),
        )
    return bounds


def _boundsOfNode(roiNode: slicer.vtkMRMLMarkupsROINode, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> list[float]:
    if roiNode.GetROIType() not in [getattr(roiNode, name) for name in _BOX_TYPES]:
        raise _badRoi(_("The region of interest is not a box."), _("Choose a box-shaped ROI."))
    toScan = _worldToScan(volumeNode) @ slicer.util.arrayFromVTKMatrix(roiNode.GetObjectToWorldMatrix())
    sides = np.abs(toScan[:3, :3])
    if (sides.max(axis=0) < _ALIGNED * np.linalg.norm(sides, axis=0)).any():
        raise _badRoi(
            _("The region of interest is rotated against the scan."),
            _("Use a box along the patient's axes: right-click the ROI's handles to reset the rotation."),
        )
    reach = sides @ np.array(roiNode.GetSize()) / 2
    return [float(v) for v in np.stack([toScan[:3, 3] - reach, toScan[:3, 3] + reach], axis=1).ravel()]


def _worldToScan(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray:
    """4x4 matrix from world to the volume's own RAS."""
    transformNode = volumeNode.GetParentTransformNode()
    matrix = vtk.vtkMatrix4x4()
    if transformNode and not transformNode.GetMatrixTransformFromWorld(matrix):
        raise _badRoi(
            _("The scan is bent by a non-linear transform, so a box in world coordinates does not fit it."),
            _("Harden the transform or give the bounds in the scan's own coordinates."),
        )
    array: np.ndarray = slicer.util.arrayFromVTKMatrix(matrix)
    return array


def _badRoi(sentence: str, remedy: str) -> FlareError:
    return FlareError("bad_roi", sentence, remedy)
