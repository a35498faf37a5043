"""A scan under transforms: its organs, uncertainty and places lie on its own voxels, and hardening is not an edit."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from conftest import GRID
from flareseg.core.organs import ORGANS
from flareseg.core.report import UncertainPlace
from FlareSegmentationLib.nodes.edits import editedOrgans, segmentId
from FlareSegmentationLib.nodes.results import newSegmentationNode, organCentre, writeResult
from FlareSegmentationLib.nodes.uncertainty import uncertaintyOf, writeUncertainty
from FlareSegmentationLib.panel.organ_table import toWorld
from transforms import bent, bspline, nested, turned

LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS
EVERY = [turned, bent, bspline, nested]


def put(node, transform):
    node.SetAndObserveTransformNodeID(transform.GetID() if transform else None)


def ownVoxels(node, organ, shape):
    """The organ's voxels on the grid of its layer, whatever transform lies above."""
    segment = node.GetSegmentation().GetSegment(segmentId(organ))
    i0, i1, j0, j1, k0, k1 = segment.GetRepresentation("Binary labelmap").GetExtent()
    found = np.zeros(shape, bool)
    array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, segmentId(organ))
    found[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] = array == segment.GetLabelValue()
    return found


def grid(node, organ):
    matrix = vtk.vtkMatrix4x4()
    node.GetSegmentation().GetSegment(segmentId(organ)).GetRepresentation("Binary labelmap").GetImageToWorldMatrix(
        matrix
    )
    return slicer.util.arrayFromVTKMatrix(matrix)


def edit(node, organ, scan, voxel=(2, 14, 7)):
    """Returns the organ's voxels on the scan's grid afterwards."""
    drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(organ), scan)
    drawn[voxel] = 1 - drawn[voxel]
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, node, segmentId(organ), scan)
    return drawn > 0


def worldBounds(node, organ):
    """Of the centres of an organ's voxels."""
    mask = ownVoxels(node, organ, (40, 60, 60))
    points = [[*np.argwhere(mask)[n][::-1], 1] for n in range(np.count_nonzero(mask))]
    world = []
    for point in (np.array(points) @ grid(node, organ).T)[:, :3]:
        place = [0.0, 0.0, 0.0]
        node.TransformPointToWorld(point, place)
        world.append(place)
    return np.array([np.min(world, axis=0), np.max(world, axis=0)])


class TestUnderATransform:
    @pytest.mark.parametrize("transform", EVERY)
    def test_organs_lie_on_the_scans_own_voxels_in_every_run(self, transform, scan, labels, report):
        node = newSegmentationNode(scan)
        put(scan, transform())
        for _run in range(2):
            writeResult(node, scan, labels, report)
            assert node.GetParentTransformNode() is scan.GetParentTransformNode()
            for organ in ORGANS:
                assert np.allclose(grid(node, organ), GRID, atol=1e-6)
                assert np.array_equal(ownVoxels(node, organ, labels.shape), labels == organ.label), organ.name
            assert editedOrgans(node) == []

    @pytest.mark.parametrize("transform", EVERY)
    def test_edited_segment_is_kept_bit_for_bit(self, transform, scan, labels, report):
        put(scan, transform())
        node = newSegmentationNode(scan)
        writeResult(node, scan, labels, report)
        inFront = ownVoxels(node, SPLEEN, labels.shape)
        array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, segmentId(SPLEEN))
        array[2, 3, 2] = SPLEEN.label  # between two others, as the Segment Editor paints: on the layer's own grid
        assert editedOrgans(node) == [SPLEEN]
        before = ownVoxels(node, SPLEEN, labels.shape)
        assert np.count_nonzero(before ^ inFront) == 1
        writeResult(node, scan, np.full_like(labels, PANCREAS.label), report, [SPLEEN])
        assert np.array_equal(ownVoxels(node, SPLEEN, labels.shape), before)
        assert np.array_equal(ownVoxels(node, PANCREAS, labels.shape), ~before)

    @pytest.mark.parametrize("transform", EVERY)
    def test_uncertainty_lies_on_the_scan(self, transform, scan, labels, report):
        put(scan, transform())
        node = newSegmentationNode(scan)
        writeResult(node, scan, labels, report)
        for percent in (labels, labels * 2):
            writeUncertainty(node, scan, percent)
            volume = uncertaintyOf(node)
            matrix = vtk.vtkMatrix4x4()
            volume.GetIJKToRASMatrix(matrix)
            assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), GRID)
            assert np.array_equal(slicer.util.arrayFromVolume(volume), percent)
            assert volume.GetParentTransformNode() is scan.GetParentTransformNode()

    @pytest.mark.parametrize("transform", EVERY)
    def test_place_to_check_is_where_the_views_show_it(self, transform, scan, labels, report):
        """In the middle of the liver, as the engine gives it: in the scan's own RAS."""
        put(scan, transform())
        node = newSegmentationNode(scan)
        writeResult(node, scan, labels, report)
        k, j, i = np.argwhere(labels == LIVER.label).mean(axis=0)
        place = UncertainPlace(3, 3, [float(value) for value in (GRID @ [i, j, k, 1])[:3]])
        expected = [0.0, 0.0, 0.0]
        scan.TransformPointToWorld(place.ras, expected)
        assert np.linalg.norm(np.array(expected) - place.ras) > 1
        assert toWorld(node, place.ras) == pytest.approx(tuple(expected), abs=1e-3)
        assert organCentre(node, LIVER) == pytest.approx(tuple(expected), abs=3)

    def test_transform_that_is_taken_away_again_is_not_an_edit(self, node, scan, labels, report):
        put(scan, turned())
        writeResult(node, scan, labels, report)
        put(scan, None)
        assert editedOrgans(node) == []
        writeResult(node, scan, labels, report)
        assert node.GetParentTransformNode() is None


