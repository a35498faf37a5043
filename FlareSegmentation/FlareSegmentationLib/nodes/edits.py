"""Detection of edited segments, by a fingerprint of the voxels that the engine wrote."""

from __future__ import annotations

import hashlib

import numpy as np
import slicer
import vtk
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ

from .layers import cropped, ijkToRas, imageOf, imageToRas

_LIVER, _KIDNEYS, _SPLEEN, _PANCREAS = ORGANS
POSSIBLE_ORGANS = (_LIVER, _KIDNEYS, RIGHT_KIDNEY, LEFT_KIDNEY, _SPLEEN, _PANCREAS)
"""In the order in which they are shown."""
_FINGERPRINT = "FlareSegmentation.Fingerprint"
_SAME_PLACE_MM = 0.01  # a corner that moved less was rounded by a file, not moved by a person


def segmentId(organ: Organ) -> str:
    """The segment that holds an organ; a segment that a person drew has another id, whatever its name."""
    return f"FlareSegmentation.{organ.name}"


def scanOf(segmentationNode: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The scan that a result was made of, while it is in the scene."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    return segmentationNode.GetNodeReference(role)


def sign(segmentationNode: slicer.vtkMRMLSegmentationNode, organ: Organ) -> None:
    """Remember the segment as it is now; the memory is saved with the segmentation."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId(organ))
    digest, corners = _fingerprint(segment)
    numbers = [*corners.ravel(), *_onScan(segmentationNode, corners).ravel()]
    segment.SetTag(_FINGERPRINT, " ".join([digest, *(f"{value:.4f}" for value in numbers)]))


def editedOrgans(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> list[Organ]:
    """Organs whose segment is not as the engine wrote it. A segment without a memory counts as edited.

    A transform is not an edit, neither on the scan, nor on the segmentation, nor hardened on both of them; only
    hardened on the segmentation alone, so that it lies elsewhere in the scan, it is one.
    """
    if segmentationNode is None:
        return []
    segmentation = segmentationNode.GetSegmentation()
    found = [(organ, segmentation.GetSegment(segmentId(organ))) for organ in POSSIBLE_ORGANS]
    return [organ for organ, segment in found if segment is not None and _isEdited(segmentationNode, segment)]


def _isEdited(segmentationNode: slicer.vtkMRMLSegmentationNode, segment: slicer.vtkSegment) -> bool:
    remembered = vtk.reference("")
    if not segment.GetTag(_FINGERPRINT, remembered):
        return True
    before, *numbers = str(remembered).split()
    digest, corners = _fingerprint(segment)
    if digest != before:
        return True
    places = np.array(numbers, float).reshape(-1, *corners.shape) if len(corners) else corners[None]
    return not _isSame(places[:1], corners) and not _isSame(places[1:], _onScan(segmentationNode, corners))


def _isSame(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether the points (1, n, 3) are those remembered; an old fingerprint has none on the scan."""
    return before.shape == (1, *now.shape) and bool((np.abs(before - now) <= _SAME_PLACE_MM).all())


def _fingerprint(segment: slicer.vtkSegment) -> tuple[str, np.ndarray]:
    """sha256 of the voxels in their bounding box, and its first and last voxel's centre: RAS in mm, (2, 3).

    Independent of layer, label value and margin, all of which Slicer changes on its own.
    """
    mask, first = cropped(segment)
    if not mask.size:
        return "empty", np.zeros((0, 3))
    digest = hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()
    ends = np.array([first, first + mask.shape[::-1] - np.array(1)])
    return digest, (np.c_[ends, [1, 1]] @ imageToRas(imageOf(segment)).T)[:, :3]


def _onScan(segmentationNode: slicer.vtkMRMLSegmentationNode, points: np.ndarray) -> np.ndarray:
    """Points of the segmentation, RAS in mm, as distances along the axes of the scan from its first voxel, in mm.

    Both nodes' transforms count, so that what moved together with the scan has not moved.
    """
    scan = scanOf(segmentationNode)
    if scan is None:
        return points[:0]
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
        segmentationNode.GetParentTransformNode(), scan.GetParentTransformNode(), transform
    )
    moved = [[*transform.TransformPoint(point), 1] for point in points]
    indices = (np.reshape(moved, (-1, 4)) @ np.linalg.inv(ijkToRas(scan)).T)[:, :3]
    return indices * scan.GetSpacing()
