"""The organs of a segmentation node as they are now, corrections by hand included, as one label map with its facts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import slicer
from flareseg.core.boxes import Slices
from flareseg.core.errors import ScanError
from flareseg.core.report import OrganFacts, Report
from slicer.i18n import tr as _

from .edits import POSSIBLE_ORGANS, editedOrgans, segmentId
from .kept import measured
from .layers import maskOnScan


@dataclass(frozen=True)
class CorrectedResult:
    """The organs of a result.

    ``labels``: uint8 (k, j, i) on the scan's grid, with the labels of ``organs``, which count from 1. ``edited``: names
    of organs that a person has corrected. ``shared``: voxels that lay in two segments; the first of both has them.
    """

    labels: np.ndarray
    organs: list[OrganFacts]
    edited: list[str]
    shared: int


def correctedResult(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLScalarVolumeNode, report: Report
) -> CorrectedResult:
    """Volume and HU of an edited organ are measured again, and its confidence is left out.

    Raises ScanError when there is no organ, or when segmentation and scan lie under different transforms.
    """
    if segmentationNode.GetParentTransformNode() is not volumeNode.GetParentTransformNode():
        raise ScanError(
            _("The segmentation and its scan are under different transforms."),
            _("Put both under the same transform in the Data module."),
        )
    segmentation = segmentationNode.GetSegmentation()
    there = [organ for organ in POSSIBLE_ORGANS if segmentation.GetSegment(segmentId(organ)) is not None]
    labels = np.zeros(slicer.util.arrayFromVolume(volumeNode).shape, np.uint8)
    known = {facts.name: facts for facts in report.organs}
    edited, organs, shared = [organ.name for organ in editedOrgans(segmentationNode)], [], 0
    for label, organ in enumerate(there, start=1):
        box, mask = maskOnScan(segmentationNode, segmentId(organ), volumeNode)
        free = mask & (labels[box] == 0)
        labels[box][free] = label
        shared += int(np.count_nonzero(mask) - np.count_nonzero(free))
        facts = None if organ.name in edited else known.get(organ.name)
        if facts is not None and facts.voxels == np.count_nonzero(free):
            organs.append(replace(facts, label=label))
        else:
            organs.append(_measuredAgain(OrganFacts(label, organ.name, 0, 0.0), box, free, volumeNode))
    if not any(facts.voxels for facts in organs):
        raise ScanError(_("The segmentation has no organ of FlareSegmentation."), _("Segment the scan first."))
    return CorrectedResult(labels, organs, edited, shared)


def _measuredAgain(
    facts: OrganFacts, box: Slices, mask: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode
) -> OrganFacts:
    hu = slicer.util.arrayFromVolume(volumeNode)[box]
    return measured(facts, mask, hu, float(np.prod(volumeNode.GetSpacing())) / 1000)
