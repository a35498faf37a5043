"""The panel, driven as a person drives it: before a run, during one that succeeds, and what the scene keeps of it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import qt
import slicer
import vtk
from conftest import click, is_ready, is_running, segmentations, wait_until
from flareseg.core.organs import ORGANS
from flareseg.worker.events import StageProgress
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.results import readReport, scanOf


class TestBeforeTheClick:
    def test_empty_scene_asks_for_a_scan_and_offers_nothing(self, open_panel):
        panel = open_panel()
        assert "Load an abdominal CT" in panel.ui.scanFactsLabel.text
        assert not panel.ui.applyButton.enabled
        assert panel.ui.organsSection.isHidden()
        assert panel.ui.timingSection.isHidden()
        assert panel.ui.progressBar.isHidden()
        assert panel.ui.failureLabel.isHidden()

    def test_scan_of_the_scene_is_chosen_and_described(self, open_panel, add_scan):
        scan = add_scan()
        panel = open_panel()
        assert panel.ui.scanSelector.currentNode() is scan
        assert panel.ui.scanFactsLabel.text == "128 x 128 x 80 · 3 x 3 x 4 mm"
        wait_until(lambda: panel.ui.applyButton.enabled)

    def test_scan_cannot_be_segmented_before_its_voxels_were_looked_at(self, ready, add_scan):
        ready.ui.scanSelector.setCurrentNode(add_scan("other"))
        assert not ready.ui.applyButton.enabled
        wait_until(lambda: ready.ui.applyButton.enabled)

    def test_scan_that_gets_its_voxels_later_is_described_then(self, open_panel, phantom):
        panel = open_panel()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        assert "no voxels" in panel.ui.warningLabel.text
        slicer.util.updateVolumeFromArray(node, phantom.volume.voxels)
        wait_until(lambda: panel.ui.applyButton.enabled)
        assert panel.ui.warningLabel.isHidden()

    def test_label_map_is_not_offered(self, open_panel):
        slicer.util.addVolumeFromArray(np.zeros((5, 6, 7), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
        assert open_panel().ui.scanSelector.nodeCount() == 0

    def test_transform_is_warned_of_as_soon_as_it_is_there(self, ready):
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        ready.ui.scanSelector.currentNode().SetAndObserveTransformNodeID(transform.GetID())
        wait_until(lambda: "transform" in ready.ui.warningLabel.text)
        assert ready.ui.applyButton.enabled

    def test_scan_that_is_not_a_ct_cannot_be_segmented_and_says_why(self, open_panel):
        slicer.util.addVolumeFromArray(np.arange(40**3, dtype=np.int32).reshape(40, 40, 40) % 1000)
        panel = open_panel()
        wait_until(lambda: "not Hounsfield units" in panel.ui.warningLabel.text)
        assert not panel.ui.applyButton.enabled

    def test_device_is_chosen_by_name(self, ready):
        box = ready.ui.deviceComboBox
        assert [box.itemText(index) for index in range(box.count)] == ["Automatic", "GPU", "CPU"]

    def test_every_action_has_an_icon(self, open_panel):
        ui = open_panel().ui
        names = ("edit", "adjustRegion", "showUncertainty", "copyReport", "keepTable")
        buttons = [getattr(ui, f"{name}Button") for name in names]
        assert [button.name for button in buttons if button.icon.isNull()] == []

    def test_every_control_has_a_tooltip(self, open_panel):
        ui = open_panel().ui
        kinds = (qt.QPushButton, qt.QComboBox, qt.QTableWidget, slicer.qMRMLNodeComboBox, qt.QPlainTextEdit)
        kinds += (qt.QCheckBox, qt.QSpinBox, qt.QProgressBar, slicer.qMRMLSegmentationShow3DButton)
        controls = [widget for widget in vars(ui).values() if type(widget) in kinds]
        assert len(controls) >= 25
        assert [widget.name for widget in controls if not widget.toolTip] == []


class TestARun:
    @pytest.fixture
    def done(self, engine, ready):
        ready.ui.deviceComboBox.currentIndex = 2
        click(ready)
        wait_until(lambda: is_ready(ready))
        return ready

    def test_click_turns_the_button_into_cancel_and_shows_progress(self, ready_with):
        panel = ready_with("obedient")
        click(panel)
        assert panel.ui.applyButton.text == "Cancel"
        assert not panel.ui.progressBar.isHidden()
        wait_until(lambda: is_running(panel))
        assert panel.ui.progressLabel.text.startswith("Segment organs · ")
        assert 0 < panel.ui.progressBar.value < 100

    def test_the_bar_never_runs_backwards(self, ready):
        """The CPU begins again where the memory of a GPU has run out."""
        progress, bar = ready.panel.progress, ready.ui.progressBar
        progress.start()
        shown = []
        for stage, fraction in (("find_abdomen", 1.0), ("segment", 0.5), ("find_abdomen", 0.0), ("segment", 1.0)):
            progress.showStage(StageProgress("id", stage, fraction, 1.0))
            shown.append(bar.value)
        assert shown == [32, 53, 53, 70]
        progress.stop()

    def test_result_is_a_new_segmentation_that_is_chosen_and_right(self, done, phantom):
        (node,) = segmentations()
        assert done.ui.resultSelector.currentNode() is node
        assert done.ui.failureLabel.isHidden()
        assert done.ui.progressBar.isHidden()
        scan = done.ui.scanSelector.currentNode()
        for organ in ORGANS[:3]:
            found = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(organ), scan) > 0
            ground_truth = phantom.labels == organ.label
            assert 2 * (found & ground_truth).sum() / (found.sum() + ground_truth.sum()) > 0.8, organ.name

    def test_tables_show_organs_stages_and_totals(self, done):
        assert not done.ui.organsSection.isHidden()
        assert [done.ui.organTable.item(row, 0).text() for row in range(4)] == [organ.name for organ in ORGANS]
        assert done.ui.organTable.item(0, 1).text().endswith(" mL")
        stages = [done.ui.stageTable.item(row, 0).text() for row in range(done.ui.stageTable.rowCount)]
        assert "Segment organs" in stages

    def test_total_is_what_the_person_waited_for_and_the_engine_has_a_line_of_its_own(self, engine, ready):
        began = time.monotonic()
        click(ready)
        wait_until(lambda: is_ready(ready))
        ended = time.monotonic()
        total, engines = ready.ui.totalsLabel.text.split("\n")
        seconds = float(total.removeprefix("Total ").removesuffix(" s"))
        report = readReport(segmentations()[0])
        assert report.total_seconds < seconds <= ended - began + 0.01
        assert engines.startswith(f"Engine {report.total_seconds:.2f} s · ")

    def test_show_3d_makes_and_removes_surfaces(self, done):
        (node,) = segmentations()
        done.ui.show3DButton.click()
        assert node.GetSegmentation().ContainsRepresentation("Closed surface")
        done.ui.show3DButton.click()
        assert not node.GetSegmentation().ContainsRepresentation("Closed surface")

    def test_a_start_that_fails_unexpectedly_leaves_the_panel_ready(self, ready, monkeypatch):
        monkeypatch.setattr(slicer.packaging, "pip_check", lambda requirements: 1 / 0)
        click(ready)
        assert is_ready(ready)
        assert "ZeroDivisionError" in ready.ui.failureLabel.text
        assert ready.ui.applyButton.enabled

    def test_second_run_writes_into_the_chosen_result(self, done):
        click(done)
        wait_until(lambda: is_ready(done))
        assert len(segmentations()) == 1

    def test_another_scan_gets_a_result_of_its_own(self, done, add_scan):
        first = done.ui.scanSelector.currentNode()
        (result,) = segmentations()
        done.ui.scanSelector.setCurrentNode(add_scan("Other"))
        wait_until(lambda: done.ui.resultSelector.currentNode() is None)
        click(done)
        wait_until(lambda: is_ready(done))
        assert [node.GetName() for node in segmentations()] == ["Phantom organs", "Other organs"]
        assert scanOf(result) is first

    def test_going_back_to_a_scan_goes_back_to_its_result(self, done, add_scan):
        first = done.ui.scanSelector.currentNode()
        (result,) = segmentations()
        done.ui.scanSelector.setCurrentNode(add_scan("Other"))
        click(done)
        wait_until(lambda: is_ready(done))
        done.ui.scanSelector.setCurrentNode(first)
        wait_until(lambda: done.ui.resultSelector.currentNode() is result)

    def test_a_scan_whose_result_is_deleted_does_not_show_that_of_another_scan(self, done, add_scan):
        done.ui.scanSelector.setCurrentNode(add_scan("Other"))
        click(done)
        wait_until(lambda: is_ready(done))
        slicer.mrmlScene.RemoveNode(done.ui.resultSelector.currentNode())
        wait_until(lambda: done.ui.resultSelector.currentNode() is None)
        assert done.ui.organsSection.isHidden()

    def test_a_run_that_ends_while_another_scan_is_chosen_shows_its_own_scan_and_result(self, done, add_scan):
        first = done.ui.scanSelector.currentNode()
        (result,) = segmentations()
        click(done)
        done.ui.scanSelector.setCurrentNode(add_scan("Other"))
        wait_until(lambda: is_ready(done))
        slicer.app.processEvents()
        assert done.ui.scanSelector.currentNode() is first
        assert done.ui.resultSelector.currentNode() is result
        assert not done.ui.organsSection.isHidden()

    def test_a_click_before_the_panel_has_caught_up_spares_the_other_scans_result(self, done, add_scan):
        (result,) = segmentations()
        before = result.GetAttribute("FlareSegmentation.Report")
        done.ui.scanSelector.setCurrentNode(add_scan("Other"))
        click(done)
        wait_until(lambda: is_ready(done))
        assert result.GetAttribute("FlareSegmentation.Report") == before

    def test_a_panel_opened_again_can_be_used_at_once(self, done, open_panel):
        again = open_panel()
        assert again.ui.scanFactsLabel.text == "128 x 128 x 80 · 3 x 3 x 4 mm"
        wait_until(lambda: again.ui.applyButton.enabled)

    def test_click_on_an_organ_centres_the_slice_views(self, done):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        done.ui.organTable.cellClicked.emit(2, 0)
        (segmentation,) = segmentations()
        expected = segmentation.GetSegmentCenterRAS(segmentId(ORGANS[2]))[2]
        assert abs(node.GetSliceToRAS().GetElement(2, 3) - expected) < 1

    def test_click_on_an_organ_marks_the_place_with_the_crosshair(self, done):
        crosshair = slicer.mrmlScene.AddNode(slicer.vtkMRMLCrosshairNode())
        done.ui.organTable.cellClicked.emit(2, 0)
        (segmentation,) = segmentations()
        assert crosshair.GetCrosshairRAS() == segmentation.GetSegmentCenterRAS(segmentId(ORGANS[2]))
        assert crosshair.GetCrosshairMode() == crosshair.ShowSmallBasic

    def test_result_follows_the_transform_of_the_scan(self, engine, ready):
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        ready.ui.scanSelector.currentNode().SetAndObserveTransformNodeID(transform.GetID())
        click(ready)
        wait_until(lambda: is_ready(ready))
        assert segmentations()[0].GetParentTransformNode() is transform

    def test_slicer_stays_responsive(self, engine, ready):
        beats = [time.monotonic()]
        timer = qt.QTimer()
        timer.connect("timeout()", lambda: beats.append(time.monotonic()))
        timer.start(20)
        click(ready)
        wait_until(lambda: is_ready(ready))
        timer.stop()
        assert len(beats) > 10
        assert max(np.diff(beats)) < 1.0

    def test_tables_come_back_with_a_result_chosen_later(self, done, open_panel):
        result = done.ui.resultSelector.currentNode()
        done.ui.resultSelector.setCurrentNode(None)
        assert done.ui.organsSection.isHidden()
        done.ui.resultSelector.setCurrentNode(result)
        assert not done.ui.organsSection.isHidden()


class TestParameters:
    def test_choices_are_kept_in_the_scene(self, ready, add_scan):
        other = add_scan("other")
        ready.ui.scanSelector.setCurrentNode(other)
        ready.ui.deviceComboBox.currentIndex = 1
        result = ready.ui.resultSelector.addNode()
        node = slicer.mrmlScene.GetSingletonNode("FlareSegmentation", "vtkMRMLScriptedModuleNode")
        assert node.GetNodeReference("scan") is other
        assert node.GetNodeReference("result") is result
        assert node.GetParameter("device") == "GPU"

    def test_choices_come_back_when_the_panel_is_opened_again(self, ready, add_scan, open_panel):
        other = add_scan("other")
        ready.ui.scanSelector.setCurrentNode(other)
        ready.ui.deviceComboBox.currentIndex = 2
        again = open_panel()
        assert again.ui.scanSelector.currentNode() is other
        assert again.ui.deviceComboBox.currentText == "CPU"

    def test_change_of_the_node_is_shown(self, ready):
        node = slicer.mrmlScene.GetSingletonNode("FlareSegmentation", "vtkMRMLScriptedModuleNode")
        node.SetParameter("device", "CPU")
        node.InvokeEvent(vtk.vtkCommand.ModifiedEvent)
        assert ready.ui.deviceComboBox.currentText == "CPU"
