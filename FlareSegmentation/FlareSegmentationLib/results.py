"""Labels into a segmentation node: four coded segments in one shared layer, with their provenance."""

from __future__ import annotations

import json

import numpy as np
import slicer
import vtk
from flareseg.organs import ORGANS, Organ
from flareseg.report import Report
from slicer.i18n import tr as _

_ATTRIBUTE = "FlareSegmentation."
_REPORT = _ATTRIBUTE + "Report"


def segmentId(organ: Organ) -> str:
    """The segment that holds an organ; a segment that a person drew has another id, whatever its name."""
    return f"FlareSegmentation.{organ.name}"


def newSegmentationNode(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSegmentationNode:
    name = slicer.mrmlScene.GenerateUniqueName(_("{scan} organs").format(scan=volumeNode.GetName()))
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)


def writeResult(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    labels: np.ndarray,
    report: Report,
) -> None:
    """Replace the organs of the node by ``labels`` (uint8 (k, j, i) on the volume's grid).

    Segments of other origin stay. An organ that was not found stays as an empty segment.
    """
    segmentation = segmentationNode.GetSegmentation()
    with slicer.util.NodeModify(segmentationNode):
        surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        surfaceShown = segmentation.ContainsRepresentation(surface)
        segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        _importLabels(segmentationNode, _labelNode(labels, volumeNode))
        if surfaceShown:  # importing labels drops derived representations
            segmentation.CreateRepresentation(surface)
        _writeProvenance(segmentationNode, report)
    segmentationNode.CreateDefaultDisplayNodes()


def readReport(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> Report | None:
    """The report of the run that filled the node; None for a node of other origin or version."""
    text = segmentationNode.GetAttribute(_REPORT) if segmentationNode else None
    if not text:
        return None
    try:
        return Report.from_json(json.loads(text))
    except (ValueError, KeyError, TypeError):
        return None


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


def _importLabels(
    segmentationNode: slicer.vtkMRMLSegmentationNode, labelNode: slicer.vtkMRMLLabelMapVolumeNode
) -> None:
    """All organs at once: one shared layer, and no time lost (organ by organ takes seconds)."""
    segmentation = segmentationNode.GetSegmentation()
    ids = vtk.vtkStringArray()
    for organ in ORGANS:  # the k-th id takes label k + 1, which is the order of ORGANS
        if segmentation.GetSegment(segmentId(organ)):
            segmentation.RemoveSegment(segmentId(organ))
        colour = [c / 255 for c in organ.colour]
        ids.InsertNextValue(segmentation.AddEmptySegment(segmentId(organ), organ.name, colour))
        segment = segmentation.GetSegment(segmentId(organ))
        segment.SetTag(segment.GetTerminologyEntryTagName(), organ.terminology_entry)
    logic = slicer.modules.segmentations.logic()
    if not logic.ImportLabelmapToSegmentationNode(labelNode, segmentationNode, ids):
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
