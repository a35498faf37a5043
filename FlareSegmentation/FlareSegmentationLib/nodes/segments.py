"""Segments of organs: filled with voxels all at once, added in their order, removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import slicer
import vtk
from flareseg.core.boxes import box_around
from flareseg.core.organs import Organ

from .edits import POSSIBLE_ORGANS, segmentId
from .layers import BINARY_LABELMAP, clear, ijkToRas, imageOf, imageToRas, newLayer

Left = list[tuple[slicer.vtkOrientedImageData | None, int]]
"""Layers that segments have left, with their label values there."""


def importLabels(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    labels: np.ndarray,
    organs: Mapping[str, Organ],
) -> None:
    """Put each organ of ``labels`` (uint8 (k, j, i) on the volume's grid) into the segment of the id given."""
    box = box_around(labels)
    fillSegments(segmentationNode.GetSegmentation(), newLayer(labels[box], box, ijkToRas(volumeNode)), organs)


def fillSegments(
    segmentation: slicer.vtkSegmentation, layer: slicer.vtkOrientedImageData, organs: Mapping[str, Organ]
) -> None:
    """Make ``layer``, which holds the labels of the organs, the shared layer of their segments.

    A segment that is missing is added; one that is there keeps everything but its voxels. Slicer's own import of a
    label map removes and adds segments, whose display properties are lost with them.
    """
    left: Left = []
    for segmentId_, organ in organs.items():
        segment = segmentation.GetSegment(segmentId_)
        if segment is None:
            _addSegment(segmentation, segmentId_, organ, layer)
        else:
            left.append((imageOf(segment), segment.GetLabelValue()))
            segment.SetLabelValue(organ.label)
            segment.AddRepresentation(BINARY_LABELMAP, layer)
    _clearLayers(segmentation, left)
    layer.Modified()  # after all of its segments are in it: views that show them look now


def removeOrgans(segmentation: slicer.vtkSegmentation, organs: Iterable[Organ]) -> None:
    """Remove the segments of those organs that are there."""
    left: Left = []
    for segmentId_ in map(segmentId, organs):
        segment = segmentation.GetSegment(segmentId_)
        if segment is not None:
            left.append((imageOf(segment), segment.GetLabelValue()))
            segment.RemoveAllRepresentations()  # else RemoveSegment clears its voxels by itself, 50 ms a segment
            segmentation.RemoveSegment(segmentId_)
    _clearLayers(segmentation, left)


def followScan(segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Take over the scan's parent transform, and its grid as reference.

    Segments on the scan's grid move with it. Where a transform was hardened on the scan or on the segmentation alone,
    they lie on another grid, and keep their place in the world.
    """
    segmentation = segmentationNode.GetSegmentation()
    own, parent = segmentationNode.GetParentTransformNode(), volumeNode.GetParentTransformNode()
    if own is not parent and segmentation.GetNumberOfSegments() and not _hasGridOf(segmentation, volumeNode):
        transform = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(own, parent, transform)
        segmentationNode.ApplyTransform(transform)
    segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)


def _addSegment(
    segmentation: slicer.vtkSegmentation, segmentId_: str, organ: Organ, layer: slicer.vtkOrientedImageData
) -> None:
    """Add a segment behind the nearest organ that comes before it in the order of the organs, else at the end."""
    segment = slicer.vtkSegment()
    segment.SetName(organ.name)
    segment.SetColor([c / 255 for c in organ.colour])
    segment.SetTag(segment.GetTerminologyEntryTagName(), organ.terminology_entry)
    segment.SetLabelValue(organ.label)
    segment.AddRepresentation(BINARY_LABELMAP, layer)
    ids = list(segmentation.GetSegmentIDs())
    earlier = map(segmentId, POSSIBLE_ORGANS[POSSIBLE_ORGANS.index(organ) - 1 :: -1])
    behind = next((ids.index(other) + 1 for other in earlier if other in ids), len(ids))
    segmentation.AddSegment(segment, segmentId_, ids[behind] if behind < len(ids) else "")


def _clearLayers(segmentation: slicer.vtkSegmentation, left: Left) -> None:
    """Clear what segments left behind in layers that others are still in."""
    used = {imageOf(segmentation.GetSegment(segmentId_)) for segmentId_ in segmentation.GetSegmentIDs()}
    for image in used & {image for image, _value in left}:
        if image is not None and image.GetNumberOfPoints():
            clear(image, [value for other, value in left if other is image])


def _hasGridOf(segmentation: slicer.vtkSegmentation, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether the reference geometry is the volume's own grid, before any parent transform."""
    converter, image = slicer.vtkSegmentationConverter, slicer.vtkOrientedImageData()
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    isKnown = converter.DeserializeImageGeometry(text, image, False)
    return bool(isKnown) and np.allclose(imageToRas(image), ijkToRas(volumeNode), atol=1e-3)
