"""Options: what reaches the engine, what stays with the person, what stays with the scene."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import click, run_once, wait_until
from flareseg.core.errors import FlareError
from flareseg.worker.events import decode_job
from FlareSegmentationLib import settings
from FlareSegmentationLib.choices import DeviceChoice
from FlareSegmentationLib.jobs.parameters import optionsOf
from FlareSegmentationLib.jobs.process import workerCommand
from FlareSegmentationLib.nodes.uncertainty import uncertaintyOf
from FlareSegmentationLib.options import RunOptions
from PySide6.QtCore import QObject
from scipy.ndimage import binary_erosion

import FlareSegmentation


def test_options_reach_the_engine(scripted):
    logic = FlareSegmentation.FlareSegmentationLogic(scripted("telling"))
    told = []
    logic.runner.logged.connect(told.append)
    scan = slicer.util.addVolumeFromArray(np.zeros((5, 6, 7), np.int16))
    result = {"splitKidneys": True, "cleanUp": "strong", "uncertainty": True, "organs": ["liver"]}
    result.update(network="full-size", weights="/my/weights")
    logic.segment(scan, device="cpu", precision="float32", borders="plain", huGate=False, **result)
    job = decode_job(told[0].encode())
    assert (job.split_kidneys, job.clean_up, job.device) == (True, "strong", "cpu")
    assert job.precision == "float32"
    assert (job.borders, job.hu_gate) == ("plain", False)
    assert job.organs == ["liver"]
    assert (job.network, job.weights) == ("full-size", "/my/weights")
    assert job.uncertainty


@pytest.mark.parametrize(
    "option",
    [
        {"organs": ["heart"]},
        {"device": "tpu"},
        {"edited": "burn"},
        {"cleanUp": "hard"},
        {"borders": "sharp"},
        {"precision": "int8"},
        {"network": "whole"},
    ],
)
def test_unknown_choice_is_refused(option):
    with pytest.raises(FlareError) as caught:
        RunOptions(**option)
    assert caught.value.kind == "bad_job"


def test_left_and_right_kidney_come_as_two_segments(engine, add_scan):
    node = FlareSegmentation.FlareSegmentationLogic().segment(add_scan(), device="cpu", splitKidneys=True)
    names = [node.GetSegmentation().GetSegment(i).GetName() for i in node.GetSegmentation().GetSegmentIDs()]
    assert names == ["Liver", "Right kidney", "Left kidney", "Spleen", "Pancreas"]
    right, left = (node.GetSegmentCenterRAS(f"FlareSegmentation.{side} kidney")[0] for side in ("Right", "Left"))
    assert right > left + 50  # RAS: right is positive


def test_uncertainty_comes_as_a_volume_that_is_highest_at_the_borders(engine, add_scan):
    scan = add_scan()
    node = FlareSegmentation.FlareSegmentationLogic().segment(scan, device="cpu", uncertainty=True)
    uncertainty = slicer.util.arrayFromVolume(uncertaintyOf(node))
    liver = slicer.util.arrayFromSegmentBinaryLabelmap(node, "FlareSegmentation.Liver", scan) > 0
    inside = binary_erosion(liver, iterations=3)
    assert uncertainty.dtype == np.uint8
    assert uncertainty.max() <= 100
    assert uncertainty[liver & ~inside].mean() > 2 * uncertainty[inside].mean()


class TestOrgans:
    def test_only_those_ticked_become_segments_and_rows(self, engine, ready):
        ready.ui.liverCheckBox.click()
        ready.ui.kidneysCheckBox.click()
        node = run_once(ready)
        assert list(node.GetSegmentation().GetSegmentIDs()) == [
            "FlareSegmentation.Spleen",
            "FlareSegmentation.Pancreas",
        ]
        table = ready.ui.organTable
        assert [table.item(row, 0).text() for row in range(table.rowCount)] == ["Spleen", "Pancreas"]

    def test_none_is_refused_with_a_sentence(self, ready):
        for name in ("liver", "kidneys", "spleen", "pancreas"):
            getattr(ready.ui, f"{name}CheckBox").click()
        click(ready)
        assert ready.ui.failureLabel.text == "No organ is chosen. Choose among liver, kidneys, spleen, pancreas."

    def test_the_choice_is_kept_in_the_scene(self, ready, open_panel):
        ready.ui.spleenCheckBox.click()
        again = open_panel()
        assert [again.ui.spleenCheckBox.checked, again.ui.liverCheckBox.checked] == [False, True]


class TestOfAPerson:
    def test_are_kept_from_session_to_session(self, ready, open_panel):
        ready.ui.keepWarmSpinBox.value = 17
        ready.ui.show3DCheckBox.click()
        again = open_panel()
        assert again.ui.keepWarmSpinBox.value == 17
        assert again.ui.show3DCheckBox.checked

    def test_device_and_kidneys_are_those_chosen_last_in_a_new_scene(self, ready):
        ready.ui.deviceComboBox.currentIndex = 2
        ready.ui.deviceComboBox.activated.emit(2)
        ready.ui.splitKidneysCheckBox.click()
        slicer.mrmlScene.Clear()
        assert ready.ui.deviceComboBox.currentText == "CPU"
        assert ready.ui.splitKidneysCheckBox.checked

    def test_scene_that_was_made_elsewhere_changes_no_preference(self, ready):
        ready.ui.deviceComboBox.currentIndex = 1  # as when a scene is loaded: no person clicked
        assert settings.device() is DeviceChoice.AUTO

    def test_worker_stays_warm_as_long_as_set(self, ready):
        ready.ui.keepWarmSpinBox.value = 3
        command = workerCommand()
        assert command[command.index("--idle-seconds") + 1] == "180"

    def test_3d_is_shown_after_the_run(self, ready_with):
        panel = ready_with("willing")
        panel.ui.show3DCheckBox.click()
        segmentation = run_once(panel).GetSegmentation()
        wait_until(lambda: segmentation.ContainsRepresentation("Closed surface"))


def test_the_whole_scan_in_one_pass_takes_the_users_own_weights(ready):
    """None are shipped: the field for their folder is off otherwise. The folder is a preference, not the scene's."""
    assert not ready.ui.weightsLineEdit.enabled
    ready.ui.networkComboBox.currentIndex = 1
    assert ready.ui.networkComboBox.currentText == "Whole scan in one pass"
    assert ready.ui.weightsLineEdit.enabled
    ready.ui.weightsLineEdit.setText("/my/weights")
    assert settings.weightsFolder() == "/my/weights"
    options = optionsOf(ready.logic.getParameterNode())
    assert (options["network"].value, options["weights"]) == ("full-size", "/my/weights")
    ready.ui.networkComboBox.currentIndex = 0
    assert optionsOf(ready.logic.getParameterNode())["weights"] == ""


