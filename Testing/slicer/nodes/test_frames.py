"""The frames of a sequence, listed as scans and segmented one after the other."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import is_ready, segmentations, wait_until
from FlareSegmentationLib.nodes.frames import addFrames, sequenceOf


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
    slicer.mrmlScene.RegisterNodeClass(slicer.vtkMRMLSequenceBrowserNode())  # as the Sequences module does
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.AddSynchronizedSequenceNode(sequence)
    node = slicer.util.addVolumeFromArray(voxels, np.diag([4.0, 4.0, 4.0, 1.0]), "CT")
    browser.AddProxyNode(node, sequence, False)
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
    assert [node.GetName() for node in segmentations()] == [f"{name} organs" for name in names]