class TestHardened:
    @pytest.fixture
    def transformed(self, scan, labels, report):
        """Scan and result under one linear transform."""
        put(scan, turned())
        node = newSegmentationNode(scan)
        writeResult(node, scan, labels, report)
        return node

    def test_on_both_is_not_an_edit_and_everything_is_replaced(self, transformed, scan, labels, report):
        scan.HardenTransform()
        transformed.HardenTransform()
        assert editedOrgans(transformed) == []
        moved = np.roll(labels, 1, axis=0)
        stored = writeResult(transformed, scan, moved, report, editedOrgans(transformed))
        for organ in ORGANS:
            assert np.array_equal(ownVoxels(transformed, organ, labels.shape), moved == organ.label), organ.name
        assert [facts.warnings for facts in stored.organs] == [[], [], [], []]

    def test_on_both_with_an_edit_keeps_the_edit_only(self, transformed, scan, labels, report):
        before = edit(transformed, SPLEEN, scan)
        scan.HardenTransform()
        transformed.HardenTransform()
        assert editedOrgans(transformed) == [SPLEEN]
        writeResult(transformed, scan, np.full_like(labels, LIVER.label), report, [SPLEEN])
        assert np.array_equal(ownVoxels(transformed, SPLEEN, labels.shape), before)
        assert np.array_equal(ownVoxels(transformed, LIVER, labels.shape), ~before)

    @pytest.mark.parametrize("hardened", ["scan", "result"])
    def test_on_one_of_two_under_the_same_transform_is_not_an_edit(self, hardened, transformed, scan, labels, report):
        (scan if hardened == "scan" else transformed).HardenTransform()
        assert editedOrgans(transformed) == []
        writeResult(transformed, scan, labels, report)
        assert transformed.GetParentTransformNode() is scan.GetParentTransformNode()
        assert np.array_equal(ownVoxels(transformed, LIVER, labels.shape), labels == LIVER.label)

    @pytest.mark.parametrize("hardened", ["scan", "result"])
    def test_on_one_of_two_leaves_a_kept_segment_where_it_is_seen(self, hardened, transformed, scan, labels, report):
        edit(transformed, SPLEEN, scan)
        (scan if hardened == "scan" else transformed).HardenTransform()
        assert editedOrgans(transformed) == [SPLEEN]
        before = worldBounds(transformed, SPLEEN)
        writeResult(transformed, scan, labels, report, [SPLEEN])
        assert np.allclose(worldBounds(transformed, SPLEEN), before, atol=1e-3)
        assert editedOrgans(transformed) == [SPLEEN]

    def test_on_a_scan_that_was_moved_alone_is_not_an_edit(self, node, scan):
        put(scan, turned())
        assert editedOrgans(node) == []
        scan.HardenTransform()
        assert editedOrgans(node) == []

    def test_on_a_result_that_was_moved_alone_is_an_edit(self, node):
        """A person pushed the organs to another place of the scan."""
        put(node, turned())
        assert editedOrgans(node) == []
        node.HardenTransform()
        assert editedOrgans(node) == list(ORGANS)

    def test_kept_segment_goes_with_a_scan_that_was_moved_alone(self, node, scan, labels, report):
        before = edit(node, SPLEEN, scan)
        put(scan, turned())
        writeResult(node, scan, labels, report, [SPLEEN])
        assert np.array_equal(ownVoxels(node, SPLEEN, labels.shape), before)
        assert np.allclose(grid(node, SPLEEN), GRID, atol=1e-6)

    def test_fingerprint_of_an_earlier_version_is_understood(self, node):
        """It had the place in the world alone."""
        segment = node.GetSegmentation().GetSegment(segmentId(LIVER))
        value = vtk.reference("")
        segment.GetTag("FlareSegmentation.Fingerprint", value)
        segment.SetTag("FlareSegmentation.Fingerprint", " ".join(str(value).split()[:7]))
        assert editedOrgans(node) == []
        put(node, turned())
        node.HardenTransform()
        assert LIVER in editedOrgans(node)

    def test_scan_that_is_gone_makes_no_edit(self, node, scan):
        slicer.mrmlScene.RemoveNode(scan)
        assert editedOrgans(node) == []
