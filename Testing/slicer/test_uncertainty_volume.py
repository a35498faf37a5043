"""The doubt of a result as a volume over the scan."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import GRID
from FlareSegmentationLib.nodes.uncertainty import (
    isUncertainty,
    isUncertaintyShown,
    showUncertainty,
    uncertaintyOf,
    writeUncertainty,
)


@pytest.fixture
def percent(labels):
    """Another number in every column: uint8 (k, j, i)."""
    return np.broadcast_to(np.arange(labels.shape[2], dtype=np.uint8), labels.shape).copy()


@pytest.fixture
def views():
    return [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", name) for name in ("Red", "Green")]


@pytest.fixture
def doubt(node, scan, percent):
    writeUncertainty(node, scan, percent)
    return uncertaintyOf(node)


def test_result_without_doubt_has_no_volume(node):
    assert uncertaintyOf(node) is None
    assert uncertaintyOf(None) is None


def test_volume_lies_on_the_scans_grid(doubt, percent):
    assert np.array_equal(slicer.util.arrayFromVolume(doubt), percent)
    matrix = slicer.vtkMRMLScalarVolumeNode.GetIJKToRASMatrix
    found = slicer.util.vtkMatrixFromArray(np.eye(4))
    matrix(doubt, found)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(found), GRID)


def test_volume_is_named_after_the_scan_and_is_no_scan_itself(doubt, scan):
    assert doubt.GetName() == "CTA uncertainty"
    assert isUncertainty(doubt)
    assert not isUncertainty(scan)


def test_volume_moves_with_the_scan(node, scan, percent):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    scan.SetAndObserveTransformNodeID(transform.GetID())
    writeUncertainty(node, scan, percent)
    assert uncertaintyOf(node).GetParentTransformNode() is transform


def test_second_run_fills_the_same_volume(doubt, node, scan, percent):
    writeUncertainty(node, scan, percent // 2)
    assert uncertaintyOf(node) is doubt
    assert np.array_equal(slicer.util.arrayFromVolume(doubt), percent // 2)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_doubt_from_5_to_100_percent_is_drawn_and_brightest_at_60(doubt):
    display = doubt.GetDisplayNode()
    assert display.GetApplyThreshold()
    assert (display.GetLowerThreshold(), display.GetUpperThreshold()) == (5, 100)
    assert not display.GetAutoWindowLevel()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 60)


def test_volume_is_laid_over_the_scan_and_taken_away_again(doubt, node, views):
    assert not isUncertaintyShown(node)
    showUncertainty(node, True)
    assert [view.GetForegroundVolumeID() for view in views] == [doubt.GetID()] * 2
    assert [view.GetForegroundOpacity() for view in views] == pytest.approx([0.7, 0.7])
    assert isUncertaintyShown(node)
    showUncertainty(node, False)
    assert [view.GetForegroundVolumeID() for view in views] == [None] * 2
    assert [view.GetForegroundOpacity() for view in views] == [0, 0]
    assert not isUncertaintyShown(node)


def test_volume_behind_the_scan_does_not_count_as_shown(doubt, node, views):
    views[0].SetBackgroundVolumeID(doubt.GetID())
    assert not isUncertaintyShown(node)
