"""The region of interest: a markups ROI node or bounds, converted to bounds in the scan's own RAS coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
import slicer
import vtk
from flareseg.core.errors import RoiError
from flareseg.core.geometry import Geometry
from slicer.i18n import tr as _

_ALIGNED = 0.999  # cosine between a side of the box and a patient axis: 2.6 degrees
_FILL_OPACITY = 0.1  # the organs have to be seen through the box
_SCAN = "FlareSegmentation.Scan"  # from a box that was made here to its scan


class Region(Enum):
    """Where to look for the organs."""

    AUTOMATIC = "automatic"
    ROI = "roi"

    def label(self) -> str:
        """Slicer's parameter node fills the combo box with these."""
        return {"automatic": _("Automatic"), "roi": _("From the box")}[self.value]


def roiBounds(
    roi: slicer.vtkMRMLMarkupsROINode | Sequence[float], volumeNode: slicer.vtkMRMLScalarVolumeNode
) -> list[float]:
    """RAS bounds in mm (r0, r1, a0, a1, s0, s1), before any parent transform of the volume.

    ``roi`` may be bounds of that form already. A box that is rotated against the scan gives the bounds of its corners.
    Raises RoiError for an empty box.
    """
    isNode = isinstance(roi, slicer.vtkMRMLMarkupsROINode)
    bounds = _boundsOfNode(roi, volumeNode) if isNode else [float(value) for value in roi]
    if len(bounds) != 6 or not np.isfinite(bounds).all() or not all(np.less(bounds[::2], bounds[1::2])):
        raise RoiError(
            _("The region of interest has no size."),
            _("Draw a box around the abdomen, or give six bounds in mm: R, R, A, A, S, S, each pair ascending."),
        )
    return bounds


def regionNote(roiNode: slicer.vtkMRMLMarkupsROINode, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> str:
    """What the box means for the next run; with the size of what is segmented when the box is rotated."""
    note = _('Only the inside of the box "{box}" will be segmented (see Options).').format(box=roiNode.GetName())
    try:
        bounds, toScan = roiBounds(roiNode, volumeNode), _boxToScan(roiNode, volumeNode)
    except RoiError as error:
        return str(error)
    sides = np.abs(toScan[:3, :3])
    if (sides.max(axis=0) >= _ALIGNED * np.linalg.norm(sides, axis=0)).all():
        return note
    size = " x ".join(f"{high - low:.0f}" for low, high in zip(bounds[::2], bounds[1::2]))
    rotated = _("It is rotated against the scan: the upright box around it, {size} mm, is taken.")
    return f"{note} {rotated.format(size=size)}"


def showRegion(
    roiNode: slicer.vtkMRMLMarkupsROINode | None, bounds: Sequence[float], volumeNode: slicer.vtkMRMLScalarVolumeNode
) -> slicer.vtkMRMLMarkupsROINode:
    """A box node, new or again, at ``bounds`` (as of ``roiBounds``), ready to be moved by its handles."""
    node = roiNode or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", _("Region to segment"))
    node.SetNodeReferenceID(_SCAN, volumeNode.GetID())
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetAndObserveObjectToNodeMatrix(vtk.vtkMatrix4x4())
    low, high = np.array(bounds[::2], float), np.array(bounds[1::2], float)
    node.SetCenter(*((low + high) / 2))
    node.SetSize(*(high - low))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetVisibility(True)
    display.SetHandlesInteractive(True)
    display.SetPropertiesLabelVisibility(False)
    display.SetFillOpacity(_FILL_OPACITY)
    return node


def boxScan(roiNode: slicer.vtkMRMLMarkupsROINode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The scan that ``showRegion`` made the box for; None for a box of other origin."""
    return roiNode.GetNodeReference(_SCAN)


def middleOf(geometry: Geometry) -> list[float]:
    """Bounds (as of ``roiBounds``) of the middle of a scan, half as long as the scan along each axis."""
    ends = np.array([[-0.5, n - 0.5] for n in reversed(geometry.shape)])
    corners = np.array([[i, j, k, 1] for i in ends[0] for j in ends[1] for k in ends[2]])
    ras = (corners @ geometry.ijk_to_ras().T)[:, :3]
    low, high = ras.min(axis=0), ras.max(axis=0)
    quarter = (high - low) / 4
    return [float(value) for value in np.stack([low + quarter, high - quarter], axis=1).ravel()]


def _boundsOfNode(roiNode: slicer.vtkMRMLMarkupsROINode, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> list[float]:
    toScan = _boxToScan(roiNode, volumeNode)
    reach = np.abs(toScan[:3, :3]) @ np.array(roiNode.GetSize()) / 2
    return [float(v) for v in np.stack([toScan[:3, 3] - reach, toScan[:3, 3] + reach], axis=1).ravel()]


def _boxToScan(roiNode: slicer.vtkMRMLMarkupsROINode, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray:
    """4x4 matrix from the box's own axes, with its middle as origin, to the volume's own RAS."""
    matrix: np.ndarray = slicer.util.arrayFromVTKMatrix(roiNode.GetObjectToWorldMatrix())
    return _worldToScan(volumeNode) @ matrix


def _worldToScan(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray:
    """4x4 matrix from world to the volume's own RAS."""
    transformNode = volumeNode.GetParentTransformNode()
    matrix = vtk.vtkMatrix4x4()
    if transformNode and not transformNode.GetMatrixTransformFromWorld(matrix):
        raise RoiError(
            _("The scan is bent by a non-linear transform, so a box in world coordinates does not fit it."),
            _("Harden the transform or give the bounds in the scan's own coordinates."),
        )
    array: np.ndarray = slicer.util.arrayFromVTKMatrix(matrix)
    return array
