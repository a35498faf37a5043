"""The views show the chosen scan with its result and its box, and nothing of another scan."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from conftest import click, is_ready, is_running, run_once, segmentations, wait_until
from flareseg.core.organs import ORGANS
from FlareSegmentationLib import settings
from FlareSegmentationLib.nodes.results import newSegmentationNode, readReport, writeResult

FINE, ENDLESS = -100, -2  # first voxel; see workers/script.py


def add(name, shift=0.0, first=FINE):
    """A scan whose middle lies ``shift`` mm to the right, in front and above."""
    voxels = np.random.default_rng(0).integers(-1000, 200, (20, 30, 30)).astype(np.int16)
    voxels[0, 0, 0] = first
    ijkToRas = np.diag([4.0, 4.0, 4.0, 1.0])
    ijkToRas[:3, 3] = shift
    return slicer.util.addVolumeFromArray(voxels, ijkToRas, name)


def backgrounds():
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return [slicer.mrmlScene.GetNodeByID(view.GetBackgroundVolumeID() or "") for view in views]


def is_visible(node):
    return bool(node.GetDisplayNode().GetVisibility())


def visible():
    return [node.GetName() for node in segmentations() if is_visible(node)]


def choose(panel, scan):
    """In the selector; the panel has looked at its voxels when this returns."""
    panel.ui.scanSelector.setCurrentNode(scan)
    wait_until(lambda: panel.ui.applyButton.enabled)


def settle():
    """The result selector follows the scan selector a turn of the event loop later."""
    for _ in range(3):
        slicer.app.processEvents()


@pytest.fixture
def panel(scripted, layout, open_panel):
    scripted("willing")
    return open_panel()


@pytest.fixture
def two(panel, report):
    """Scans A and B, each with the result of an earlier run; B is chosen."""
    scans = [add("A"), add("B", 500.0)]
    labels = np.zeros((20, 30, 30), np.uint8)
    for organ in ORGANS:
        labels[5:15, 5 * organ.label : 5 * organ.label + 4, 5:25] = organ.label
    for scan in scans:
        writeResult(newSegmentationNode(scan), scan, labels, report)
        choose(panel, scan)
        settle()
    return scans


class TestChoosingAScan:
    def test_it_lies_in_every_slice_view(self, panel, two):
        first, second = two
        assert backgrounds() == [second] * 3
        choose(panel, first)
        assert backgrounds() == [first] * 3

    def test_its_result_is_visible_and_that_of_the_other_scan_is_not(self, panel, two):
        assert visible() == ["B organs"]
        choose(panel, two[0])
        assert visible() == ["A organs"]
        settle()
        assert panel.ui.resultSelector.currentNode().GetName() == "A organs"

    def test_its_result_is_chosen_also_after_a_scan_without_one(self, panel, two):
        third = add("C")
        choose(panel, third)
        settle()
        assert panel.ui.resultSelector.currentNode() is None
        assert visible() == []
        choose(panel, two[0])
        settle()
        assert panel.ui.resultSelector.currentNode().GetName() == "A organs"
        assert visible() == ["A organs"]

    def test_what_a_person_hid_stays_hidden(self, panel, two):
        first, second = two
        segmentations()[1].SetDisplayVisibility(False)
        choose(panel, first)
        choose(panel, second)
        settle()
        assert visible() == []

    def test_segments_that_a_person_hid_stay_hidden(self, panel, two):
        first, second = two
        display = segmentations()[1].GetDisplayNode()
        display.SetSegmentVisibility("FlareSegmentation.Liver", False)
        choose(panel, first)
        choose(panel, second)
        assert not display.GetSegmentVisibility("FlareSegmentation.Liver")
        assert display.GetSegmentVisibility("FlareSegmentation.Spleen")

    def test_a_persons_own_nodes_are_left_alone(self, panel, two):
        own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "own")
        own.SetReferenceImageGeometryParameterFromVolumeNode(two[1])
        own.CreateDefaultDisplayNodes()
        box = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        box.CreateDefaultDisplayNodes()
        choose(panel, two[0])
        assert is_visible(own)
        assert is_visible(box)

    def test_views_are_fitted_when_its_voxels_come_later(self, panel, layout):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "late")
        node.CreateDefaultDisplayNodes()
        node.SetOrigin(500, 500, 500)
        slicer.util.updateVolumeFromArray(
            node, np.random.default_rng(0).integers(-1000, 200, (20, 30, 30)).astype(np.int16)
        )
        wait_until(lambda: backgrounds() == [node] * 3)
        assert abs(layout.sliceWidget("Red").mrmlSliceNode().GetSliceToRAS().GetElement(0, 3) - 515) < 2

    def test_views_are_fitted_to_it_the_first_time_only(self, panel, layout):
        first, second = add("A"), add("B", 500.0)
        red = layout.sliceWidget("Red").mrmlSliceNode()
        choose(panel, second)
        assert abs(red.GetSliceToRAS().GetElement(0, 3) - 560) < 5
        red.SetFieldOfView(40, 30, 1)  # zoomed in by hand
        red.JumpSliceByCentering(530, 530, 510)
        choose(panel, first)
        assert abs(red.GetSliceToRAS().GetElement(0, 3) - 60) < 5
        assert red.GetFieldOfView()[1] > 100
        choose(panel, second)
        assert red.GetFieldOfView()[:2] == pytest.approx((40, 30))
        assert [red.GetSliceToRAS().GetElement(row, 3) for row in range(3)] == pytest.approx([530, 530, 510])

    def test_uncertainty_goes_and_comes_with_its_scan(self, panel, layout):
        first, second = add("A"), add("B")
        panel.ui.uncertaintyCheckBox.checked = True
        choose(panel, first)
        run_once(panel)
        panel.ui.showUncertaintyButton.click()
        red = layout.sliceWidget("Red").mrmlSliceCompositeNode()
        shown = red.GetForegroundVolumeID()
        choose(panel, second)
        settle()
        assert red.GetForegroundVolumeID() is None
        choose(panel, first)
        settle()
        assert red.GetForegroundVolumeID() == shown
        assert panel.ui.showUncertaintyButton.checked

    def test_entering_the_panel_changes_nothing(self, panel, two):
        first, _second = two
        panel.exit()
        slicer.util.setSliceViewerLayers(background=first)
        segmentations()[0].SetDisplayVisibility(True)
        panel.enter()
        settle()
        assert backgrounds() == [first] * 3
        assert visible() == ["A organs", "B organs"]

    def test_loading_a_scene_changes_nothing(self, panel, two):
        """Selectors choose the first node they see when their list is filled anew."""
        _first, second = two
        segmentations()[0].SetDisplayVisibility(True)
        for state in (slicer.mrmlScene.StartState, slicer.mrmlScene.EndState):
            state(slicer.vtkMRMLScene.ImportState)
        settle()
        assert panel.ui.scanSelector.currentNode() is second
        assert backgrounds() == [second] * 3
        assert visible() == ["A organs", "B organs"]

    def test_scan_that_is_added_while_another_module_is_shown_changes_nothing(self, panel, layout):
        panel.exit()
        add("A")
        wait_until(lambda: panel.ui.applyButton.enabled)
        assert backgrounds() == [None] * 3

    def test_panel_begins_with_the_scan_that_is_seen(self, scripted, layout, open_panel):
        scripted("willing")
        _first, second = add("A"), add("B")
        slicer.util.setSliceViewerLayers(background=second)
        panel = open_panel()
        assert panel.ui.scanSelector.currentNode() is second


class TestAFinishedRun:
    def test_it_shows_its_scan(self, panel, layout):
        first, second = add("A"), add("B")
        choose(panel, first)
        click(panel)
        choose(panel, second)
        wait_until(lambda: is_ready(panel))
        assert backgrounds() == [first] * 3
        assert visible() == ["A organs"]

    def test_it_shows_a_scan_that_was_chosen_but_not_seen(self, panel, layout):
        first, second = add("A"), add("B")
        choose(panel, first)
        slicer.util.setSliceViewerLayers(background=second)
        run_once(panel)
        assert backgrounds() == [first] * 3

    def test_row_of_the_queue_shows_its_scan_and_result(self, panel, layout):
        scans = [add("A"), add("B")]
        panel.ui.allScansCheckBox.click()
        panel.ui.queueButton.click()
        wait_until(lambda: is_ready(panel))
        assert backgrounds() == [scans[1]] * 3
        assert visible() == ["B organs"]
        panel.ui.queueTable.cellClicked.emit(0, 0)
        assert backgrounds() == [scans[0]] * 3
        assert visible() == ["A organs"]

    def test_queue_puts_no_organs_over_the_scan_that_is_seen_meanwhile(self, panel, layout):
        scans = [add("A"), add("B"), add("C", first=ENDLESS)]
        choose(panel, scans[2])
        panel.ui.allScansCheckBox.click()
        panel.ui.queueButton.click()
        wait_until(lambda: panel.ui.queueTable.item(1, 2).text() == "done" and is_running(panel))
        assert len(segmentations()) == 2
        assert backgrounds() == [scans[2]] * 3
        assert visible() == []
        click(panel)
        wait_until(lambda: is_ready(panel))


class TestSeveralResultsOfOneScan:
    def test_new_segmentation_hides_the_old_one(self, panel, two):
        panel.ui.resultSelector.setCurrentNode(None)
        run_once(panel)
        settle()
        assert visible() == ["B organs_1"]

    def test_result_that_is_chosen_takes_the_place_of_the_other(self, panel, two):
        panel.ui.resultSelector.setCurrentNode(None)
        run_once(panel)
        panel.ui.resultSelector.setCurrentNode(segmentations()[1])
        assert visible() == ["B organs"]

    def test_coming_back_to_the_scan_comes_back_to_the_one_that_was_visible(self, panel, two):
        panel.ui.resultSelector.setCurrentNode(None)
        newer = run_once(panel)
        settle()
        for scan in two:
            choose(panel, scan)
            settle()
        assert visible() == ["B organs_1"]
        assert panel.ui.resultSelector.currentNode() is newer


class TestTheBox:
    def box(self):
        (box,) = slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
        return box

    def test_it_is_hidden_while_the_region_is_automatic(self, panel, two):
        panel.ui.adjustRegionButton.click()
        assert is_visible(self.box())
        panel.ui.regionComboBox.currentIndex = 0
        assert not is_visible(self.box())
        panel.ui.regionComboBox.currentIndex = 1
        assert is_visible(self.box())

    def test_box_that_is_chosen_is_shown(self, panel, two):
        own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "own")
        own.CreateDefaultDisplayNodes()
        own.SetDisplayVisibility(False)
        panel.ui.regionComboBox.currentIndex = 1
        panel.ui.roiSelector.setCurrentNode(own)
        assert is_visible(own)

    def test_it_goes_and_comes_with_its_scan(self, panel, two):
        first, second = two
        panel.ui.adjustRegionButton.click()
        choose(panel, first)
        settle()
        assert not is_visible(self.box())
        assert panel.ui.regionComboBox.currentText == "Automatic"
        assert panel.ui.roiSelector.currentNode() is None
        choose(panel, second)
        settle()
        assert is_visible(self.box())
        assert panel.ui.regionComboBox.currentText == "From the box"
        assert panel.ui.roiSelector.currentNode() is self.box()


class TestTheFirstRun:
    """What a person would do next is done already, once."""

    def axial(self, layout):
        return layout.sliceWidget("Red").mrmlSliceNode().GetSliceOffset()

    def test_slice_views_go_to_the_middle_of_the_organs_once(self, panel, layout):
        choose(panel, add("A"))
        result = run_once(panel)
        low, high = readReport(result).roi[4:]
        assert self.axial(layout) == pytest.approx((low + high) / 2)
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 10, 20, 30)
        run_once(panel)
        panel.ui.resultSelector.setCurrentNode(None)
        run_once(panel)
        assert self.axial(layout) == pytest.approx(30)

    def test_they_go_where_the_scan_lies_under_its_transform(self, panel, layout):
        scan = add("A")
        moved = np.eye(4)
        moved[2, 3] = 100
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
        scan.SetAndObserveTransformNodeID(transform.GetID())
        choose(panel, scan)
        low, high = readReport(run_once(panel)).roi[4:]
        assert self.axial(layout) == pytest.approx(100 + (low + high) / 2)

    def test_they_stay_where_they_are_if_a_person_prefers_so(self, panel, layout):
        assert panel.ui.goToOrgansCheckBox.checked
        panel.ui.goToOrgansCheckBox.click()
        assert not settings.goToOrgans()
        choose(panel, add("A"))
        slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 10, 20, 30)
        run_once(panel)
        assert self.axial(layout) == pytest.approx(30)

    def test_window_and_level_become_those_for_the_abdomen(self, panel):
        scan = add("A")
        choose(panel, scan)
        assert scan.GetDisplayNode().GetAutoWindowLevel()
        run_once(panel)
        display = scan.GetDisplayNode()
        assert (display.GetWindow(), display.GetLevel()) == (350, 40)
        assert not display.GetAutoWindowLevel()

    def test_window_and_level_that_a_person_chose_stay(self, panel):
        scan = add("A")
        scan.GetDisplayNode().SetAutoWindowLevel(False)
        scan.GetDisplayNode().SetWindowLevel(1400, -500)
        choose(panel, scan)
        run_once(panel)
        assert (scan.GetDisplayNode().GetWindow(), scan.GetDisplayNode().GetLevel()) == (1400, -500)


def leave(panel):
    """Another module is shown."""
    panel.parent.isEntered = False
    panel.exit()


class TestWhileAnotherModuleIsShown:
    """The Segment Editor, for example: the views are the user's."""

    def test_a_run_that_ends_leaves_the_views_and_visible_results_alone(self, panel, two):
        first, second = two
        choose(panel, first)
        settle()
        click(panel)
        leave(panel)
        slicer.util.setSliceViewerLayers(background=second)
        segmentations()[1].SetDisplayVisibility(True)
        wait_until(lambda: is_ready(panel))
        settle()
        assert backgrounds() == [second] * 3
        assert visible() == ["B organs"]

    def test_its_result_is_shown_with_its_scan_later(self, panel, two):
        first, second = two
        choose(panel, first)
        settle()
        click(panel)
        leave(panel)
        slicer.util.setSliceViewerLayers(background=second)
        wait_until(lambda: is_ready(panel))
        panel.parent.isEntered = True
        panel.enter()
        choose(panel, second)
        choose(panel, first)
        settle()
        assert visible() == ["A organs"]


