"""Segments that a person edited, through real segmentation nodes: found, and never lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.core.report import OrganFacts, Report
from FlareSegmentationLib.choices import EditedSegments
from FlareSegmentationLib.nodes.edits import editedOrgans, segmentId
from FlareSegmentationLib.nodes.results import newSegmentationNode, readReport, writeResult
from FlareSegmentationLib.panel.editor import openEditor
from vtk.util.numpy_support import vtk_to_numpy

LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS


def voxels(segmentation, organ, volume):
    return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId(organ), volume) > 0


@pytest.fixture
def edited(node, scan):
    """The spleen grows into the pancreas and loses a corner; returns its voxels."""
    drawn = voxels(node, SPLEEN, scan)
    drawn[2:5, 14:18, 6:9] = True
    drawn[1, 12, 5] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn.astype(np.uint8), node, segmentId(SPLEEN), scan)
    return drawn


def test_result_as_written_is_not_edited(node):
    assert editedOrgans(node) == []


def test_changed_segment_is_edited_and_its_neighbours_are_not(node, edited):
    assert editedOrgans(node) == [SPLEEN]


def test_one_voxel_is_an_edit(node, scan):
    drawn = voxels(node, LIVER, scan)
    drawn[3, 5, 8] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn.astype(np.uint8), node, segmentId(LIVER), scan)
    assert editedOrgans(node) == [LIVER]


def test_moved_segment_is_edited(node, scan):
    moved = np.roll(voxels(node, LIVER, scan), 1, axis=2)
    slicer.util.updateSegmentBinaryLabelmapFromArray(moved.astype(np.uint8), node, segmentId(LIVER), scan)
    assert editedOrgans(node) == [LIVER]


@pytest.mark.parametrize(("mm", "edited"), [(0.005, []), (-0.005, []), (0.02, list(ORGANS)), (-0.02, list(ORGANS))])
def test_move_of_more_than_a_hundredth_of_a_millimetre_is_an_edit(node, mm, edited):
    """Less is how a file rounds a position."""
    image = node.GetBinaryLabelmapInternalRepresentation(segmentId(LIVER))  # all four share it
    r, a, s = image.GetOrigin()
    image.SetOrigin(r, a, s + mm)
    assert editedOrgans(node) == edited


def test_name_colour_and_visibility_are_not_an_edit(node):
    segment = node.GetSegmentation().GetSegment(segmentId(LIVER))
    segment.SetName("Liver of today")
    segment.SetColor(0, 1, 0)
    node.GetDisplayNode().SetSegmentVisibility(segmentId(LIVER), False)
    assert editedOrgans(node) == []


def test_layers_that_slicer_rearranges_are_not_an_edit(node):
    node.GetSegmentation().SeparateSegmentLabelmap(segmentId(LIVER))
    assert editedOrgans(node) == []
    node.GetSegmentation().CollapseBinaryLabelmaps(True)
    assert editedOrgans(node) == []


def test_segment_without_a_memory_counts_as_edited(node):
    node.GetSegmentation().GetSegment(segmentId(LIVER)).RemoveTag("FlareSegmentation.Fingerprint")
    assert editedOrgans(node) == [LIVER]


def test_saving_and_loading_is_not_an_edit_but_an_edit_stays_one(node, edited, tmp_path):
    storage = slicer.vtkMRMLSegmentationStorageNode()
    slicer.mrmlScene.AddNode(storage)
    storage.SetFileName(str(tmp_path / "organs.seg.nrrd"))
    assert storage.WriteData(node)
    loaded = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert storage.ReadData(loaded)
    assert editedOrgans(loaded) == [SPLEEN]


class TestSecondRun:
    def test_kept_segment_stays_bit_for_bit_although_new_labels_overlap_it(self, node, scan, labels, report, edited):
        writeResult(node, scan, np.full_like(labels, PANCREAS.label), report, [SPLEEN])
        assert np.array_equal(voxels(node, SPLEEN, scan), edited)
        assert np.array_equal(voxels(node, PANCREAS, scan), ~edited)

    def test_kept_segment_stays_edited_and_the_others_are_new(self, node, scan, labels, report, edited):
        for _ in range(3):
            writeResult(node, scan, labels, report, editedOrgans(node))
        assert editedOrgans(node) == [SPLEEN]
        assert np.array_equal(voxels(node, SPLEEN, scan), edited)
        assert np.array_equal(voxels(node, LIVER, scan), labels == LIVER.label)

    def test_replaced_segment_is_the_engines_again(self, node, scan, labels, report, edited):
        writeResult(node, scan, labels, report)
        assert editedOrgans(node) == []
        assert np.array_equal(voxels(node, SPLEEN, scan), labels == SPLEEN.label)

    def test_erased_segment_stays_erased(self, node, scan, labels, report):
        nothing = np.zeros(labels.shape, np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(nothing, node, segmentId(LIVER), scan)
        assert editedOrgans(node) == [LIVER]
        writeResult(node, scan, labels, report, [LIVER])
        assert not voxels(node, LIVER, scan).any()
        assert np.array_equal(voxels(node, KIDNEYS, scan), labels == KIDNEYS.label)

    def test_all_segments_edited_and_kept(self, node, scan, labels, report):
        writeResult(node, scan, np.zeros_like(labels), report, list(ORGANS))
        for organ in ORGANS:
            assert np.array_equal(voxels(node, organ, scan), labels == organ.label)

    def test_report_tells_the_kept_segments_own_volume(self, node, scan, labels, report, edited):
        slicer.util.arrayFromVolume(scan)[:] = 120
        stored = writeResult(node, scan, labels, report, [SPLEEN])
        spleen = stored.organs[2]
        assert (spleen.name, spleen.voxels, spleen.mean_hu) == ("Spleen", edited.sum(), 120)
        assert spleen.volume_ml == pytest.approx(edited.sum() * 9 / 1000)
        assert spleen.warnings == ["edited by hand, kept"]
        assert readReport(node) == stored


def test_mask_of_the_editor_protects_the_neighbours_but_not_the_selected_segment(node, scan, labels):
    openEditor(node, scan, SPLEEN)
    editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    mask, selected = slicer.vtkOrientedImageData(), editor.GetSelectedSegmentID()
    geometry = node.GetBinaryLabelmapInternalRepresentation(selected)
    assert node.GenerateEditMask(mask, editor.GetMaskMode(), geometry, selected)
    i0, i1, j0, j1, k0, k1 = mask.GetExtent()
    layer = labels[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1]
    forbidden = vtk_to_numpy(mask.GetPointData().GetScalars()).reshape(layer.shape) > 0
    assert np.array_equal(forbidden, (layer > 0) & (layer != SPLEEN.label))
    assert np.count_nonzero(layer) == np.count_nonzero(labels)


class TestTwoKidneys:
    @pytest.fixture
    def split(self, report) -> Report:
        organs = (LIVER, RIGHT_KIDNEY, SPLEEN, PANCREAS, LEFT_KIDNEY)
        return replace(report, organs=[OrganFacts(o.label, o.name, 1, 1.0) for o in organs])

    @pytest.fixture
    def splitLabels(self, labels):
        labels = labels.copy()
        labels[:, :, 8:][labels[:, :, 8:] == KIDNEYS.label] = LEFT_KIDNEY.label
        return labels

    def test_become_two_segments(self, scan, splitLabels, split):
        node = newSegmentationNode(scan)
        writeResult(node, scan, splitLabels, split)
        assert np.array_equal(voxels(node, RIGHT_KIDNEY, scan), splitLabels == RIGHT_KIDNEY.label)
        assert np.array_equal(voxels(node, LEFT_KIDNEY, scan), splitLabels == LEFT_KIDNEY.label)

    def test_are_looked_at_one_by_one(self, scan, splitLabels, split):
        node = newSegmentationNode(scan)
        writeResult(node, scan, splitLabels, split)
        assert editedOrgans(node) == []
        drawn = voxels(node, LEFT_KIDNEY, scan)
        drawn[0, 0, 0] = True
        slicer.util.updateSegmentBinaryLabelmapFromArray(drawn.astype(np.uint8), node, segmentId(LEFT_KIDNEY), scan)
        assert editedOrgans(node) == [LEFT_KIDNEY]

    def test_replace_the_one_segment_of_an_earlier_run(self, node, scan, splitLabels, split):
        writeResult(node, scan, splitLabels, split)
        assert node.GetSegmentation().GetSegment(segmentId(KIDNEYS)) is None
        assert node.GetSegmentation().GetNumberOfSegments() == 5

    def test_do_not_double_an_edited_one(self, node, scan, splitLabels, split):
        stored = writeResult(node, scan, splitLabels, split, [KIDNEYS])
        assert [found.name for found in stored.organs] == ["Liver", "Kidneys", "Spleen", "Pancreas"]
        assert node.GetSegmentation().GetSegment(segmentId(LEFT_KIDNEY)) is None


def test_unknown_choice_is_refused():
    with pytest.raises(Exception, match="cannot be treated as 'burn'"):
        EditedSegments.of("burn")