def test_scene_remembers_the_rest(ready, add_scan, tmp_path):
    ready.ui.scanSelector.setCurrentNode(add_scan("second"))
    ready.ui.cleanUpComboBox.currentIndex = 2
    ready.ui.precisionComboBox.currentIndex = 1
    ready.ui.bordersComboBox.currentIndex = 0
    ready.ui.huGateCheckBox.click()
    ready.ui.uncertaintyCheckBox.click()
    ready.ui.regionComboBox.currentIndex = 1
    roi = ready.ui.roiSelector.addNode()
    path = str(tmp_path / "scene.mrml")
    slicer.mrmlScene.SetURL(path)
    slicer.mrmlScene.Commit(path)
    slicer.mrmlScene.Clear()
    slicer.mrmlScene.Connect()
    assert ready.ui.scanSelector.currentNode().GetName() == "second"
    assert ready.ui.cleanUpComboBox.currentText == "Strong"
    assert ready.ui.precisionComboBox.currentText == "float32"
    assert ready.ui.bordersComboBox.currentText == "Plain"
    assert not ready.ui.huGateCheckBox.checked
    assert ready.ui.uncertaintyCheckBox.checked
    assert ready.ui.regionComboBox.currentText == "From the box"
    assert ready.ui.roiSelector.currentNode().GetName() == roi.GetName()


def test_choices_survive_a_look_at_another_module(ready):
    ready.ui.deviceComboBox.currentIndex = 2
    ready.ui.editedComboBox.currentIndex = 2
    ready.ui.regionComboBox.currentIndex = 1
    for _ in range(2):
        ready.exit()
        ready.enter()
    boxes = (ready.ui.deviceComboBox, ready.ui.editedComboBox, ready.ui.regionComboBox)
    assert [box.currentText for box in boxes] == ["CPU", "New segmentation", "From the box"]


def test_panel_that_is_not_shown_leaves_the_parameters_alone(ready):
    ready.exit()
    ready.ui.deviceComboBox.currentIndex = 1
    assert ready.logic.getParameterNode().device is DeviceChoice.AUTO


def test_tab_key_walks_the_panel_from_top_to_bottom(ready):
    wanted = ["deviceComboBox", "applyButton", "organTable", "editButton", "copyReportButton", "queueButton"]
    wanted += ["regionComboBox", "cleanUpComboBox", "precisionComboBox", "keepWarmSpinBox", "logText"]
    names, widget = ["deviceComboBox"], ready.ui.deviceComboBox.nextInFocusChain()
    while widget is not ready.ui.deviceComboBox:
        names.append(QObject.objectName(widget))
        widget = widget.nextInFocusChain()
    assert [name for name in names if name in wanted] == wanted


def test_several_scenes_in_a_row_leave_nothing_behind(ready_with, add_scan):
    panel = ready_with("willing")
    counts = []
    for _ in range(3):
        panel.ui.uncertaintyCheckBox.checked = True
        run_once(panel)
        panel.ui.adjustRegionButton.click()
        panel.ui.keepTableButton.click()
        slicer.mrmlScene.Clear()
        counts.append(slicer.mrmlScene.GetNumberOfNodes())
        assert panel.ui.organsSection.isHidden()
        assert panel.ui.regionNoteLabel.isHidden()
        assert panel.ui.regionComboBox.currentText == "Automatic"
        add_scan()
        wait_until(lambda: panel.ui.applyButton.enabled)
    assert len(set(counts)) == 1
    assert panel.logic.runner.process.running
