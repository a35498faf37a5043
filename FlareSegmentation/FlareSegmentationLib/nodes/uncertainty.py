"""The uncertainty of a result as a volume node, shown over the scan."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

_ROLE = "FlareSegmentation.Uncertainty"
_COLOURS = "vtkMRMLColorTableNodeWarm1"
_VISIBLE_PERCENT = 5  # less uncertainty than this is not reported
_FULL_PERCENT = 60  # uncertainty that is as bright as it gets: with two competing classes it seldom exceeds this
_OPACITY = 0.7


def writeUncertainty(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLScalarVolumeNode, percent: np.ndarray
) -> None:
    """Give the segmentation its uncertainty volume (uint8 (k, j, i) on the volume's grid), new or again."""
    node = uncertaintyOf(segmentationNode)
    if node is None:
        node = slicer.vtkMRMLScalarVolumeNode()
        node.SetName(slicer.mrmlScene.GenerateUniqueName(_("{scan} uncertainty").format(scan=volumeNode.GetName())))
        node.SetAttribute(_ROLE, "True")  # before any observer sees it: this is not a scan
        node = slicer.mrmlScene.AddNode(node)
        segmentationNode.SetNodeReferenceID(_ROLE, node.GetID())
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, percent)
    _setUpDisplay(node)


def uncertaintyOf(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> slicer.vtkMRMLScalarVolumeNode | None:
    return segmentationNode.GetNodeReference(_ROLE) if segmentationNode else None


def showUncertainty(segmentationNode: slicer.vtkMRMLSegmentationNode | None, isShown: bool) -> None:
    """Lay the volume over the scan in all slice views, or take it away again."""
    node = uncertaintyOf(segmentationNode) if isShown else None
    slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=_OPACITY if node else 0.0)


def isUncertaintyShown(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> bool:
    """Whether some slice view has the volume over its scan."""
    node = uncertaintyOf(segmentationNode)
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return node is not None and any(view.GetForegroundVolumeID() == node.GetID() for view in views)


def isUncertainty(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether a volume is the uncertainty of some result rather than a scan."""
    return volumeNode.GetAttribute(_ROLE) is not None


def _setUpDisplay(node: slicer.vtkMRMLScalarVolumeNode) -> None:
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(_COLOURS)
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(_FULL_PERCENT, _FULL_PERCENT / 2)
    display.SetThreshold(_VISIBLE_PERCENT, 100)
    display.SetApplyThreshold(True)
