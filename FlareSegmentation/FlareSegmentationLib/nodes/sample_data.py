"""Sample data that needs no download: a synthetic abdominal CT and its true organs.

The Sample Data module calls the custom downloader of a data set when its button is clicked. Its own
``SampleData.downloadSample`` never does, so scripts call ``loadSyntheticCt`` instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import slicer
from flareseg.core.organs import ORGANS
from slicer.i18n import tr as _

from .segments import importLabels

if TYPE_CHECKING:
    import numpy as np
    from flareseg.phantom import Phantom

CATEGORY = "FlareSegmentation"
CT, CT_AND_ORGANS = "SyntheticAbdomen", "SyntheticAbdomenWithOrgans"
WINDOW_HU, LEVEL_HU = 400, 40  # the usual window for soft tissue of the abdomen
_THUMBNAIL = Path(__file__).resolve().parents[2] / "Resources" / "Icons" / "FlareSegmentation.png"


def registerSampleData() -> None:
    """Show both data sets in the Sample Data module. For slicer.app's "startupCompleted()"."""
    import SampleData  # type: ignore[import-not-found]

    for name, load in ((CT, loadSyntheticCt), (CT_AND_ORGANS, loadSyntheticCtAndOrgans)):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            uris="",  # a string, because a list or None means something else to SampleDataSource
            fileNames=f"{name}.nrrd",
            nodeNames=name,
            customDownloader=load,
            thumbnailFileName=str(_THUMBNAIL),
        )


def loadSyntheticCt(source: object = None, phantom: Phantom | None = None) -> slicer.vtkMRMLScalarVolumeNode:
    """Add the synthetic CT to the scene and show it in the slice views; takes seconds.

    Args:
        source: What the Sample Data module calls it with; not used.
        phantom: The synthetic patient. None: ``make_phantom()``.
    """
    return _addCt(phantom or _makePhantom())


def loadSyntheticCtAndOrgans(
    source: object = None, phantom: Phantom | None = None
) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLSegmentationNode]:
    """The same CT, and a segmentation node with the organs as they truly are."""
    phantom = phantom or _makePhantom()
    volumeNode = _addCt(phantom)
    return volumeNode, _addOrgans(phantom.labels, volumeNode)


def _makePhantom() -> Phantom:
    from flareseg.phantom import make_phantom

    with slicer.util.WaitCursor():
        return make_phantom()


def _addCt(phantom: Phantom) -> slicer.vtkMRMLScalarVolumeNode:
    volume = phantom.volume
    name = slicer.mrmlScene.GenerateUniqueName(_("Synthetic CT"))
    volumeNode = slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), name)
    display = volumeNode.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(WINDOW_HU, LEVEL_HU)
    slicer.util.setSliceViewerLayers(background=volumeNode, fit=True)
    return volumeNode


def _addOrgans(labels: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    """Under ids of their own: the panel must not take the ground truth for a result."""
    name = _("{scan} true organs").format(scan=volumeNode.GetName())
    segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentationNode.CreateDefaultDisplayNodes()
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    importLabels(segmentationNode, volumeNode, labels, {organ.name: organ for organ in ORGANS})
    return segmentationNode
