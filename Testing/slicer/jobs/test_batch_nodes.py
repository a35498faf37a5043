"""Several volume nodes from the Python console."""

from __future__ import annotations

import pytest
import slicer
from flareseg.core.errors import FlareError
from FlareSegmentationLib.jobs.batch import segmentAll
from FlareSegmentationLib.nodes.results import readReport

import FlareSegmentation


@pytest.fixture
def logic(engine):
    return FlareSegmentation.FlareSegmentationLogic()


def kinds(results) -> list[str]:
    return [result.error.kind if result.error else "done" for result in results]


def test_each_node_gets_its_segmentation_in_order(logic, add_scan):
    scans = [add_scan("first"), add_scan("second")]
    seen = []
    results = segmentAll(logic, scans, device="cpu", onResult=seen.append)
    assert [result.volumeNode for result in results] == scans
    assert [result.segmentationNode.GetName() for result in results] == ["first organs", "second organs"]
    assert all(readReport(result.segmentationNode).device.kind == "cpu" for result in results)
    assert seen == results


def test_nodes_that_cannot_be_segmented_do_not_stop_the_others(logic, add_scan):
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    gone = add_scan("gone")
    slicer.mrmlScene.RemoveNode(gone)
    results = segmentAll(logic, [empty, None, labels, gone, add_scan("last")])
    assert kinds(results) == ["bad_scan", "bad_scan", "bad_scan", "bad_scan", "done"]
    assert "no longer in the scene" in results[3].error.message
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_a_node_deleted_in_the_middle_fails_alone(logic, add_scan):
    first, second = add_scan("first"), add_scan("second")

    def delete_first(line: bytes) -> None:
        if first.GetScene() and b'"stage"' in line:
            slicer.mrmlScene.RemoveNode(first)

    logic.runner.process.lineReceived.connect(delete_first)
    results = segmentAll(logic, [first, second])
    assert kinds(results) == ["cancelled", "done"]
    assert "scan was deleted" in results[0].error.message


def test_closing_the_logic_cancels_what_is_left(logic, add_scan):
    scans = [add_scan(name) for name in ("first", "second", "third")]
    seen = []

    def close(line: bytes) -> None:
        if seen and b'"stage"' in line:
            logic.close()

    logic.runner.process.lineReceived.connect(close)
    assert kinds(segmentAll(logic, scans, onResult=seen.append)) == ["done", "cancelled", "cancelled"]


@pytest.mark.usefixtures("packages_missing")
def test_missing_packages_are_told_once_rather_than_for_each_node(logic, add_scan):
    with pytest.raises(FlareError, match="PyTorch"):
        segmentAll(logic, [add_scan(), add_scan()])
