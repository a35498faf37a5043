"""The synthetic abdominal CT of the sample data as nodes: a volume, and its true organs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer
from flareseg.core.organs import ORGANS
from slicer.i18n import tr as _

from .segments import importLabels
from .volumes import showAbdomenWindow

if TYPE_CHECKING:
    import numpy as np
    from flareseg.core.volume import Volume


def addCt(volume: Volume) -> slicer.vtkMRMLScalarVolumeNode:
    """Add the CT to the scene and show it in the slice views."""
    name = slicer.mrmlScene.GenerateUniqueName(_("Synthetic CT"))
    volumeNode = slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), name)
    showAbdomenWindow(volumeNode)
    slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
    return volumeNode


def addOrgans(labels: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    """Under ids of their own: the panel must not take the ground truth for a result."""
    name = _("{scan} true organs").format(scan=volumeNode.GetName())
    segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentationNode.CreateDefaultDisplayNodes()
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    importLabels(segmentationNode, volumeNode, labels, {organ.name: organ for organ in ORGANS})
    return segmentationNode
