"""Before the click: device, cost, and segments that were edited."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import slicer
from conftest import click, is_ready, is_running, run_once, segmentations, wait_until
from flareseg.core.organs import ORGANS
from FlareSegmentationLib import settings
from FlareSegmentationLib.nodes.edits import segmentId

LIVER = ORGANS[0]


class TestDeviceLine:
    def test_tells_device_free_memory_and_the_reason_without_a_click(self, ready):
        wait_until(lambda: ready.ui.deviceFactsLabel.text)
        assert ready.ui.deviceFactsLabel.text == "Test CPU, 9.1 GB free"
        assert ready.ui.deviceReasonLabel.text == "Chosen by you."

    def test_tells_what_this_scan_will_take(self, ready):
        wait_until(lambda: not ready.ui.costLabel.isHidden())
        assert ready.ui.costLabel.text == "about 1.1 s · 0.7 GB RAM"

    def test_tells_that_this_scan_will_not_fit(self, ready_with):
        """The phantom needs 359 MB: 240 for the engine, 4 for scan and labels, 115 for the networks."""
        panel = ready_with("short_of_memory")
        wait_until(lambda: not panel.ui.costLabel.isHidden())
        usual, lacking = panel.ui.costLabel.text.split("\n")
        assert usual == "about 1.1 s · 0.7 GB RAM"
        assert lacking == "This scan needs 0.36 GB RAM; 0.30 GB are available."

    def test_tells_why_automatic_takes_the_cpu(self, engine, ready):
        import torch

        if torch.cuda.is_available():
            pytest.skip("this computer has a GPU")
        wait_until(lambda: ready.ui.deviceReasonLabel.text == "PyTorch finds no CUDA GPU on this computer.")

    def test_learns_from_the_runs_on_this_computer(self, ready_with):
        panel = ready_with("willing")
        wait_until(lambda: not panel.ui.costLabel.isHidden())
        before = panel.panel.device.cost.seconds
        shown = panel.ui.costLabel.text
        run_once(panel)  # says that it took a second for 24 voxels
        assert panel.ui.costLabel.text != shown
        assert settings.slowness("cpu") == pytest.approx(1 / before, rel=0.1)  # both are small scans
        assert panel.panel.device.cost.seconds == pytest.approx(1, rel=0.1)

    @pytest.mark.parametrize("source", ["scan", "caller"])
    def test_learns_nothing_from_runs_that_the_forecast_is_not_of(self, ready_with, report, source):
        before = settings.slowness(report.device.kind)
        settings.learn(dataclasses.replace(report, roi_source=source, total_seconds=1000.0))
        assert settings.slowness(report.device.kind) == before

    def test_foretells_nothing_of_the_whole_scan_in_one_pass(self, ready):
        wait_until(lambda: not ready.ui.costLabel.isHidden())
        ready.ui.networkComboBox.currentIndex = 1
        assert ready.ui.costLabel.isHidden()
        assert ready.panel.device.cost is None
        ready.ui.networkComboBox.currentIndex = 0
        assert ready.ui.costLabel.text == "about 1.1 s · 0.7 GB RAM"

    def test_asks_again_when_another_device_is_chosen(self, ready_with):
        panel = ready_with("willing")
        questions = []
        panel.logic.runner.described.connect(lambda _id, device: questions.append(device))
        panel.ui.deviceComboBox.currentIndex = 2
        wait_until(lambda: questions)

    def test_device_that_is_not_there_is_told(self, engine, ready):
        import torch

        if torch.cuda.is_available():
            pytest.skip("this computer has a GPU")
        ready.ui.deviceComboBox.currentIndex = 1
        wait_until(lambda: ready.ui.deviceFactsLabel.text == "PyTorch finds no CUDA GPU on this computer.")
        assert ready.ui.costLabel.isHidden()

    @pytest.mark.usefixtures("packages_missing")
    def test_starts_nothing_while_packages_are_missing(self, open_panel):
        panel = open_panel()
        wait_until(lambda: "The PyTorch extension is not installed." in panel.ui.deviceFactsLabel.text)
        assert not panel.logic.runner.process.running

    def test_a_run_is_told_as_done_even_if_nothing_can_be_learnt_from_it(self, ready_with):
        panel = ready_with("willing")
        slicer.app.userSettings().setValue("FlareSegmentation/Slowness/cpu", "damaged")
        ends = []
        panel.logic.start(panel.ui.scanSelector.currentNode(), onFinished=lambda node, report: ends.append(node))
        wait_until(lambda: ends)

    def test_progress_can_be_read_while_the_engine_starts(self, ready):
        click(ready)
        assert not ready.ui.progressLabel.isHidden()
        assert ready.ui.progressLabel.text.startswith("Starting the engine · 0.")
        assert ready.ui.progressBar.value == 0

    def test_progress_tells_what_is_left_and_memory_now(self, ready_with):
        panel = ready_with("obedient")
        wait_until(lambda: not panel.ui.costLabel.isHidden())
        click(panel)
        wait_until(lambda: is_running(panel))
        assert " s left · 0.00 GB" in panel.ui.progressLabel.text


def edit(node, organ, scan):
    """As the Segment Editor does: another binary label map for one segment. Returns its voxels."""
    drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(organ), scan)
    drawn[10:20, 10:30, 10:30] ^= 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, node, segmentId(organ), scan)
    return drawn


class TestEditedSegments:
    @pytest.fixture
    def panel(self, ready_with):
        return ready_with("willing")

    def voxels(self, node, panel):
        scan = panel.ui.scanSelector.currentNode()
        return slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(LIVER), scan)

    def test_nothing_is_asked_while_nothing_was_edited(self, panel):
        run_once(panel)
        assert panel.ui.editedComboBox.isHidden()
        assert panel.ui.editedLabel.isHidden()

    def test_edited_segments_are_named_and_a_choice_is_offered(self, panel):
        edit(run_once(panel), LIVER, panel.ui.scanSelector.currentNode())
        wait_until(lambda: not panel.ui.editedComboBox.isHidden())
        assert panel.ui.editedOrgansLabel.text == "Liver"
        assert panel.ui.editedComboBox.currentText == "Keep them"

    def test_edits_are_found_when_the_panel_is_entered_again(self, panel):
        node = run_once(panel)
        panel.exit()
        edit(node, LIVER, panel.ui.scanSelector.currentNode())
        panel.enter()
        wait_until(lambda: panel.ui.editedOrgansLabel.text == "Liver")

    def test_edit_survives_the_next_run_bit_for_bit(self, panel):
        node = run_once(panel)
        drawn = edit(node, LIVER, panel.ui.scanSelector.currentNode())
        assert run_once(panel) is node
        assert np.array_equal(self.voxels(node, panel), drawn)
        assert "edited by hand, kept" in panel.ui.organTable.item(0, 4).text()

    def test_edit_made_during_the_run_survives_too(self, panel):
        node = run_once(panel)
        click(panel)
        drawn = edit(node, LIVER, panel.ui.scanSelector.currentNode())
        wait_until(lambda: is_ready(panel))
        assert np.array_equal(self.voxels(node, panel), drawn)

    def test_replace_gives_the_engines_segment_again(self, panel):
        node = run_once(panel)
        before = self.voxels(node, panel)
        edit(node, LIVER, panel.ui.scanSelector.currentNode())
        wait_until(lambda: not panel.ui.editedComboBox.isHidden())
        panel.ui.editedComboBox.currentIndex = 1
        assert run_once(panel) is node
        assert np.array_equal(self.voxels(node, panel), before)
        assert panel.ui.editedComboBox.isHidden()

    def test_organs_that_make_room_for_an_edit_are_measured_again(self, engine, ready):
        """Part of the liver is given to the spleen by hand; the volumes told are those in the scene."""
        scan = ready.ui.scanSelector.currentNode()
        node = run_once(ready)
        spleen = ORGANS[2]
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(spleen), scan)
        liver = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(LIVER), scan)
        drawn[: len(liver) // 2][liver[: len(liver) // 2] > 0] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, node, segmentId(spleen), scan)
        run_once(ready)
        millilitres = np.prod(scan.GetSpacing()) / 1000
        for organ in (LIVER, spleen):
            voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(organ), scan)
            row = ORGANS.index(organ)
            assert ready.ui.organTable.item(row, 1).text() == f"{voxels.sum() * millilitres:.0f} mL"

    def test_new_segmentation_leaves_the_edited_one_alone(self, panel):
        node = run_once(panel)
        drawn = edit(node, LIVER, panel.ui.scanSelector.currentNode())
        wait_until(lambda: not panel.ui.editedComboBox.isHidden())
        panel.ui.editedComboBox.currentIndex = 2
        assert run_once(panel) is not node
        assert np.array_equal(self.voxels(node, panel), drawn)
        assert len(segmentations()) == 2
