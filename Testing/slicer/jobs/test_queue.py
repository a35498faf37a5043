"""Several scans one after the other, driven through the panel."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer
from conftest import click, is_ready, is_running, segmentations, wait_until

FINE, BROKEN, ENDLESS = -100, -1, -2  # first voxel; see workers/script.py


@pytest.fixture
def add(scripted, open_panel):
    """Adds scans by their first voxel; the panel is open meanwhile."""
    scripted("willing")

    def add_(*firstVoxels):
        panel = open_panel()
        for number, first in enumerate(firstVoxels):
            voxels = np.random.default_rng(number).integers(-1000, 200, (20, 30, 30)).astype(np.int16)
            voxels[0, 0, 0] = first
            slicer.util.addVolumeFromArray(voxels, np.diag([4.0, 4.0, 4.0, 1.0]), f"scan {number}")
        return panel

    return add_


def start(panel):
    panel.ui.allScansCheckBox.click()
    panel.ui.queueButton.click()


def column(panel, index):
    return [panel.ui.queueTable.item(row, index).text() for row in range(panel.ui.queueTable.rowCount)]


def test_list_is_hidden_while_there_is_one_scan(add):
    assert add(FINE).ui.queueSection.isHidden()


def test_list_names_the_scans_of_the_scene(add):
    panel = add(FINE, FINE)
    assert not panel.ui.queueSection.isHidden()
    assert column(panel, 0) == ["scan 0", "scan 1"]
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("scan 0"))
    assert panel.ui.queueSection.isHidden()


def test_nothing_ticked_offers_nothing(add):
    panel = add(FINE, FINE)
    assert not panel.ui.queueButton.enabled
    panel.ui.queueTable.item(1, 0).setCheckState(qt.Qt.Checked)
    assert panel.ui.queueButton.enabled


def test_every_ticked_scan_gets_a_result_and_a_row(add):
    panel = add(FINE, FINE, FINE)
    start(panel)
    wait_until(lambda: is_ready(panel))
    assert column(panel, 2) == ["done"] * 3
    assert all(float(text) >= 0 for text in column(panel, 1))
    assert [node.GetName() for node in segmentations()] == ["scan 0 organs", "scan 1 organs", "scan 2 organs"]


def test_only_ticked_scans_are_segmented(add):
    panel = add(FINE, FINE)
    panel.ui.queueTable.item(1, 0).setCheckState(qt.Qt.Checked)
    panel.ui.queueButton.click()
    wait_until(lambda: is_ready(panel))
    assert column(panel, 2) == ["", "done"]


def test_failed_scan_tells_why_and_the_rest_go_on(add):
    panel = add(FINE, BROKEN, FINE)
    start(panel)
    wait_until(lambda: is_ready(panel))
    assert column(panel, 2) == ["done", "This scan is broken.", "done"]
    assert len(segmentations()) == 2


def test_scan_that_fails_unexpectedly_does_not_stop_the_others(add, monkeypatch):
    panel = add(FINE, FINE)
    failures, check = [LookupError("this was not foreseen")], slicer.packaging.pip_check

    def fail_once(requirements):
        if failures:
            raise failures.pop()
        return check(requirements)

    wait_until(lambda: panel.ui.deviceFactsLabel.text)  # the panel itself has looked for the packages
    monkeypatch.setattr(slicer.packaging, "pip_check", fail_once)
    start(panel)
    wait_until(lambda: is_ready(panel))
    assert column(panel, 2) == [
        "An unexpected error occurred (LookupError: this was not foreseen).",
        "done",
    ]


def test_progress_tells_which_scan_is_at_work_and_starts_anew_with_each(add):
    panel = add(FINE, ENDLESS)
    wait_until(lambda: not panel.ui.costLabel.isHidden())
    start(panel)
    wait_until(lambda: "Segment" in panel.ui.progressLabel.text)
    assert panel.ui.progressLabel.text.startswith("Scan 2 of 2 · Segment organs · 0.")
    assert "s left" in panel.ui.progressLabel.text
    click(panel)
    wait_until(lambda: is_ready(panel))


def test_list_cannot_be_started_while_a_single_scan_is_segmented(add):
    panel = add(ENDLESS, FINE)
    wait_until(lambda: panel.ui.applyButton.enabled)
    panel.ui.allScansCheckBox.click()
    assert panel.ui.queueButton.enabled
    click(panel)
    assert not panel.ui.queueButton.enabled
    wait_until(lambda: is_running(panel))
    click(panel)
    wait_until(lambda: is_ready(panel))
    assert panel.ui.queueButton.enabled


def test_cancel_stops_the_queue(add):
    panel = add(FINE, ENDLESS, FINE)
    start(panel)
    wait_until(lambda: is_running(panel))
    assert column(panel, 2) == ["done", "running", "waiting"]
    click(panel)
    wait_until(lambda: is_ready(panel))
    assert column(panel, 2) == ["done", "cancelled", "cancelled"]
    assert panel.ui.failureLabel.text == "Cancelled."
    assert len(segmentations()) == 1


def test_scan_deleted_while_it_waits_does_not_stop_the_others(add):
    panel = add(FINE, FINE, FINE)
    start(panel)
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("scan 1"))
    wait_until(lambda: is_ready(panel))
    assert column(panel, 2) == ["done", "done"]


def test_closing_the_scene_ends_the_queue(add):
    panel = add(ENDLESS, FINE)
    start(panel)
    wait_until(lambda: is_running(panel))
    slicer.mrmlScene.Clear()
    wait_until(lambda: is_ready(panel))
    assert segmentations() == []
    assert panel.ui.queueSection.isHidden()
    assert panel.ui.failureLabel.text == "The scene was closed, so the segmentation was stopped."


def test_second_queue_fills_the_results_of_the_first(add):
    panel = add(FINE, FINE)
    for _ in range(2):
        panel.ui.queueButton.click() if panel.ui.queueButton.enabled else start(panel)
        wait_until(lambda: is_ready(panel))
    assert len(segmentations()) == 2


def test_click_on_a_finished_row_shows_its_scan_and_result(add):
    panel = add(FINE, FINE)
    start(panel)
    wait_until(lambda: is_ready(panel))
    panel.ui.queueTable.cellClicked.emit(0, 0)
    assert panel.ui.scanSelector.currentNode().GetName() == "scan 0"
    assert panel.ui.resultSelector.currentNode().GetName() == "scan 0 organs"
