"""The voxels of segments: images in Slicer's binary labelmap representation, as numpy arrays on the grid of a scan."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import slicer
import vtk
from flareseg.core.boxes import Slices, box_around

BINARY_LABELMAP = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
WHOLE: Slices = (slice(None), slice(None), slice(None))
EMPTY: Slices = (slice(0, 0), slice(0, 0), slice(0, 0))


def unitedBox(boxes: Iterable[Slices]) -> Slices:
    """The smallest box around several; an empty one if all are empty."""
    found = [box for box in boxes if box != EMPTY]
    if not found:
        return EMPTY
    k, j, i = (slice(min(part.start for part in axis), max(part.stop for part in axis)) for axis in zip(*found))
    return (k, j, i)


def inBox(box: Slices, part: Slices, mask: np.ndarray) -> np.ndarray:
    """``mask``, which fills ``part`` of a grid, as it lies in the larger ``box`` of that grid: bool (k, j, i)."""
    whole = np.zeros([outer.stop - outer.start for outer in box], bool)
    if mask.size:
        whole[tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(part, box))] = mask
    return whole


def imageOf(segment: slicer.vtkSegment) -> slicer.vtkOrientedImageData | None:
    """The layer that holds the segment, which it may share with others."""
    return segment.GetRepresentation(BINARY_LABELMAP)


def voxels(image: slicer.vtkOrientedImageData) -> np.ndarray:
    """View of the image's memory, (k, j, i)."""
    from vtk.util.numpy_support import vtk_to_numpy

    array: np.ndarray = vtk_to_numpy(image.GetPointData().GetScalars())
    return array.reshape(image.GetDimensions()[::-1])


def cropped(segment: slicer.vtkSegment) -> tuple[np.ndarray, np.ndarray]:
    """The segment's voxels in their bounding box (bool, (k, j, i)), and the box's first (i, j, k) in the layer."""
    image = imageOf(segment)
    if image is None or image.GetNumberOfPoints() == 0:
        return np.zeros((0, 0, 0), bool), np.zeros(3, int)
    mask = voxels(image) == segment.GetLabelValue()
    box = box_around(mask)
    return mask[box], np.array([part.start for part in box[::-1]]) + image.GetExtent()[::2]


def newLayer(labels: np.ndarray, box: Slices, ijkToRas: np.ndarray) -> slicer.vtkOrientedImageData:
    """An image of ``labels`` (uint8), which fill ``box`` of the grid that the 4 x 4 matrix describes."""
    image = slicer.vtkOrientedImageData()
    image.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijkToRas))
    image.SetExtent([end for part in box[::-1] for end in (part.start, part.stop - 1)])
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    voxels(image)[:] = labels
    return image


def clear(image: slicer.vtkOrientedImageData, values: Iterable[int]) -> None:
    """Give the voxels of segments that left this layer to the background."""
    array = voxels(image)
    for value in values:
        np.copyto(array, 0, where=array == value)
    image.GetPointData().GetScalars().Modified()
    image.Modified()


def maskOnScan(
    segmentationNode: slicer.vtkMRMLSegmentationNode, segmentId: str, volumeNode: slicer.vtkMRMLScalarVolumeNode
) -> tuple[Slices, np.ndarray]:
    """The segment's voxels on the volume's grid: their bounding box, and bool (k, j, i) in it.

    Both nodes have the same parent transform. Voxels outside the volume are left out; the box is empty if all are.
    """
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    mask, first = cropped(segment)
    if not mask.size:
        return EMPTY, mask
    toScan = np.linalg.inv(ijkToRas(volumeNode)) @ imageToRas(imageOf(segment))
    shift = np.round(toScan[:3, 3])
    if not np.allclose(toScan - np.eye(4), np.pad(shift[:, None], ((0, 1), (3, 0))), atol=1e-3):  # another grid
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, volumeNode) > 0
        box = box_around(mask)
        return box, mask[box]
    low = (first + shift.astype(int))[::-1]
    start, stop = np.maximum(low, 0), np.minimum(low + mask.shape, slicer.util.arrayFromVolume(volumeNode).shape)
    if (start >= stop).any():
        return EMPTY, mask[EMPTY]
    k, j, i = map(slice, start.tolist(), stop.tolist())
    return (k, j, i), mask[tuple(map(slice, start - low, stop - low))]


def ijkToRas(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray:
    """Voxel indices to the node's own RAS in mm, before any parent transform: 4 x 4."""
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    array: np.ndarray = slicer.util.arrayFromVTKMatrix(matrix)
    return array


def imageToRas(image: slicer.vtkOrientedImageData) -> np.ndarray:
    """Indices within the image's extent to the segmentation's own RAS in mm: 4 x 4."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    array: np.ndarray = slicer.util.arrayFromVTKMatrix(matrix)
    return array
