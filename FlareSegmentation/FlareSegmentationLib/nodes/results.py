"""Import of labels into a segmentation node: coded segments in one shared layer, with provenance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import slicer
from flareseg.core.boxes import box_around
from flareseg.core.errors import ScanError
from flareseg.core.organs import BACKGROUND, LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ, organs_shown
from flareseg.core.report import Report
from slicer.i18n import tr as _

from .edits import POSSIBLE_ORGANS, scanOf, segmentId, sign
from .kept import withDeleted, withKept
from .layers import ijkToRas, inBox, maskOnScan, newLayer, unitedBox
from .segments import fillSegments, followScan, removeOrgans
from .surfaces import SURFACE, buildSurfaces

_KIDNEYS = ORGANS[1]
_SIDES = (RIGHT_KIDNEY, LEFT_KIDNEY)
_ATTRIBUTE = "FlareSegmentation."
_REPORT = _ATTRIBUTE + "Report"
_DELETED = _ATTRIBUTE + "Deleted"  # names of organs whose segment a person deleted, separated by commas
_WAITED = _ATTRIBUTE + "SecondsWaited"


def newSegmentationNode(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    name = slicer.mrmlScene.GenerateUniqueName(_("{scan} organs").format(scan=volumeNode.GetName()))
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)


def writeResult(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    labels: np.ndarray,
    report: Report,
    kept: Sequence[Organ] = (),
) -> Report:
    """Fill the organs of the node with ``labels`` (uint8 (k, j, i) on the volume's grid).

    Only voxels are replaced: name, colour, visibility, opacity, tags and order of a segment stay as the user left
    them, and a segment that the user deleted is not made again. Segments of other origin and the segments of ``kept``
    organs stay as they are, bit for bit; where a kept one lies, no other organ is written. An organ that was not found
    is an empty segment. Surfaces that were shown are rebuilt afterwards (see ``surfaces``).

    Returns:
        The report with the facts of the kept and deleted segments, as it was stored on the node.

    Raises:
        ScanError: The labels have another size than the volume.
    """
    if labels.shape != slicer.util.arrayFromVolume(volumeNode).shape:
        raise ScanError(
            _("The result has another size than the scan, so it was not written."), _("Segment the scan again.")
        )
    segmentation = segmentationNode.GetSegmentation()
    deleted = _deletedOrgans(segmentationNode)
    left = [organ for organ in _organsOf(report) if _isCovered(organ, (*kept, *deleted))]
    written = [organ for organ in _organsOf(report) if organ not in left]
    with slicer.util.NodeModify(segmentationNode):
        surfacesShown = segmentation.ContainsRepresentation(SURFACE)
        segmentationNode.SetSourceRepresentationToBinaryLabelmap()
        segmentation.InvalidateNonSourceRepresentations()
        followScan(segmentationNode, volumeNode)
        parts = {organ: maskOnScan(segmentationNode, segmentId(organ), volumeNode) for organ in kept}
        box = unitedBox([box_around(labels), *(part for part, _mask in parts.values())])
        masks = {organ: inBox(box, *part) for organ, part in parts.items()}
        reduced = _reduced(labels[box], left, masks.values())
        fillSegments(segmentation, newLayer(reduced, box, ijkToRas(volumeNode)), {segmentId(o): o for o in written})
        removeOrgans(segmentation, [organ for organ in POSSIBLE_ORGANS if organ not in (*written, *kept)])
        report = withDeleted(withKept(report, written, masks, reduced, volumeNode, box), deleted)
        _writeProvenance(segmentationNode, report, deleted)
    for organ in written:
        sign(segmentationNode, organ)
    segmentationNode.CreateDefaultDisplayNodes()
    if surfacesShown:
        buildSurfaces(segmentationNode)
    return report


def readReport(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> Report | None:
    """The report of the run that filled the node; None for a node of other origin or version."""
    text = segmentationNode.GetAttribute(_REPORT) if segmentationNode else None
    if not text:
        return None
    try:
        return Report.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError):
        return None


def keepWaited(segmentationNode: slicer.vtkMRMLSegmentationNode, seconds: float) -> None:
    """Note on the node how long a person waited for the result, from the click to the segments."""
    segmentationNode.SetAttribute(_WAITED, f"{seconds:.3f}")


def waited(segmentationNode: slicer.vtkMRMLSegmentationNode) -> float | None:
    """In seconds; None for a result of which it is not known."""
    text = segmentationNode.GetAttribute(_WAITED)
    return float(text) if text else None


def resultOf(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSegmentationNode | None:
    """The segmentation that an earlier run made of this scan."""
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return next((node for node in nodes if readReport(node) and scanOf(node) is volumeNode), None)


def organNamed(name: str) -> Organ:
    """The organ of a row of a report."""
    return next(organ for organ in POSSIBLE_ORGANS if organ.name == name)


def organColour(segmentationNode: slicer.vtkMRMLSegmentationNode | None, organ: Organ) -> tuple[int, int, int]:
    """Return the colour (0..255) in which the node shows the organ; the organ's own colour while the node lacks it."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId(organ)) if segmentationNode else None
    if segment is None:
        return organ.colour
    red, green, blue = (round(255 * c) for c in segment.GetColor())
    return red, green, blue


def organCentre(segmentationNode: slicer.vtkMRMLSegmentationNode, organ: Organ) -> tuple[float, float, float] | None:
    """Return the centre of an organ, world RAS in mm; None for an organ that is not there."""
    centre = segmentationNode.GetSegmentCenterRAS(segmentId(organ))
    return tuple(centre) if centre else None


def _organsOf(report: Report) -> list[Organ]:
    """The organs of the label map that the report is about, in the order in which they are shown."""
    names = {found.name for found in report.organs}
    return [organ for organ in organs_shown(LEFT_KIDNEY.name in names) if organ.name in names]


def _isCovered(organ: Organ, others: Sequence[Organ]) -> bool:
    """Whether segments of others stand for this organ: one for both kidneys, or one for each of them."""
    if organ == _KIDNEYS and all(side in others for side in _SIDES):
        return True
    return organ in others or (organ in _SIDES and _KIDNEYS in others)


def _deletedOrgans(segmentationNode: slicer.vtkMRMLSegmentationNode) -> list[Organ]:
    """Organs of earlier runs whose segment is gone; none if all are, because such a result is as good as new."""
    report = readReport(segmentationNode)
    names = (segmentationNode.GetAttribute(_DELETED) or "").split(", ")
    names += [found.name for found in report.organs] if report else []
    segmentation = segmentationNode.GetSegmentation()
    gone = [organ for organ in POSSIBLE_ORGANS if segmentation.GetSegment(segmentId(organ)) is None]
    if len(gone) == len(POSSIBLE_ORGANS):
        return []
    return [organ for organ in gone if organ.name in names]


def _reduced(labels: np.ndarray, organs: Sequence[Organ], masks: Iterable[np.ndarray]) -> np.ndarray:
    """A copy of the labels with background for the voxels of ``organs`` and where a mask is."""
    reduced = labels.copy()
    for mask in [*(labels == organ.label for organ in organs), *masks]:
        np.copyto(reduced, BACKGROUND, where=mask)
    return reduced


def _writeProvenance(
    segmentationNode: slicer.vtkMRMLSegmentationNode, report: Report, deleted: Sequence[Organ]
) -> None:
    """Note where a result comes from: for people, and the whole report as JSON for the panel in a loaded scene."""
    values = {
        "Version": report.version,
        "Weights": ", ".join(f"{w.name} sha256 {w.sha256}" for w in report.weights),
        "Device": f"{report.device.name}, {report.device.dtype}",
        "Seconds": f"{report.total_seconds:.2f}",
        "Report": json.dumps(report.to_json()),
        "Deleted": ", ".join(organ.name for organ in deleted),
    }
    for name, value in values.items():
        segmentationNode.SetAttribute(_ATTRIBUTE + name, value)
