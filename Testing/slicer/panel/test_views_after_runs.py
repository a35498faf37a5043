"""What the views show when a run has ended, here and while another module is shown."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from conftest import click, is_ready, is_running, run_once, segmentations, wait_until
from FlareSegmentationLib import settings
from FlareSegmentationLib.nodes.results import readReport
from scan_scenes import ENDLESS, add, backgrounds, choose, settle, two_with_results, visible


def leave(panel):
    """Another module is shown."""
    panel.parent.isEntered = False
    panel.exit()


@pytest.fixture
def panel(scripted, layout, open_panel):
    scripted("willing")
    return open_panel()


@pytest.fixture
def two(panel, report):
    return two_with_results(panel, report)


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
