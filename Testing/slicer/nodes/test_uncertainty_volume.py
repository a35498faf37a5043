"""The uncertainty of a result as a volume over the scan."""

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
def uncertainty(node, scan, percent):
    writeUncertainty(node, scan, percent)
    return uncertaintyOf(node)


def test_result_without_uncertainty_has_no_volume(node):
    assert uncertaintyOf(node) is None
    assert uncertaintyOf(None) is None


def test_volume_lies_on_the_scans_grid(uncertainty, percent):
    assert np.array_equal(slicer.util.arrayFromVolume(uncertainty), percent)
    matrix = slicer.vtkMRMLScalarVolumeNode.GetIJKToRASMatrix
    found = slicer.util.vtkMatrixFromArray(np.eye(4))
    matrix(uncertainty, found)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(found), GRID)


def test_volume_is_named_after_the_scan_and_is_not_a_scan_itself(uncertainty, scan):
    assert uncertainty.GetName() == "CTA uncertainty"
    assert isUncertainty(uncertainty)
    assert not isUncertainty(scan)


def test_volume_moves_with_the_scan(node, scan, percent):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    scan.SetAndObserveTransformNodeID(transform.GetID())
    writeUncertainty(node, scan, percent)
    assert uncertaintyOf(node).GetParentTransformNode() is transform


def test_second_run_fills_the_same_volume(uncertainty, node, scan, percent):
    writeUncertainty(node, scan, percent // 2)
    assert uncertaintyOf(node) is uncertainty
    assert np.array_equal(slicer.util.arrayFromVolume(uncertainty), percent // 2)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_uncertainty_from_5_to_100_percent_is_drawn_and_brightest_at_60(uncertainty):
    display = uncertainty.GetDisplayNode()
    assert display.GetApplyThreshold()
    assert (display.GetLowerThreshold(), display.GetUpperThreshold()) == (5, 100)
    assert not display.GetAutoWindowLevel()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 60)


def test_volume_is_laid_over_the_scan_and_taken_away_again(uncertainty, node, views):
    assert not isUncertaintyShown(node)
    showUncertainty(node, True)
    assert [view.GetForegroundVolumeID() for view in views] == [uncertainty.GetID()] * 2
    assert [view.GetForegroundOpacity() for view in views] == pytest.approx([0.7, 0.7])
    assert isUncertaintyShown(node)
    showUncertainty(node, False)
    assert [view.GetForegroundVolumeID() for view in views] == [None] * 2
    assert [view.GetForegroundOpacity() for view in views] == [0, 0]
    assert not isUncertaintyShown(node)


def test_volume_behind_the_scan_does_not_count_as_shown(uncertainty, node, views):
    views[0].SetBackgroundVolumeID(uncertainty.GetID())
    assert not isUncertaintyShown(node)
