"""Closed surfaces of all segments, built in a thread: Slicer's own conversion blocks the application for seconds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import qt
import slicer
import vtk

from ..background import Work
from .layers import BINARY_LABELMAP, cropped, imageOf, imageToRas, voxels

SURFACE = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
_RULE = slicer.vtkBinaryLabelmapToClosedSurfaceConversionRule
THREAD = "FlareSegmentation surfaces"
_LOOK_MS = 20
_SMOOTHING_ITERATIONS = 20  # this and the following as in Slicer's vtkBinaryLabelmapToClosedSurfaceConversionRule
_MORE_SMOOTHING_ITERATIONS = 40
_DECIMATION_FEATURE_ANGLE, _DECIMATION_MAXIMUM_ERROR = 60.0, 1.0


def buildSurfaces(segmentationNode: slicer.vtkMRMLSegmentationNode, onBuilt: Callable[[], None] | None = None) -> None:
    """Return at once; the surfaces appear together when they are built, with the node's conversion parameters.

    A node that has surfaces keeps them. Segments that change meanwhile are built anew.

    Args:
        segmentationNode: Its source is the binary labelmap.
        onBuilt: Called once the node has surfaces, now if it has them already; never if it is deleted before.
    """
    segmentation = segmentationNode.GetSegmentation()
    build = next((build for build in _underway if build.node is segmentationNode), None)
    if build is None and not segmentation.ContainsRepresentation(SURFACE):
        if _isSpecial(segmentation):
            segmentationNode.CreateClosedSurfaceRepresentation()
        else:
            build = _Build(segmentationNode)
            _underway.add(build)
    if onBuilt is not None:
        build.built.append(onBuilt) if build else onBuilt()


class _Build:
    """One thread at a time that updates VTK pipelines, which do not hold Python's lock while they run."""

    def __init__(self, segmentationNode: slicer.vtkMRMLSegmentationNode) -> None:
        self.node = segmentationNode
        self.built: list[Callable[[], None]] = []
        self._state: list[tuple[str, int, int]] | None = None
        self._work: Work[None] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(_LOOK_MS)
        self._timer.connect("timeout()", self._look)
        self._timer.start()  # slice views show the new labels before the first look

    def _begin(self) -> None:
        segmentation = self.node.GetSegmentation()
        ids = segmentation.GetSegmentIDs()
        self._state = _state(segmentation)
        self._pipelines = {id_: _pipeline(segmentation.GetSegment(id_), segmentation) for id_ in ids}
        self._work = Work(self._run, THREAD)

    def _run(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.Update()

    def _look(self) -> None:
        if self._work is not None and not self._work.isDone():
            return
        segmentation = self.node.GetSegmentation()
        isWanted = self.node.GetScene() is not None and not segmentation.ContainsRepresentation(SURFACE)
        if isWanted and _state(segmentation) != self._state:
            self._begin()
            return
        self._timer.stop()
        _underway.discard(self)
        if isWanted:
            _setSurfaces(self.node, {id_: pipeline.GetOutput() for id_, pipeline in self._pipelines.items()})
        if segmentation.ContainsRepresentation(SURFACE):  # built here, or by Slicer while this was underway
            for callback in self.built:
                callback()


_underway: set[_Build] = set()


def _isSpecial(segmentation: slicer.vtkSegmentation) -> bool:
    """Whether the user asked for a conversion that is left to Slicer: joint smoothing, or surface nets."""
    special = [_RULE.GetJointSmoothingParameterName()]
    if hasattr(_RULE, "GetConversionMethodParameterName"):  # not in every Slicer that the module runs in
        special.append(_RULE.GetConversionMethodParameterName())
    return any(_parameter(segmentation, name) for name in special)


def _parameter(segmentation: slicer.vtkSegmentation, name: str) -> float:
    return float(segmentation.GetConversionParameter(name) or 0)


def _state(segmentation: slicer.vtkSegmentation) -> list[tuple[str, int, int]]:
    """Equal as long as no segment came, went or changed its voxels."""
    segments = [(id_, segmentation.GetSegment(id_)) for id_ in segmentation.GetSegmentIDs()]
    return [
        (id_, segment.GetLabelValue(), segment.GetRepresentation(BINARY_LABELMAP).GetMTime())
        for id_, segment in segments
    ]


def _pipeline(segment: slicer.vtkSegment, segmentation: slicer.vtkSegmentation) -> vtk.vtkPolyDataAlgorithm:
    """The filters that turn a copy of the segment's voxels into its surface, in Slicer's order."""
    edges = vtk.vtkDiscreteFlyingEdges3D()
    edges.SetInputData(_paddedCopy(segment))
    edges.ComputeGradientsOff()
    edges.ComputeNormalsOff()
    edges.SetValue(0, 1)
    filters = [edges]
    decimation = _parameter(segmentation, _RULE.GetDecimationFactorParameterName())
    if decimation > 0:
        filters.append(_decimator(decimation))
    smoothing = _parameter(segmentation, _RULE.GetSmoothingFactorParameterName())
    if smoothing > 0:
        filters.append(_smoother(smoothing))
    filters.append(_toRas(imageToRas(imageOf(segment))))
    if _parameter(segmentation, _RULE.GetComputeSurfaceNormalsParameterName()):
        normals = vtk.vtkPolyDataNormals()
        normals.ConsistencyOn()
        normals.SplittingOff()
        filters.append(normals)
    for first, second in pairwise(filters):
        second.SetInputConnection(first.GetOutputPort())
    return filters[-1]


def _paddedCopy(segment: slicer.vtkSegment) -> vtk.vtkImageData:
    """The segment's voxels as 1 with a margin of one 0, on the indices of its layer."""
    mask, first = cropped(segment)
    image = vtk.vtkImageData()
    image.SetExtent([int(end) for low, n in zip(first, mask.shape[::-1]) for end in (low - 1, low + n)])
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    voxels(image)[:] = np.pad(mask, 1)
    return image


def _decimator(factor: float) -> vtk.vtkPolyDataAlgorithm:
    decimator = vtk.vtkDecimatePro()
    decimator.SetFeatureAngle(_DECIMATION_FEATURE_ANGLE)
    decimator.SplittingOff()
    decimator.PreserveTopologyOn()
    decimator.SetMaximumError(_DECIMATION_MAXIMUM_ERROR)
    decimator.SetTargetReduction(factor)
    return decimator


def _smoother(factor: float) -> vtk.vtkPolyDataAlgorithm:
    smoother = vtk.vtkWindowedSincPolyDataFilter()
    smoother.SetNumberOfIterations(int(_SMOOTHING_ITERATIONS + _MORE_SMOOTHING_ITERATIONS * factor))
    smoother.SetPassBand(10 ** (-4 * factor))
    smoother.BoundarySmoothingOff()
    smoother.FeatureEdgeSmoothingOff()
    smoother.NonManifoldSmoothingOn()
    smoother.NormalizeCoordinatesOn()
    return smoother


def _toRas(matrix: np.ndarray) -> vtk.vtkPolyDataAlgorithm:
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix.ravel())
    toRas = vtk.vtkTransformPolyDataFilter()
    toRas.SetTransform(transform)
    return toRas


def _setSurfaces(segmentationNode: slicer.vtkMRMLSegmentationNode, surfaces: dict[str, vtk.vtkPolyData]) -> None:
    """Set all surfaces before any event: views expect that segments have the same representations."""
    segmentation = segmentationNode.GetSegmentation()
    with slicer.util.NodeModify(segmentationNode):
        for id_, surface in surfaces.items():
            copy = vtk.vtkPolyData()
            copy.ShallowCopy(surface)
            segmentation.GetSegment(id_).AddRepresentation(SURFACE, copy)
            segmentation.InvokeEvent(slicer.vtkSegmentation.RepresentationModified, id_)
        segmentation.InvokeEvent(slicer.vtkSegmentation.ContainedRepresentationNamesModified)
