"""A second run into the same result: voxels are replaced, what the user chose stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.core.report import OrganFacts
from FlareSegmentationLib.nodes.edits import editedOrgans, segmentId
from FlareSegmentationLib.nodes.results import newSegmentationNode, readReport, writeResult
from views import SlicerViews

LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS
SPLIT = (LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, SPLEEN, PANCREAS)


@pytest.fixture
def moved(labels):
    """The labels of a second run."""
    return np.roll(labels, 1, axis=0)


@pytest.fixture
def split(report):
    """The report of a run that tells the kidneys apart."""
    return replace(report, organs=[OrganFacts(organ.label, organ.name, 1, 1.0) for organ in SPLIT])


@pytest.fixture
def splitLabels(labels):
    labels = labels.copy()
    labels[:, :, 8:][labels[:, :, 8:] == KIDNEYS.label] = LEFT_KIDNEY.label
    return labels


def voxels(node, organ, scan):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(organ), scan) > 0


def names(node):
    segmentation = node.GetSegmentation()
    return [segmentation.GetSegment(segmentId_).GetName() for segmentId_ in segmentation.GetSegmentIDs()]


def delete(node, *organs):
    for organ in organs:
        node.GetSegmentation().RemoveSegment(segmentId(organ))


def drawOwn(node, scan, shape):
    """A segment of the user's in the corner of the scan; returns its id and its voxels."""
    own = node.GetSegmentation().AddEmptySegment("", "Lesion")
    drawn = np.zeros(shape, np.uint8)
    drawn[0, 0, 0] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, node, own, scan)
    return own, drawn > 0


class TestChoices:
    def test_what_the_user_chose_for_a_segment_stays(self, node, scan, moved, report):
        segment, display = node.GetSegmentation().GetSegment(segmentId(SPLEEN)), node.GetDisplayNode()
        segment.SetName("Spleen, enlarged")
        segment.SetColor(0.0, 1.0, 0.0)
        segment.SetTag("Status", "completed")
        display.SetSegmentVisibility(segmentId(LIVER), False)
        display.SetSegmentVisibility2DOutline(segmentId(SPLEEN), False)
        display.SetSegmentVisibility3D(segmentId(SPLEEN), False)
        display.SetSegmentOpacity2DFill(segmentId(SPLEEN), 0.25)
        display.SetSegmentOpacity3D(segmentId(SPLEEN), 0.5)
        display.SetOpacity2DOutline(0.75)
        display.SetVisibility3D(False)
        writeResult(node, scan, moved, report)
        assert np.array_equal(voxels(node, SPLEEN, scan), moved == SPLEEN.label)
        assert node.GetSegmentation().GetSegment(segmentId(SPLEEN)) is segment
        assert (segment.GetName(), segment.GetColor()) == ("Spleen, enlarged", (0.0, 1.0, 0.0))
        status = vtk.reference("")
        assert segment.GetTag("Status", status) and str(status) == "completed"
        assert not display.GetSegmentVisibility(segmentId(LIVER))
        assert display.GetSegmentVisibility(segmentId(SPLEEN))
        assert not display.GetSegmentVisibility2DOutline(segmentId(SPLEEN))
        assert not display.GetSegmentVisibility3D(segmentId(SPLEEN))
        assert display.GetSegmentOpacity2DFill(segmentId(SPLEEN)) == 0.25
        assert display.GetSegmentOpacity3D(segmentId(SPLEEN)) == 0.5
        assert (display.GetOpacity2DOutline(), display.GetVisibility3D()) == (0.75, 0)

    def test_order_that_the_user_chose_stays(self, node, scan, moved, report):
        node.GetSegmentation().SetSegmentIndex(segmentId(PANCREAS), 0)
        writeResult(node, scan, moved, report)
        assert names(node) == ["Pancreas", "Liver", "Kidneys", "Spleen"]

    def test_segment_that_the_user_drew_stays_bit_for_bit_in_its_place(self, node, scan, moved, report):
        own, drawn = drawOwn(node, scan, moved.shape)
        node.GetSegmentation().SetSegmentIndex(own, 1)
        for _run in range(2):
            writeResult(node, scan, moved, report)
        assert names(node) == ["Liver", "Lesion", "Kidneys", "Spleen", "Pancreas"]
        assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, own, scan) > 0, drawn)
        assert np.array_equal(voxels(node, LIVER, scan), moved == LIVER.label)

    def test_nothing_is_left_of_older_voxels_in_a_layer_that_others_stay_in(self, node, scan, moved, report):
        """The user's segment shares the layer of the organs, as Slicer adds it there; they leave it."""
        own, drawn = drawOwn(node, scan, moved.shape)
        node.GetSegmentation().CollapseBinaryLabelmaps(True)
        writeResult(node, scan, moved, report)
        layer = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, own)
        assert np.count_nonzero(layer) == np.count_nonzero(drawn) == 1
        assert node.GetSegmentation().GetNumberOfLayers() == 2


