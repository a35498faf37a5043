"""After the run: correcting, moving the region, the report, failures and what helps."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import click, is_ready, run_once, segmentations, wait_until
from FlareSegmentationLib.nodes.results import readReport
from FlareSegmentationLib.nodes.roi import roiBounds
from FlareSegmentationLib.nodes.uncertainty import uncertaintyOf


@pytest.fixture
def done(ready_with):
    panel = ready_with("willing")
    run_once(panel)
    return panel


class TestEditing:
    def editor(self):
        return slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")

    def test_segment_editor_opens_on_result_scan_and_organ(self, done):
        done.ui.editButton.click()
        assert slicer.app.selectedModule == "SegmentEditor"
        assert self.editor().GetSegmentationNode() is done.ui.resultSelector.currentNode()
        assert self.editor().GetSourceVolumeNode() is done.ui.scanSelector.currentNode()
        assert self.editor().GetSelectedSegmentID() == "FlareSegmentation.Liver"

    def test_painting_one_organ_does_not_eat_another(self, done):
        done.ui.editButton.click()
        assert self.editor().GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedOutsideVisibleSegments
        assert self.editor().GetOverwriteMode() == slicer.vtkMRMLSegmentEditorNode.OverwriteNone

    def test_the_editors_one_parameter_node_is_used_again(self, done):
        done.ui.editButton.click()
        done.ui.editButton.click()
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentEditorNode") == 1


class TestRegion:
    def rois(self):
        return slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")

    def test_box_of_the_result_becomes_a_node_and_the_choice(self, done):
        done.ui.adjustRegionButton.click()
        (roi,) = self.rois()
        scan = done.ui.scanSelector.currentNode()
        assert np.allclose(roiBounds(roi, scan), readReport(done.ui.resultSelector.currentNode()).roi)
        assert done.ui.regionComboBox.currentText == "From the box"
        assert done.ui.roiSelector.currentNode() is roi
        assert roi.GetDisplayNode().GetHandlesInteractive()

    def test_next_run_is_inside_the_box_that_was_moved(self, done):
        done.ui.adjustRegionButton.click()
        (roi,) = self.rois()
        roi.SetCenter(5, 6, 7)
        report = readReport(run_once(done))
        assert report.roi_source == "caller"
        assert np.allclose(np.mean(np.reshape(report.roi, (3, 2)), axis=1), [5, 6, 7])

    def test_box_that_a_person_moved_is_not_put_back(self, done):
        done.ui.adjustRegionButton.click()
        run_once(done)
        (roi,) = self.rois()
        roi.SetCenter(1, 2, 3)
        done.ui.adjustRegionButton.click()
        assert np.allclose(roi.GetCenter(), [1, 2, 3])
        assert self.rois() == [roi]

    def test_box_lies_right_under_the_scans_transform(self, done):
        angle = np.radians(30)
        turned = np.eye(4)
        turned[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(turned))
        scan = done.ui.scanSelector.currentNode()
        scan.SetAndObserveTransformNodeID(transform.GetID())
        done.ui.adjustRegionButton.click()
        assert np.allclose(roiBounds(self.rois()[0], scan), [-60, 60, -50, 50, -40, 40])

    def test_box_that_confines_the_next_run_is_told_beside_the_button(self, done):
        assert done.ui.regionNoteLabel.isHidden()
        done.ui.adjustRegionButton.click()
        assert 'the box "Region to segment"' in done.ui.regionNoteLabel.text
        done.ui.regionComboBox.currentIndex = 0
        assert done.ui.regionNoteLabel.isHidden()

    def test_box_that_is_rotated_is_told_before_the_click_and_segmented(self, done):
        done.ui.adjustRegionButton.click()
        (roi,) = self.rois()
        turned = np.eye(4)
        turned[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
        roi.SetSize(40, 40, 40)
        roi.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(turned))
        wait_until(lambda: "57 x 57 x 40 mm" in done.ui.regionNoteLabel.text)
        assert np.allclose(readReport(run_once(done)).roi, [-28.28, 28.28, -28.28, 28.28, -20, 20], atol=0.01)

    def test_box_is_asked_for_when_none_is_chosen(self, done):
        done.ui.regionComboBox.currentIndex = 1
        click(done)
        assert "No box is chosen" in done.ui.failureLabel.text
        assert is_ready(done)

    def test_box_selector_is_there_only_when_it_matters(self, done):
        assert done.ui.roiSelector.isHidden()
        done.ui.regionComboBox.currentIndex = 1
        assert not done.ui.roiSelector.isHidden()

    def test_scan_without_an_abdomen_offers_a_box_in_its_middle(self, ready_with, phantom):
        panel = ready_with("lost")
        click(panel)
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureActionButton.text == "Choose a region"
        panel.ui.failureActionButton.click()
        (roi,) = self.rois()
        size_mm = np.array(phantom.volume.geometry.size_mm[::-1])
        assert np.allclose(roi.GetSize(), size_mm / 2)
        assert readReport(run_once(panel)).roi_source == "caller"


class TestReport:
    def test_copy_puts_it_on_the_clipboard(self, done):
        done.ui.copyReportButton.click()
        assert "Liver" in slicer.app.clipboard().text()

    def test_tables_are_kept_in_the_scene(self, done):
        done.ui.keepTableButton.click()
        organs, costs = slicer.util.getNodesByClass("vtkMRMLTableNode")
        assert organs.GetCellText(0, 0) == "Liver"
        assert "Segment organs" in [costs.GetCellText(row, 0) for row in range(costs.GetNumberOfRows())]


class TestRemedies:
    def test_full_gpu_offers_the_cpu_and_one_click_runs_there(self, ready_with):
        panel = ready_with("cpu_only")
        click(panel)
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.text == "The GPU memory ran out."
        assert panel.ui.failureActionButton.text == "Retry on CPU"
        panel.ui.failureActionButton.click()
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.isHidden()
        assert panel.ui.failureActionButton.isHidden()
        assert panel.ui.deviceComboBox.currentText == "CPU"
        assert len(segmentations()) == 1

    def test_missing_pytorch_extension_opens_the_extensions_manager(self, ready_with, monkeypatch):
        panel = ready_with("willing")
        opened = []
        monkeypatch.setattr(slicer.app, "openExtensionsManagerDialog", lambda: opened.append(True))
        monkeypatch.setattr(slicer.packaging, "pip_check", lambda requirements: False)
        click(panel)
        assert panel.ui.failureLabel.text.startswith("The PyTorch extension is not installed. Missing: torch>=2.4, ")
        assert panel.ui.failureActionButton.text == "Open the Extensions Manager"
        panel.ui.failureActionButton.click()
        assert opened == [True]

    def test_every_other_failure_can_be_retried_with_one_click(self, ready_with):
        panel = ready_with("crash_once")
        click(panel)
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureActionButton.isHidden()
        assert panel.ui.retryButton.text == "Try again"
        panel.ui.retryButton.click()
        assert panel.ui.retryButton.isHidden()
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.isHidden()
        assert len(segmentations()) == 1

    def test_the_failure_of_a_scan_goes_when_another_one_is_chosen(self, ready_with, add_scan):
        panel = ready_with("crash_once")
        click(panel)
        wait_until(lambda: is_ready(panel))
        panel.ui.scanSelector.setCurrentNode(add_scan("Other"))
        assert panel.ui.failureLabel.isHidden()
        assert panel.ui.retryButton.isHidden()

    def test_the_scan_that_failed_is_retried_when_another_one_was_chosen_meanwhile(self, ready_with, add_scan):
        panel = ready_with("crash_once")
        failed, other = panel.ui.scanSelector.currentNode(), add_scan("Other")
        click(panel)
        panel.ui.scanSelector.setCurrentNode(other)
        wait_until(lambda: is_ready(panel) and not panel.ui.retryButton.isHidden())
        panel.ui.retryButton.click()
        wait_until(lambda: is_ready(panel))
        assert [node.GetName() for node in segmentations()] == [f"{failed.GetName()} organs"]
        assert panel.ui.scanSelector.currentNode() is failed

    @pytest.mark.parametrize("function", ["cpu_only", "lost", "wrong_shape", "killed", "crash"])
    def test_a_retry_is_beside_what_helps(self, function, ready_with):
        panel = ready_with(function)
        click(panel)
        wait_until(lambda: is_ready(panel))
        assert not panel.ui.retryButton.isHidden()

    def test_scans_of_a_queue_that_failed_are_retried_and_no_others(self, ready_with, add_scan):
        panel = ready_with("willing")
        broken = add_scan("Broken")
        slicer.util.arrayFromVolume(broken)[0, 0, 0] = -1
        panel.ui.allScansCheckBox.click()
        panel.ui.queueButton.click()
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.text == "1 of 2 scans have no result. The list of scans says why."
        slicer.util.arrayFromVolume(broken)[0, 0, 0] = -1000
        panel.ui.retryButton.click()
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.isHidden()
        assert [node.GetName() for node in segmentations()] == ["Phantom organs", "Broken organs"]


class TestDoubt:
    @pytest.fixture
    def uncertain(self, ready_with):
        panel = ready_with("willing")
        panel.ui.uncertaintyCheckBox.checked = True
        run_once(panel)
        return panel

    def test_volume_is_there_only_when_asked_for(self, done):
        assert uncertaintyOf(done.ui.resultSelector.currentNode()) is None
        assert done.ui.showUncertaintyButton.isHidden()

    def test_volume_lies_on_the_scans_grid(self, uncertain):
        node = uncertaintyOf(uncertain.ui.resultSelector.currentNode())
        assert node.GetName() == "Phantom uncertainty"
        assert (slicer.util.arrayFromVolume(node) == 30).all()
        scan = uncertain.ui.scanSelector.currentNode()
        assert node.GetSpacing() == scan.GetSpacing()
        assert node.GetOrigin() == scan.GetOrigin()

    def test_second_run_fills_the_same_volume(self, uncertain):
        node = uncertaintyOf(uncertain.ui.resultSelector.currentNode())
        run_once(uncertain)
        assert uncertaintyOf(uncertain.ui.resultSelector.currentNode()) is node

    def test_button_lays_it_over_the_scan_and_takes_it_away(self, uncertain):
        view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        node = uncertaintyOf(uncertain.ui.resultSelector.currentNode())
        uncertain.ui.showUncertaintyButton.click()
        assert view.GetForegroundVolumeID() == node.GetID()
        assert view.GetForegroundOpacity() > 0
        uncertain.ui.showUncertaintyButton.click()
        assert view.GetForegroundVolumeID() is None

    def test_volume_is_offered_as_a_scan_nowhere(self, uncertain):
        scan = uncertain.ui.scanSelector.currentNode()
        assert uncertain.ui.scanSelector.nodeCount() == 1
        assert uncertain.ui.queueSection.isHidden()
        slicer.mrmlScene.RemoveNode(scan)
        assert uncertain.ui.scanSelector.currentNode() is None
        uncertain.exit()
        uncertain.enter()
        assert uncertain.ui.scanSelector.currentNode() is None

    def test_button_is_that_of_the_chosen_result(self, uncertain):
        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        node = uncertain.ui.resultSelector.currentNode()
        uncertain.ui.showUncertaintyButton.click()
        uncertain.ui.resultSelector.setCurrentNode(None)
        assert not uncertain.ui.showUncertaintyButton.checked
        assert composite.GetForegroundVolumeID() is None
        uncertain.ui.resultSelector.setCurrentNode(node)
        uncertain.ui.showUncertaintyButton.click()
        assert composite.GetForegroundVolumeID() == uncertaintyOf(node).GetID()
