"""The frames of a sequence, listed as scans and segmented one after the other."""

from __future__ import annotations

import json

import numpy as np
import pytest
import qt
import slicer
from conftest import is_ready, segmentations, wait_until
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.frames import addFrames, sequenceOf
from FlareSegmentationLib.nodes.results import resultOf, scanOf


@pytest.fixture
def proxy():
    """A volume node that shows one of three frames."""
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "CT sequence")
    sequence.SetIndexName("time")
    for time in range(3):
        voxels = np.random.default_rng(time).integers(-1000, 200, (20, 30, 30)).astype(np.int16)
        voxels[0, 0, 0] = -100  # see workers/script.py: this one is willing
        frame = slicer.util.addVolumeFromArray(voxels, np.diag([4.0, 4.0, 4.0, 1.0]))
        sequence.SetDataNodeAtValue(frame, str(time))
        slicer.mrmlScene.RemoveNode(frame)
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    node = slicer.util.addVolumeFromArray(voxels, np.diag([4.0, 4.0, 4.0, 1.0]), "CT")
    browser.AddProxyNode(node, sequence, False)
    browser.SetOverwriteProxyName(sequence, False)
    browser.SetSelectedItemNumber(0)
    return node


def test_an_ordinary_scan_has_no_frames(add_scan):
    scan = add_scan()
    assert sequenceOf(scan) is None
    assert addFrames(scan) == []


def test_each_frame_becomes_a_scan_with_its_own_voxels_and_place(proxy):
    frames = addFrames(proxy)
    assert [node.GetName() for node in frames] == ["CT time 0", "CT time 1", "CT time 2"]
    for time, node in enumerate(frames):
        expected = np.random.default_rng(time).integers(-1000, 200, (20, 30, 30)).astype(np.int16)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(node)[1:], expected[1:])
        assert node.GetSpacing() == (4.0, 4.0, 4.0)
        assert node.GetImageData() is sequenceOf(proxy).GetNthDataNode(time).GetImageData()


def test_frames_listed_twice_are_the_same_scans(proxy):
    assert addFrames(proxy) == addFrames(proxy)


def test_frames_belong_to_their_sequence_also_in_a_scene_that_was_loaded_into_another(proxy, tmp_path):
    """Identifiers are given out anew then."""
    addFrames(proxy)
    path = str(tmp_path / "scene.mrml")
    slicer.mrmlScene.SetURL(path)
    slicer.mrmlScene.Commit(path)
    slicer.mrmlScene.Import()
    first, second = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    scans = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    for sequence in (first, second):
        frames = [node for node in scans if node.GetNodeReference("FlareSegmentation.Sequence") is sequence]
        assert [node.GetAttribute("FlareSegmentation.Frame") for node in frames] == ["0", "1", "2"]


def test_the_panel_offers_frames_only_where_there_are_some(open_panel, proxy, add_scan):
    panel = open_panel()
    panel.ui.scanSelector.setCurrentNode(proxy)
    assert not panel.ui.framesButton.isHidden()
    assert panel.ui.framesButton.text == "List the 3 frames as scans"
    panel.ui.scanSelector.setCurrentNode(add_scan())
    assert panel.ui.framesButton.isHidden()


def test_every_frame_gets_a_row_and_a_result(scripted, open_panel, proxy):
    scripted("willing")
    panel = open_panel()
    panel.ui.framesButton.click()
    panel.ui.queueButton.click()
    wait_until(lambda: is_ready(panel))
    names = [f"CT time {time}" for time in range(3)]
    rows = panel.ui.queueTable.rowCount
    listed = {panel.ui.queueTable.item(row, 0).text(): panel.ui.queueTable.item(row, 2).text() for row in range(rows)}
    assert {name: listed[name] for name in names} == dict.fromkeys(names, "done")
    assert [node.GetName() for node in segmentations()] == [*(f"{name} organs" for name in names), "CT organs"]


class TestTheResultsOfAllFrames:
    @pytest.fixture
    def panel(self, scripted, open_panel, proxy):
        """A panel whose queue has segmented each frame."""
        scripted("willing")
        panel = open_panel()
        panel.ui.framesButton.click()
        self.run(panel)
        return panel

    def run(self, panel):
        panel.ui.queueButton.click()
        wait_until(lambda: is_ready(panel))

    def show(self, frame):
        (browser,) = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
        browser.SetSelectedItemNumber(frame)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)

    def liver(self, node, scan):
        return slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(ORGANS[0]), scan)

    def test_they_are_a_sequence_that_is_played_with_the_scan(self, panel, proxy):
        sequences = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
        assert [node.GetName() for node in sequences] == ["CT sequence", "CT organs"]
        assert [sequences[1].GetNthIndexValue(index) for index in range(3)] == ["0", "1", "2"]
        assert (sequences[1].GetIndexName(), sequences[1].GetNumberOfDataNodes()) == ("time", 3)
        (browser,) = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
        assert browser.IsSynchronizedSequenceNode(sequences[1])
        assert browser.GetProxyNode(sequences[1]).GetName() == "CT organs"

    def test_scan_and_result_of_the_sequence_are_chosen_at_the_end(self, panel, proxy):
        assert panel.ui.scanSelector.currentNode() is proxy
        assert panel.ui.resultSelector.currentNode().GetName() == "CT organs"
        assert [node.GetName() for node in segmentations() if node.GetDisplayVisibility()] == ["CT organs"]

    def test_each_frame_shows_its_own_organs(self, panel, proxy):
        shown = panel.ui.resultSelector.currentNode()
        for frame, node in enumerate(addFrames(proxy)):
            self.show(frame)
            assert np.array_equal(self.liver(shown, proxy), self.liver(resultOf(node), node))
            assert scanOf(shown) is proxy
            assert shown.GetDisplayVisibility()

    def test_tables_are_those_of_the_frame_that_is_shown(self, panel, proxy):
        shown = panel.ui.resultSelector.currentNode()
        results = slicer.util.getNodesByClass("vtkMRMLSequenceNode")[1]
        report = json.loads(shown.GetAttribute("FlareSegmentation.Report"))
        report["organs"][0]["volume_ml"] = 1234.0
        results.GetNthDataNode(2).SetAttribute("FlareSegmentation.Report", json.dumps(report))
        assert panel.ui.organTable.item(0, 1).text() != "1234 mL"
        self.show(2)
        wait_until(lambda: panel.ui.organTable.item(0, 1).text() == "1234 mL", seconds=20)

    def test_edit_stays_with_its_frame_also_after_another_run(self, panel, proxy):
        shown = panel.ui.resultSelector.currentNode()
        self.show(1)
        drawn = self.liver(shown, proxy)
        drawn[5:10, 5:10, 5:10] ^= 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(drawn, shown, segmentId(ORGANS[0]), proxy)
        self.show(2)
        assert not np.array_equal(self.liver(shown, proxy), drawn)
        self.run(panel)
        self.show(1)
        assert np.array_equal(self.liver(shown, proxy), drawn)
        assert len(slicer.util.getNodesByClass("vtkMRMLSequenceNode")) == 2

    def test_no_sequence_is_made_while_a_frame_lacks_a_result(self, scripted, open_panel, proxy):
        scripted("willing")
        panel = open_panel()
        panel.ui.framesButton.click()
        panel.ui.queueTable.item(1, 0).setCheckState(qt.Qt.Unchecked)
        self.run(panel)
        assert [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")] == ["CT sequence"]
