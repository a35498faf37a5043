"""Closed surfaces that are built in a thread: the same as Slicer's own, and never those of older voxels."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import slicer
from conftest import wait_until
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.results import newSegmentationNode, writeResult
from FlareSegmentationLib.nodes.surfaces import SURFACE, THREAD, buildSurfaces
from vtk.util.numpy_support import vtk_to_numpy

LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS


def surface(node, organ):
    return node.GetSegmentation().GetSegment(segmentId(organ)).GetRepresentation(SURFACE)


def hasSurfaces(node):
    return node.GetSegmentation().ContainsRepresentation(SURFACE)


def points(node, organ):
    return vtk_to_numpy(surface(node, organ).GetPoints().GetData())


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"Smoothing factor": "0", "Compute surface normals": "0"},
        {"Smoothing factor": "0.2", "Decimation factor": "0.4"},
        {"Smoothing factor": "0.33"},
        {"Smoothing factor": "1"},
        {"Joint smoothing": "1"},
    ],
    ids=lambda parameters: ", ".join(f"{name} {value}" for name, value in parameters.items()) or "as Slicer has them",
)
def test_surfaces_are_those_that_slicer_makes(parameters, node):
    segmentation = node.GetSegmentation()
    for name, value in parameters.items():
        segmentation.SetConversionParameter(name, value)
    assert node.CreateClosedSurfaceRepresentation()
    expected = {organ: points(node, organ).copy() for organ in ORGANS}
    normals = surface(node, LIVER).GetPointData().GetNormals() is not None
    node.RemoveClosedSurfaceRepresentation()
    buildSurfaces(node)
    wait_until(lambda: hasSurfaces(node))
    for organ in ORGANS:
        assert len(expected[organ]) > 50
        assert np.allclose(points(node, organ), expected[organ], atol=1e-3), organ.name
    assert (surface(node, LIVER).GetPointData().GetNormals() is not None) is normals


def test_surfaces_that_were_shown_come_back_after_the_labels_of_a_second_run(node, scan, labels, report):
    assert node.CreateClosedSurfaceRepresentation()
    moved = np.roll(labels, 1, axis=0)
    writeResult(node, scan, moved, report)
    assert not hasSurfaces(node)  # the labels are there, and Slicer handles its events before the surfaces are built
    wait_until(lambda: hasSurfaces(node))
    assert surface(node, LIVER).GetBounds()[4:] == pytest.approx((36.0, 51.0), abs=2)  # slices 2 to 7, 3 mm each


def test_surfaces_that_were_not_shown_are_not_built(node, scan, labels, report):
    writeResult(node, scan, labels, report)
    assert not hasSurfaces(node)


def test_organ_that_is_empty_has_an_empty_surface(node, scan, labels, report):
    labels[labels == PANCREAS.label] = 0
    writeResult(node, scan, labels, report)
    buildSurfaces(node)
    wait_until(lambda: hasSurfaces(node))
    assert surface(node, PANCREAS).GetNumberOfPoints() == 0
    assert surface(node, LIVER).GetNumberOfPoints() > 50


def test_caller_is_told_when_they_are_shown(node):
    shown = []
    buildSurfaces(node, lambda: shown.append(hasSurfaces(node)))
    buildSurfaces(node, lambda: shown.append(hasSurfaces(node)))  # while the first is underway
    assert shown == []
    wait_until(lambda: shown)
    assert shown == [True, True]
    buildSurfaces(node, lambda: shown.append(hasSurfaces(node)))
    assert shown == [True, True, True]


def test_segment_that_changes_while_surfaces_are_built_gets_the_surface_of_what_it_is_now(report):
    """Voxels at random have so much surface that the thread is still at work when they are replaced."""
    noise = np.random.default_rng(0).integers(0, 2, (40, 40, 40), np.uint8)
    scan = slicer.util.addVolumeFromArray(np.zeros(noise.shape, np.int16), name="CT")
    node = newSegmentationNode(scan)
    writeResult(node, scan, noise, report)
    buildSurfaces(node)
    wait_until(lambda: any(thread.name == THREAD for thread in threading.enumerate()))
    block = np.zeros_like(noise)
    block[10:20, 10:20, 10:20] = LIVER.label
    writeResult(node, scan, block, report)
    wait_until(lambda: hasSurfaces(node))
    assert surface(node, LIVER).GetBounds() == pytest.approx((9.5, 19.5) * 3, abs=1)


def test_result_that_is_deleted_while_its_surfaces_are_built_gets_none(node, scan, labels, report, scene):
    shown = []
    buildSurfaces(node, lambda: shown.append("deleted"))
    scene.RemoveNode(node)
    other = newSegmentationNode(scan)
    writeResult(other, scan, labels, report)
    buildSurfaces(other, lambda: shown.append("other"))  # begun later, with as much to do
    wait_until(lambda: shown)
    assert shown == ["other"]
    assert not hasSurfaces(node)
