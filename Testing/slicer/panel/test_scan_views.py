"""The views show the chosen scan with its result and its box, and nothing of another scan."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import run_once, segmentations, wait_until
from scan_scenes import add, backgrounds, choose, is_visible, settle, two_with_results, visible


@pytest.fixture
def panel(scripted, layout, open_panel):
    scripted("willing")
    return open_panel()


@pytest.fixture
def two(panel, report):
    return two_with_results(panel, report)


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