class TestKidneys:
    def test_new_segments_are_visible_and_what_the_user_hid_stays_hidden(self, node, scan, splitLabels, split):
        node.GetDisplayNode().SetSegmentVisibility(segmentId(SPLEEN), False)
        writeResult(node, scan, splitLabels, split)
        display, ids = node.GetDisplayNode(), node.GetSegmentation().GetSegmentIDs()
        assert {id_.partition(".")[2]: display.GetSegmentVisibility(id_) for id_ in ids} == {
            "Liver": True,
            "Right kidney": True,
            "Left kidney": True,
            "Spleen": False,
            "Pancreas": True,
        }

    def test_stand_side_by_side_in_the_place_of_the_one_segment(self, node, scan, splitLabels, split, labels, report):
        writeResult(node, scan, splitLabels, split)
        assert names(node) == ["Liver", "Right kidney", "Left kidney", "Spleen", "Pancreas"]
        writeResult(node, scan, labels, report)
        assert names(node) == ["Liver", "Kidneys", "Spleen", "Pancreas"]

    def test_left_one_stands_behind_the_right_one_wherever_the_user_put_that(self, node, scan, splitLabels, split):
        writeResult(node, scan, splitLabels, split)
        delete(node, LEFT_KIDNEY)
        node.GetSegmentation().SetSegmentIndex(segmentId(RIGHT_KIDNEY), 3)
        node.RemoveAttribute("FlareSegmentation.Report")  # a run that does not know that there was a left one
        writeResult(node, scan, splitLabels, split)
        assert names(node) == ["Liver", "Spleen", "Pancreas", "Right kidney", "Left kidney"]

    def test_have_different_shades(self, scan, splitLabels, split):
        node = newSegmentationNode(scan)
        writeResult(node, scan, splitLabels, split)
        right, left = (node.GetSegmentation().GetSegment(segmentId(o)).GetColor() for o in (RIGHT_KIDNEY, LEFT_KIDNEY))
        assert right == pytest.approx((40 / 255, 145 / 255, 170 / 255))
        assert left == pytest.approx((120 / 255, 235 / 255, 235 / 255))

    def test_both_kept_stand_for_the_one_segment(self, scan, splitLabels, split, labels, report):
        node = newSegmentationNode(scan)
        writeResult(node, scan, splitLabels, split)
        writeResult(node, scan, labels, report, [RIGHT_KIDNEY, LEFT_KIDNEY])
        assert names(node) == ["Liver", "Right kidney", "Left kidney", "Spleen", "Pancreas"]