class TestShow3D:
    def test_3d_view_is_centred_on_the_organs_the_first_time(self, panel, layout):
        choose(panel, add("B", 500.0))
        run_once(panel)
        view = layout.threeDWidget(0).threeDView()
        panel.ui.show3DButton.click()
        assert view.focalPoint() == pytest.approx((560, 560, 540), abs=60)
        view.lookAt(0, 0, 0)
        panel.ui.show3DButton.click()
        panel.ui.show3DButton.click()
        assert view.focalPoint() == (0, 0, 0)

    def test_it_is_centred_too_when_surfaces_are_shown_after_the_run(self, panel, layout):
        panel.ui.show3DCheckBox.checked = True
        choose(panel, add("B", 500.0))
        run_once(panel)
        view = layout.threeDWidget(0).threeDView()
        wait_until(lambda: view.focalPoint() != (0.0, 0.0, 0.0))  # surfaces are built in a thread
        assert view.focalPoint() == pytest.approx((560, 560, 540), abs=60)

    def test_cursor_is_busy_while_surfaces_are_made_and_no_longer(self, panel, two):
        cursors = []
        segmentations()[1].GetSegmentation().AddObserver(
            slicer.vtkSegmentation.ContainedRepresentationNamesModified,
            lambda *_: cursors.append(qt.QApplication.overrideCursor().shape()),
        )
        panel.ui.show3DButton.click()
        assert cursors[0] == qt.Qt.WaitCursor
        assert qt.QApplication.overrideCursor() is None

    def test_cursor_is_as_before_when_the_button_is_left_with_the_mouse_down(self, panel, two):
        button = panel.ui.show3DButton
        button.setDown(True)
        button.pressed.emit()
        button.released.emit()
        assert qt.QApplication.overrideCursor() is None
