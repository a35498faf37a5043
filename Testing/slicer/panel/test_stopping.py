"""Runs that are stopped or that fail, in the panel."""

from __future__ import annotations

import time

import numpy as np
import pytest
import slicer
from conftest import click, is_ready, is_running, segmentations, wait_until
from packaging.requirements import Requirement


class TestStopping:
    @pytest.fixture
    def running(self, ready_with):
        panel = ready_with("obedient")
        click(panel)
        wait_until(lambda: is_running(panel))
        return panel

    def test_second_click_cancels_without_a_trace(self, running):
        click(running)
        assert not running.ui.applyButton.enabled
        wait_until(lambda: is_ready(running))
        assert running.ui.applyButton.enabled
        assert running.ui.retryButton.isHidden()
        assert running.ui.progressBar.isHidden()
        assert segmentations() == []

    def test_cancelled_is_said_once_and_beside_the_button(self, running):
        click(running)
        wait_until(lambda: is_ready(running))
        assert running.ui.failureLabel.text == "Cancelled."
        assert "ancel" not in running.ui.logText.toPlainText()
        click(running)
        assert running.ui.failureLabel.isHidden()

    def test_second_click_of_a_double_click_stops_nothing(self, ready_with):
        panel = ready_with("obedient")
        panel.ui.applyButton.click()
        panel.ui.applyButton.click()
        assert panel.ui.applyButton.text == "Cancel"
        wait_until(lambda: panel.panel.takesClicks)
        panel.ui.applyButton.click()
        assert panel.ui.applyButton.text == "Cancelling..."

    def test_second_click_of_a_double_click_on_cancel_starts_nothing(self, running):
        click(running)
        wait_until(lambda: is_ready(running))
        for _ in range(10):
            if running.panel.takesClicks:  # the run took longer to end than a double click: once more
                self._cancel_another(running)
        running.ui.applyButton.click()
        assert is_ready(running)

    def _cancel_another(self, panel):
        click(panel)
        wait_until(lambda: is_running(panel))
        click(panel)
        wait_until(lambda: is_ready(panel))

    def test_after_a_cancel_a_click_starts_again(self, running):
        click(running)
        wait_until(lambda: is_ready(running))
        click(running)
        wait_until(lambda: is_running(running))

    @pytest.mark.usefixtures("engine")
    def test_real_run_is_cancelled_within_the_engines_half_second(self, ready):
        click(ready)
        wait_until(lambda: ready.ui.progressLabel.text.startswith(("Find", "Segment")))
        wait_until(lambda: ready.panel.takesClicks)
        began = time.monotonic()
        click(ready)
        wait_until(lambda: is_ready(ready))
        assert time.monotonic() - began < 1.0
        assert ready.logic.runner.process.running

    def test_closing_the_scene_stops_the_run(self, running):
        slicer.mrmlScene.Clear()
        wait_until(lambda: is_ready(running))
        assert running.ui.failureLabel.text == "The scene was closed, so the segmentation was stopped."
        assert segmentations() == []
        assert not running.ui.applyButton.enabled

    def test_panel_works_in_the_scene_that_follows(self, running, add_scan):
        slicer.mrmlScene.Clear()
        wait_until(lambda: is_ready(running))
        scan = add_scan("another")
        wait_until(lambda: running.ui.applyButton.enabled)
        assert running.ui.scanSelector.currentNode() is scan
        click(running)
        wait_until(lambda: is_running(running))

    def test_deleting_the_scan_stops_the_run(self, running):
        slicer.mrmlScene.RemoveNode(running.ui.scanSelector.currentNode())
        wait_until(lambda: is_ready(running))
        assert running.ui.failureLabel.text == "The scan was deleted, so its segmentation was stopped."
        assert segmentations() == []

    def test_deleting_the_result_stops_the_run(self, ready_with):
        panel = ready_with("obedient")
        node = panel.ui.resultSelector.addNode()
        click(panel)
        wait_until(lambda: is_running(panel))
        slicer.mrmlScene.RemoveNode(node)
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.text == "The result was deleted, so the segmentation was stopped."
        assert segmentations() == []

    def test_deleting_another_node_stops_nothing(self, running):
        slicer.mrmlScene.RemoveNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode"))
        assert running.ui.applyButton.text == "Cancel"

    def test_run_goes_on_while_another_module_is_shown(self, ready_with):
        panel = ready_with("obedient")
        click(panel)
        panel.exit()
        wait_until(lambda: is_running(panel))
        panel.enter()
        assert panel.ui.applyButton.text == "Cancel"


class TestFailing:
    def test_crash_of_the_engine_is_a_red_line_with_a_hint_and_a_log(self, ready_with):
        panel = ready_with("crash")
        click(panel)
        wait_until(lambda: is_ready(panel))
        assert not panel.ui.failureLabel.isHidden()
        assert "stopped unexpectedly" in panel.ui.failureLabel.text
        assert "try again" in panel.ui.failureLabel.text
        assert "something broke" in panel.ui.logText.toPlainText()
        assert panel.ui.progressBar.isHidden()
        assert panel.ui.applyButton.enabled

    def test_engines_own_message_is_shown(self, engine, open_panel):
        air = np.random.default_rng(0).integers(-1000, -800, (40, 64, 64)).astype(np.int16)
        slicer.util.addVolumeFromArray(air, np.diag([5.0, 5.0, 5.0, 1.0]))
        panel = open_panel()
        click(panel)
        wait_until(lambda: is_ready(panel))
        assert panel.ui.failureLabel.text == "No abdomen found in this scan."
        assert panel.ui.failureActionButton.text == "Choose a region"
        assert segmentations() == []

    def test_next_run_clears_the_red_line(self, ready_with):
        panel = ready_with("crash")
        click(panel)
        wait_until(lambda: is_ready(panel))
        click(panel)
        assert panel.ui.failureLabel.isHidden()
        wait_until(lambda: is_ready(panel))

    def test_missing_package_is_told_before_anything_starts(self, ready_with, monkeypatch):
        panel = ready_with("obedient")
        missing = [Requirement("a-package-that-does-not-exist")]
        monkeypatch.setattr(slicer.packaging, "load_requirements", lambda path: missing)
        click(panel)
        assert "were not installed" in panel.ui.failureLabel.text
        assert panel.ui.failureActionButton.text == "Install packages"
        assert is_ready(panel)