class TestDeleted:
    def test_segment_stays_deleted_run_after_run(self, node, scan, moved, report):
        delete(node, PANCREAS)
        for _run in range(3):
            stored = writeResult(node, scan, moved, report)
            assert names(node) == ["Liver", "Kidneys", "Spleen"]
            assert [facts.name for facts in stored.organs] == ["Liver", "Kidneys", "Spleen"]
            assert readReport(node) == stored

    def test_report_says_so(self, node, scan, moved, report):
        report.warnings = ["Something else."]
        delete(node, LIVER, PANCREAS)
        assert writeResult(node, scan, moved, report).warnings == [
            "Something else.",
            "Not segmented again, because the segment was deleted: Liver, Pancreas. To get it back, make a new result.",
        ]

    def test_no_voxel_of_it_is_written(self, node, scan, labels, report):
        delete(node, PANCREAS)
        writeResult(node, scan, labels, report)
        layer = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, segmentId(LIVER))
        assert np.unique(layer).tolist() == [0, 1, 2, 3]

    def test_new_result_has_it_again(self, node, scan, moved, report):
        delete(node, PANCREAS)
        writeResult(node, scan, moved, report)
        other = newSegmentationNode(scan)
        stored = writeResult(other, scan, moved, report)
        assert names(other) == ["Liver", "Kidneys", "Spleen", "Pancreas"]
        assert stored.warnings == []

    def test_result_of_which_nothing_is_left_is_filled_anew(self, node, scan, moved, report):
        delete(node, *ORGANS)
        assert writeResult(node, scan, moved, report).warnings == []
        assert names(node) == ["Liver", "Kidneys", "Spleen", "Pancreas"]

    def test_kidneys_that_were_deleted_together_do_not_come_back_one_by_one(self, node, scan, splitLabels, split):
        delete(node, KIDNEYS)
        writeResult(node, scan, splitLabels, split)
        assert names(node) == ["Liver", "Spleen", "Pancreas"]

    def test_kidney_that_was_deleted_is_part_of_both_and_stays_deleted_as_one(
        self, scan, splitLabels, split, labels, report
    ):
        node = newSegmentationNode(scan)
        writeResult(node, scan, splitLabels, split)
        delete(node, LEFT_KIDNEY)
        writeResult(node, scan, labels, report)
        assert np.array_equal(voxels(node, KIDNEYS, scan), labels == KIDNEYS.label)
        writeResult(node, scan, splitLabels, split)
        assert names(node) == ["Liver", "Right kidney", "Spleen", "Pancreas"]

    def test_segment_that_was_deleted_and_brought_back_is_filled_again(self, node, scan, moved, report):
        segment = node.GetSegmentation().GetSegment(segmentId(PANCREAS))
        delete(node, PANCREAS)
        writeResult(node, scan, moved, report)
        node.GetSegmentation().AddSegment(segment, segmentId(PANCREAS))
        assert writeResult(node, scan, moved, report).warnings == []
        assert np.array_equal(voxels(node, PANCREAS, scan), moved == PANCREAS.label)

    def test_saved_scene_remembers_it(self, node, scan, moved, report, tmp_path):
        delete(node, PANCREAS)
        writeResult(node, scan, moved, report)
        path = str(tmp_path / "scene.mrml")
        slicer.mrmlScene.SetURL(path)
        slicer.mrmlScene.Commit(path)
        loaded = slicer.vtkMRMLScene()
        loaded.SetURL(path)
        loaded.Connect()
        found = loaded.GetFirstNodeByClass("vtkMRMLSegmentationNode")
        assert found.GetAttribute("FlareSegmentation.Deleted") == "Pancreas"


@pytest.fixture
def said() -> Iterator[vtk.vtkStringOutputWindow]:
    """VTK's warnings and errors as text."""
    before, window = vtk.vtkOutputWindow.GetInstance(), vtk.vtkStringOutputWindow()
    vtk.vtkOutputWindow.SetInstance(window)
    yield window
    vtk.vtkOutputWindow.SetInstance(before)


def hide(node, scan):
    node.GetDisplayNode().SetSegmentVisibility(segmentId(SPLEEN), False)


def showSurfaces(node, scan):
    node.CreateClosedSurfaceRepresentation()


def deletePancreas(node, scan):
    if node.GetSegmentation().GetSegment(segmentId(PANCREAS)):
        delete(node, PANCREAS)


def edit(node, scan):
    array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, segmentId(SPLEEN))
    array[0, 3, 0] = SPLEEN.label
    node.GetBinaryLabelmapInternalRepresentation(segmentId(SPLEEN)).Modified()


def nothing(node, scan):
    pass


@pytest.mark.parametrize("before", [nothing, hide, showSurfaces, deletePancreas, edit])
def test_slicer_has_nothing_to_warn_of_in_any_run(before, said, scan, labels, report, splitLabels, split):
    """With a slice view and a 3D view open, as in the application, where a segment without display properties shows."""
    views = SlicerViews(scan)
    node = newSegmentationNode(scan)
    for runLabels, runReport in ((labels, report), (labels, report), (splitLabels, split), (labels, report)):
        writeResult(node, scan, runLabels, runReport, editedOrgans(node))
        views.render()
        before(node, scan)
        views.render()
    assert [line for line in said.GetOutput().splitlines() if "egment" in line] == []  # others are of the computer


def test_open_views_show_the_new_labels_at_once(scan, labels, report, node):
    """The slice in the middle of the organs, before and after a run that finds nothing there."""
    views = SlicerViews(scan)
    coloured = views.render()[0]
    assert np.ptp(coloured.astype(int), axis=2).max() > 50
    writeResult(node, scan, np.where(np.arange(8)[:, None, None] < 2, labels, 0).astype(np.uint8), report)
    assert np.ptp(views.render()[0].astype(int), axis=2).max() == 0
