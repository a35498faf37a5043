"""A scan that becomes another one while it is segmented: the result of the old one is not written on it."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import Outcome, segmentations

import FlareSegmentation


def smaller(scan):
    slicer.util.updateVolumeFromArray(scan, slicer.util.arrayFromVolume(scan)[:, ::2, ::2].copy())


def sameSizeElsewhere(scan):
    scan.SetOrigin(1.0, 2.0, 3.0)


def sameSizeOtherSpacing(scan):
    scan.SetSpacing(0.5, 0.5, 0.5)


def withoutVoxels(scan):
    scan.SetAndObserveImageData(None)


@pytest.mark.parametrize("replaced", [smaller, sameSizeElsewhere, sameSizeOtherSpacing, withoutVoxels])
def test_result_is_not_written_on_another_grid(replaced, scripted, add_scan):
    scripted("willing")
    scan = add_scan()
    outcome = Outcome(FlareSegmentation.FlareSegmentationLogic().start(scan))
    replaced(scan)
    assert outcome.wait().error.kind == "bad_scan"
    assert segmentations() == []


def test_message_says_what_happened_and_what_to_do(scripted, add_scan):
    scripted("willing")
    scan = add_scan()
    outcome = Outcome(FlareSegmentation.FlareSegmentationLogic().start(scan))
    smaller(scan)
    assert str(outcome.wait().error) == (
        "The scan got another size or position while it was segmented, so no result was written. "
        "Segment the scan again."
    )


def test_earlier_result_stays_as_it_was(scripted, add_scan):
    scripted("willing")
    scan = add_scan()
    logic = FlareSegmentation.FlareSegmentationLogic()
    node = Outcome(logic.start(scan)).wait().finished[0]
    liver = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, "FlareSegmentation.Liver").copy()
    outcome = Outcome(logic.start(scan, node))
    smaller(scan)
    assert outcome.wait().error.kind == "bad_scan"
    now = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, "FlareSegmentation.Liver")
    assert np.array_equal(now, liver)


def test_transform_that_is_set_meanwhile_is_not_another_grid(scripted, add_scan):
    scripted("willing")
    scan = add_scan()
    outcome = Outcome(FlareSegmentation.FlareSegmentationLogic().start(scan))
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    scan.SetAndObserveTransformNodeID(transform.GetID())
    assert outcome.wait().finished[0].GetParentTransformNode() is transform
