"""Detection of edited segments, by a fingerprint of the voxels that the engine wrote."""

from __future__ import annotations

import hashlib

import numpy as np
import slicer
import vtk
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY, Organ

POSSIBLE_ORGANS = (*ORGANS, RIGHT_KIDNEY, LEFT_KIDNEY)
_FINGERPRINT = "FlareSegmentation.Fingerprint"
_SAME_PLACE_MM = 0.01  # a corner that moved less was rounded by a file, not moved by a person


def segmentId(organ: Organ) -> str:
    """The segment that holds an organ; a segment that a person drew has another id, whatever its name."""
    return f"FlareSegmentation.{organ.name}"


def sign(segmentationNode: slicer.vtkMRMLSegmentationNode, organ: Organ) -> None:
    """Remember the segment as it is now; the memory is saved with the segmentation."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId(organ))
    segment.SetTag(_FINGERPRINT, _fingerprint(segment))


def editedOrgans(segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> list[Organ]:
    """Organs whose segment is not as the engine wrote it. A segment without a memory counts as edited."""
    if segmentationNode is None:
        return []
    segmentation = segmentationNode.GetSegmentation()
    found = [(organ, segmentation.GetSegment(segmentId(organ))) for organ in POSSIBLE_ORGANS]
    return [organ for organ, segment in found if segment is not None and _isEdited(segment)]


def _isEdited(segment: slicer.vtkSegment) -> bool:
    remembered = vtk.reference("")
    if not segment.GetTag(_FINGERPRINT, remembered):
        return True
    before, now = (text.split() for text in (str(remembered), _fingerprint(segment)))
    if before[0] != now[0] or len(before) != len(now):
        return True
    moved = np.array(before[1:], float) - np.array(now[1:], float)
    return bool((np.abs(moved) > _SAME_PLACE_MM).any())


def _fingerprint(segment: slicer.vtkSegment) -> str:
    """sha256 of the voxels in their bounding box, then its first and last voxel's centre (RAS, mm).

    Independent of layer, label value and margin, all of which Slicer changes on its own.
    """
    image = segment.GetRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName())
    mask, first = _cropped(image, segment.GetLabelValue())
    if not mask.size:
        return "empty"
    digest = hashlib.sha256(repr(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()
    return " ".join([digest, *(f"{value:.4f}" for value in _corners(image, mask.shape, first))])


def _cropped(image: slicer.vtkOrientedImageData | None, label: int) -> tuple[np.ndarray, list[int]]:
    """The segment's voxels in their bounding box (bool, (k, j, i)), and the box's first index in the image."""
    nothing = np.zeros((0, 0, 0), bool), [0, 0, 0]
    if image is None or image.GetNumberOfPoints() == 0:
        return nothing
    mask: np.ndarray = _voxels(image) == label
    first = []
    for axis in range(3):  # slices first: what is left is small by the time the strided axes are looked at
        occupied = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        if not occupied.size:
            return nothing
        first.append(int(occupied[0]))
        mask = mask[(slice(None),) * axis + (slice(occupied[0], occupied[-1] + 1),)]
    return mask, first


def _voxels(image: slicer.vtkOrientedImageData) -> np.ndarray:
    """View of the image's memory, (k, j, i)."""
    from vtk.util.numpy_support import vtk_to_numpy

    array: np.ndarray = vtk_to_numpy(image.GetPointData().GetScalars())
    return array.reshape(image.GetDimensions()[::-1])


def _corners(image: slicer.vtkOrientedImageData, shape: tuple[int, ...], first: list[int]) -> np.ndarray:
    """RAS in mm of the centres of the box's first and last voxel, one after the other."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    low = np.array(first[::-1]) + image.GetExtent()[::2]
    ends = np.array([low, low + shape[::-1] - np.array(1)])
    ras: np.ndarray = (np.c_[ends, [1, 1]] @ slicer.util.arrayFromVTKMatrix(matrix).T)[:, :3].ravel()
    return ras
