"""Labels into a segmentation node: four coded segments in one shared layer, with their provenance."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import slicer
import vtk
from flareseg.core.organs import BACKGROUND, LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ, organs_shown
from flareseg.core.report import Report
from slicer.i18n import tr as _

from .edits import POSSIBLE_ORGANS, segmentId, sign
from .kept import withKept

_KIDNEYS = ORGANS[1]
_ATTRIBUTE = "FlareSegmentation."
_REPORT = _ATTRIBUTE + "Report"
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
    """Replace the organs of the node by ``labels`` (uint8 (k, j, i) on the volume's grid).

    Segments of other origin and the segments of ``kept`` organs stay as they are, bit for bit; where a
    kept one lies, no other organ is written. An organ that was not found stays as an empty segment.
    Returns the report with the facts of the kept segments, as it was stored on the node.
    """
    segmentation = segmentationNode.GetSegmentation()
    shown = _shownOf(segmentationNode)
    with slicer.util.NodeModify(segmentationNode):
        surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        surfaceShown = segmentation.ContainsRepresentation(surface)
        segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        masks = {organ: _maskOf(segmentationNode, organ, volumeNode) for organ in kept}
        written = [organ for organ in _organsOf(report) if not _isCovered(organ, kept)]
        _removeOrgans(segmentationNode, kept)
        compact = _compacted(labels, written, masks)
        segmentationNode.SetAndObserveTransformNodeID(None)  # the import would bring the labels into its frame
        importLabels(segmentationNode, volumeNode, compact, {segmentId(organ): organ for organ in written})
        segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        if surfaceShown:  # importing labels drops derived representations
            segmentation.CreateRepresentation(surface)
        report = withKept(report, written, masks, compact, volumeNode)
        _writeProvenance(segmentationNode, report)
    for organ in written:
        sign(segmentationNode, organ)
    segmentationNode.CreateDefaultDisplayNodes()
    for organ in written:  # a segment that is added to an existing display node may come out invisible
        segmentationNode.GetDisplayNode().SetSegmentVisibility(segmentId(organ), shown.get(segmentId(organ), True))
    return report


def _shownOf(segmentationNode: slicer.vtkMRMLSegmentationNode) -> dict[str, bool]:
    """Whether each segment is visible; empty before the node is displayed."""
    display = segmentationNode.GetDisplayNode()
    ids = segmentationNode.GetSegmentation().GetSegmentIDs() if display else ()
    return {segmentId_: bool(display.GetSegmentVisibility(segmentId_)) for segmentId_ in ids}


def showSurfaces(segmentationNode: slicer.vtkMRMLSegmentationNode) -> None:
    """Show the organs in the 3D views."""
    segmentationNode.CreateClosedSurfaceRepresentation()


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


def scanOf(segmentationNode: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The scan that a result was made of, while it is in the scene."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return segmentationNode.GetNodeReference(role)


def organNamed(name: str) -> Organ:
    """The organ of a row of a report."""
    return next(organ for organ in POSSIBLE_ORGANS if organ.name == name)


def organColour(segmentationNode: slicer.vtkMRMLSegmentationNode | None, organ: Organ) -> tuple[int, int, int]:
    """0..255, as the node shows the organ; the organ's own colour while the node lacks it."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId(organ)) if segmentationNode else None
    if segment is None:
        return organ.colour
    red, green, blue = (round(255 * c) for c in segment.GetColor())
    return red, green, blue


def organCentre(segmentationNode: slicer.vtkMRMLSegmentationNode, organ: Organ) -> tuple[float, float, float] | None:
    """World RAS in mm; None for an organ that is not there."""
    centre = segmentationNode.GetSegmentCenterRAS(segmentId(organ))
    return tuple(centre) if centre else None


def _labelNode(labels: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLLabelMapVolumeNode:
    """Outside the scene, so that nothing flashes up in views and selectors."""
    labelNode = slicer.vtkMRMLLabelMapVolumeNode()
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    labelNode.SetIJKToRASMatrix(matrix)
    slicer.util.updateVolumeFromArray(labelNode, labels)
    return labelNode


def _organsOf(report: Report) -> list[Organ]:
    """The organs of the label map that the report is about, in the order of their labels."""
    names = {found.name for found in report.organs}
    return [organ for organ in organs_shown(LEFT_KIDNEY.name in names) if organ.name in names]


def _isCovered(organ: Organ, kept: Sequence[Organ]) -> bool:
    """Whether a kept segment stands for this organ; one for both kidneys stands for each of them."""
    return organ in kept or (organ in (LEFT_KIDNEY, RIGHT_KIDNEY) and _KIDNEYS in kept)


def _maskOf(
    segmentationNode: slicer.vtkMRMLSegmentationNode, organ: Organ, volumeNode: slicer.vtkMRMLScalarVolumeNode
) -> np.ndarray:
    """Voxels of a segment on the volume's grid: bool (k, j, i)."""
    array: np.ndarray = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId(organ), volumeNode)
    return array > 0


def _removeOrgans(segmentationNode: slicer.vtkMRMLSegmentationNode, kept: Sequence[Organ]) -> None:
    """Make room for the new organs; each kept one gets a layer that no import touches."""
    segmentation = segmentationNode.GetSegmentation()
    for organ in kept:
        segmentation.SeparateSegmentLabelmap(segmentId(organ))
    ids = [segmentId(organ) for organ in POSSIBLE_ORGANS if organ not in kept]
    removed = [segmentId_ for segmentId_ in ids if segmentation.GetSegment(segmentId_)]
    layerIsTheirs = segmentation.GetNumberOfSegments() == len(removed) + len(kept)
    for segmentId_ in removed:
        if layerIsTheirs:  # else their voxels must be cleared from it, which takes 50 ms a segment
            segmentation.GetSegment(segmentId_).RemoveAllRepresentations()
        segmentation.RemoveSegment(segmentId_)


def _compacted(labels: np.ndarray, written: Sequence[Organ], masks: dict[Organ, np.ndarray]) -> np.ndarray:
    """Labels 1, 2, ... for the written organs in their order, nothing else, and nothing where a mask is."""
    if not masks and [organ.label for organ in written] == list(range(1, len(written) + 1)):
        return labels
    table = np.zeros(256, np.uint8)
    table[[organ.label for organ in written]] = range(1, len(written) + 1)
    compact: np.ndarray = table[labels]
    for mask in masks.values():
        compact[mask] = BACKGROUND
    return compact


def importLabels(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    labels: np.ndarray,
    organs: dict[str, Organ],
) -> None:
    """Add a segment for each organ under the ids given; the k-th takes label k + 1 of ``labels`` (uint8 (k, j, i)).

    All at once: one shared layer, and no time lost (organ by organ takes seconds).
    """
    segmentation = segmentationNode.GetSegmentation()
    ids = vtk.vtkStringArray()
    for segmentId_, organ in organs.items():
        ids.InsertNextValue(segmentation.AddEmptySegment(segmentId_, organ.name, [c / 255 for c in organ.colour]))
        segment = segmentation.GetSegment(segmentId_)
        segment.SetTag(segment.GetTerminologyEntryTagName(), organ.terminology_entry)
    logic = slicer.modules.segmentations.logic()
    if organs and not logic.ImportLabelmapToSegmentationNode(_labelNode(labels, volumeNode), segmentationNode, ids):
        raise RuntimeError("ImportLabelmapToSegmentationNode refused the labels")


def _writeProvenance(segmentationNode: slicer.vtkMRMLSegmentationNode, report: Report) -> None:
    """For people in the node's attributes, and whole, as JSON, for the panel when a scene is loaded."""
    values = {
        "Version": report.version,
        "Weights": ", ".join(f"{w.name} sha256 {w.sha256}" for w in report.weights),
        "Device": f"{report.device.name}, {report.device.dtype}",
        "Seconds": f"{report.total_seconds:.2f}",
        "Report": json.dumps(report.to_json()),
    }
    for name, value in values.items():
        segmentationNode.SetAttribute(_ATTRIBUTE + name, value)
